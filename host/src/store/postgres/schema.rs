//! The tables: made and brought up to date as a node starts, by one node at a time.

use tokio_postgres::Client;

use super::error::OpenError;
use super::settings::PostgresSettings;

/// What makes each version of the tables out of the one before, the first of them out of nothing.
const MIGRATIONS: [&str; 3] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
];
/// The version of the tables that this build works with.
const NEWEST: i32 = MIGRATIONS.len() as i32;
/// Its functions are all there from this version on: `pg_current_xact_id`, `pg_xact_status`.
const LEAST: u32 = 13;
/// The advisory lock under which tables are changed: the first letters of the product's name.
const LOCK: i64 = 0x7374_6570_7765_6c6c;
/// The advisory lock of who copies a store while no node works with it; nodes share it for the moment in which they enter.
pub(super) const OFFLINE: i64 = LOCK + 1;

/// Refuses a server or database that will not do.
pub(super) async fn check(client: &Client) -> Result<(), OpenError> {
    let row = client
        .query_one(
            "select current_setting('server_version_num')::int, current_setting('server_version'), \
             pg_is_in_recovery() or current_setting('transaction_read_only')::bool, \
             current_setting('server_encoding'), current_setting('fsync')::bool",
            &[],
        )
        .await?;
    let (number, version): (i32, String) = (row.get(0), row.get(1));
    if u32::try_from(number).unwrap_or(0) / 10_000 < LEAST {
        return Err(OpenError::Version {
            found: version,
            least: LEAST,
        });
    }
    if row.get::<_, bool>(2) {
        return Err(OpenError::ReadOnly);
    }
    let encoding: String = row.get(3);
    if encoding != "UTF8" {
        return Err(OpenError::Encoding(encoding));
    }
    if !row.get::<_, bool>(4) {
        tracing::warn!(
            "PostgreSQL runs with fsync = off: what was accepted may be lost when its machine fails"
        );
    }
    Ok(())
}

/// Whether there are tables.
pub(super) async fn is_there(
    client: &Client,
    settings: &PostgresSettings,
) -> Result<bool, OpenError> {
    let found = "select to_regclass($1::text || '.tables_version') is not null";
    let row = client.query_one(found, &[&settings.schema]).await?;
    Ok(row.get(0))
}

/// Whether there are tables of the version that this build works with.
pub(super) async fn has_newest(
    client: &Client,
    settings: &PostgresSettings,
) -> Result<bool, OpenError> {
    if !is_there(client, settings).await? {
        return Ok(false);
    }
    let row = client
        .query_opt("select version from tables_version", &[])
        .await?;
    Ok(row.is_some_and(|row| row.get::<_, i32>(0) == NEWEST))
}

/// Makes the tables, or brings them up to date. Returns the store's seed.
pub(super) async fn migrate(
    client: &Client,
    settings: &PostgresSettings,
) -> Result<[u8; 32], OpenError> {
    let schema = &settings.schema;
    client
        .batch_execute(&format!(
            "begin; set local lock_timeout = 0; set local statement_timeout = 0; \
             select pg_advisory_xact_lock({LOCK}); create schema if not exists {schema}; \
             create table if not exists {schema}.tables_version (version int not null)"
        ))
        .await?;
    let found = client
        .query_opt("select version from tables_version", &[])
        .await?;
    let found: i32 = found.map_or(0, |row| row.get(0));
    if found > NEWEST {
        client.batch_execute("rollback").await?;
        return Err(OpenError::Newer {
            found,
            known: NEWEST,
        });
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        client.batch_execute(migration).await?;
    }
    if found < NEWEST {
        client.batch_execute("delete from tables_version").await?;
        client
            .execute("insert into tables_version values ($1)", &[&NEWEST])
            .await?;
    }
    let new: [u8; 32] = rand::random();
    client
        .execute(
            "insert into cluster (seed) values ($1) on conflict do nothing",
            &[&&new[..]],
        )
        .await?;
    let seed: Vec<u8> = client
        .query_one("select seed from cluster", &[])
        .await?
        .get(0);
    client.batch_execute("commit").await?;
    let seed = <[u8; 32]>::try_from(seed);
    seed.map_err(|_| OpenError::Failed("the store's seed does not have 32 bytes".into()))
}
