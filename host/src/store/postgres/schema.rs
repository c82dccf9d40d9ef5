//! The tables: made and brought up to date as a node starts, by one node at a time.

use std::time::Duration;

use tokio_postgres::Client;

use super::error::OpenError;
use super::settings::PostgresSettings;

/// The statements that make each version of the tables out of the one before, the first of them out of nothing.
const MIGRATIONS: [&str; 6] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
];
/// The version of the tables that this build works with.
const NEWEST: i32 = MIGRATIONS.len() as i32;
/// Its functions are all there from this version on: `pg_current_xact_id`, `pg_xact_status`.
const LEAST: u32 = 13;
/// Indexes that servers of before version 5 list by. While a server runs it may be one of those; others would pay for them at
/// every write.
const DROP_FORMER: &str = "begin; set local lock_timeout = '2s'; do $$ begin \
    if not exists (select from nodes where lease_until > clock_timestamp()) then \
    drop index if exists tasks_webhook, tasks_name, tasks_tags; end if; end $$; commit";
/// Nodes that work with a table wait behind who waits for all of it, so that is not waited for long: it may be in use by a
/// `pg_dump` for hours.
const LOCKS: &str = "set local lock_timeout = '2s'";
/// How often that is tried, and how long others go on between two tries.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_secs(1);
/// The advisory lock under which tables are changed: the first letters of the product's name.
const LOCK: i64 = 0x7374_6570_7765_6c6c;
/// The advisory lock of who copies a store while no node works with it; nodes share it for the moment in which they enter.
pub(super) const OFFLINE: i64 = LOCK + 1;

/// Whether a server of this version will do: its number is the major version times 10,000, and something less than that.
pub(super) fn suits(number: i32) -> bool {
    u32::try_from(number).unwrap_or(0) / 10_000 >= LEAST
}

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
    if !suits(number) {
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

/// The version of the tables that are there; none if there are none.
///
/// # Errors
/// [`OpenError::Newer`], or the database does not say.
pub(super) async fn version(
    client: &Client,
    settings: &PostgresSettings,
) -> Result<Option<i32>, OpenError> {
    let found = "select to_regclass($1::text || '.tables_version') is not null";
    let row = client.query_one(found, &[&settings.schema]).await?;
    if !row.get::<_, bool>(0) {
        return Ok(None);
    }
    let row = client
        .query_opt("select version from tables_version", &[])
        .await?;
    match row.map(|row| row.get(0)) {
        Some(found) if found > NEWEST => Err(OpenError::Newer {
            found,
            known: NEWEST,
        }),
        found => Ok(found),
    }
}

/// Makes the tables, or brings them up to date, one version after the other. Returns the store's seed.
///
/// # Errors
/// [`OpenError::Locked`]: others had the tables for [`TRIES`] tries.
pub(super) async fn migrate(
    client: &Client,
    settings: &PostgresSettings,
) -> Result<[u8; 32], OpenError> {
    let mut tries = 0;
    let seed = loop {
        begin(client).await?;
        match next_version(client, settings).await {
            Ok(seed) => {
                client.batch_execute("commit").await?;
                match seed {
                    Some(seed) => break seed,
                    None => continue,
                }
            }
            Err(error) => {
                let _ = client.batch_execute("rollback").await;
                tries += 1;
                if !matches!(error, OpenError::Locked(_)) || tries == TRIES {
                    return Err(error);
                }
                tracing::warn!(%error, "the tables are not up to date yet; this is tried again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    // Others may have the tables for long. Then a later start drops them.
    if let Err(error) = client.batch_execute(DROP_FORMER).await {
        let _ = client.batch_execute("rollback").await;
        tracing::debug!(%error, "indexes of former versions stay for now");
    }
    Ok(seed)
}

/// Within a transaction: the tables become those of the next version. The store's seed if they were the newest before.
async fn next_version(
    client: &Client,
    settings: &PostgresSettings,
) -> Result<Option<[u8; 32]>, OpenError> {
    let found = prepare(client, settings).await?;
    let next = found + 1;
    let Some(migration) = MIGRATIONS.get(found.unsigned_abs() as usize) else {
        return Ok(Some(plant(client).await?));
    };
    client.batch_execute(LOCKS).await?;
    if found > 0 {
        tracing::info!(version = next, "the database's tables are changed");
    }
    client.batch_execute(migration).await?;
    note_version(client, next).await?;
    Ok(None)
}

/// Begins a transaction that may change the tables, after all others that do.
pub(super) async fn begin(client: &Client) -> Result<(), OpenError> {
    let begin = format!(
        "begin isolation level read committed; set local lock_timeout = 0; \
         set local statement_timeout = 0; select pg_advisory_xact_lock({LOCK})"
    );
    Ok(client.batch_execute(&begin).await?)
}

/// Makes the tables, or brings them up to date, within one transaction of [`begin`], while no node works with them. Returns
/// the store's seed.
pub(super) async fn bring_up_to_date(
    client: &Client,
    settings: &PostgresSettings,
) -> Result<[u8; 32], OpenError> {
    let found = prepare(client, settings).await?;
    for migration in MIGRATIONS.iter().skip(found.unsigned_abs() as usize) {
        client.batch_execute(migration).await?;
    }
    if found < NEWEST {
        note_version(client, NEWEST).await?;
    }
    plant(client).await
}

/// Makes the schema if there is none. The version of its tables, 0 if it has none.
async fn prepare(client: &Client, settings: &PostgresSettings) -> Result<i32, OpenError> {
    let schema = &settings.schema;
    client
        .batch_execute(&format!(
            "create schema if not exists {schema}; \
             create table if not exists {schema}.tables_version (version int not null)"
        ))
        .await?;
    Ok(version(client, settings).await?.unwrap_or(0))
}

async fn note_version(client: &Client, version: i32) -> Result<(), OpenError> {
    client.batch_execute("delete from tables_version").await?;
    client
        .execute("insert into tables_version values ($1)", &[&version])
        .await?;
    Ok(())
}

/// The seed of the store, which has a new one if it had none.
async fn plant(client: &Client) -> Result<[u8; 32], OpenError> {
    let new: [u8; 32] = rand::random();
    client
        .execute(
            "insert into cluster (seed) select $1 where not exists (select from cluster)",
            &[&&new[..]],
        )
        .await?;
    seed(client).await
}

/// The seed of the store that is there.
pub(super) async fn seed(client: &Client) -> Result<[u8; 32], OpenError> {
    let row = client.query_one("select seed from cluster", &[]).await?;
    let seed = <[u8; 32]>::try_from(row.get::<_, Vec<u8>>(0));
    seed.map_err(|_| OpenError::Failed("the store's seed does not have 32 bytes".into()))
}
