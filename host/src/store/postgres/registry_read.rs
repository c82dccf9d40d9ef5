//! Reads the setup.

use std::str::FromStr;
use std::sync::atomic::Ordering;

use tokio_postgres::{Error, Row};

use super::error::{Failure, failed, is_cut};
use super::session::Session;
use super::shared::Shared;
use super::values::{count, millis, number};
use crate::domain::ids::WorkspaceName;
use crate::store::codec::damaged;
use crate::store::shapes::{SealedConfig, SealedConnector, read};
use crate::store::{Registry, StoreError};

/// Kinds of the setup. Never renumbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Workspace = 1,
    Webhook = 2,
    Step = 3,
    Config = 4,
    Connector = 5,
    Schedule = 6,
    Token = 7,
}

/// The workspace column of rows that belong to the server itself: no workspace has this name.
pub(super) const NO_WORKSPACE: &str = "";

const REVISION: &str = "select revision from cluster";
const REVISIONS: &str = "select revision, server_revision from cluster";
const CHANGED: &str = "select workspace from revisions where revision > $1 order by workspace";
const ALL: &str =
    "select kind, workspace, name, value, mark from setup order by kind, workspace, name";
/// By the primary key. The kinds are all that there are.
pub(super) const SOME: &str = "select kind, workspace, name, value, mark from setup \
    where kind = any('{1,2,3,4,5,6,7}') and workspace = any($1) order by kind, workspace, name";

/// The name under which something of a workspace is stored, or of the server itself.
pub(super) fn of(workspace: Option<&WorkspaceName>) -> &str {
    workspace.map_or(NO_WORKSPACE, WorkspaceName::as_str)
}

/// The newest revision of the setup.
pub(super) async fn revision(session: &Session) -> Result<u64, Error> {
    let rows = session.query(REVISION, &[]).await?;
    let revision = rows.first().map_or(0, |row| row.get::<_, i64>(0));
    Ok(u64::try_from(revision).unwrap_or_default())
}

/// Notes which revision there is as the node enters.
pub(super) async fn note_revision(shared: &Shared, session: &Session) -> Result<(), Error> {
    let revision = revision(session).await?;
    shared.revision.fetch_max(revision, Ordering::SeqCst);
    Ok(())
}

/// See [`crate::store::Store::registry_since`].
pub(super) async fn since(shared: &Shared, known: u64) -> Result<Registry, StoreError> {
    // Asked often, and nearly always so.
    if known != 0 {
        let rows = shared.query(REVISION, &[]).await?;
        let revision = rows.first().map_or(Ok(0), |row| count(row.get(0)))?;
        if revision == known {
            return Ok(Registry {
                revision,
                ..Registry::default()
            });
        }
    }
    let connection = shared.registry_connection.lock().await;
    let mut reconnected = false;
    loop {
        let session = connection.session(shared).await?;
        let read = read_since(&session, known).await;
        if let Ok(registry) = &read {
            let revision = registry.revision;
            shared.revision.fetch_max(revision, Ordering::SeqCst);
        }
        match session.run("commit").await {
            Err(error) if is_cut(&error) => connection.slot.close().await,
            _ => {}
        }
        match read {
            Ok(registry) => return Ok(registry),
            // The connection was lost while it was idle.
            Err(Failure::Database(error)) if is_cut(&error) && !reconnected => reconnected = true,
            Err(Failure::Database(error)) => return Err(failed(error)),
            Err(Failure::Store(error)) => return Err(error),
        }
    }
}

/// All of it as it was at one moment, in a transaction that is still open.
async fn read_since(session: &Session, known: u64) -> Result<Registry, Failure> {
    let begin = "begin isolation level repeatable read read only";
    session.run(begin).await?;
    let rows = session.query(REVISIONS, &[]).await?;
    let revision = rows.first().map_or(Ok(0), |row| count(row.get(0)))?;
    all(session, revision, known).await
}

/// What was read after `known`. At the start, and where a store is copied, all of it is needed.
///
/// # Errors
/// [`StoreError::Damaged`] if `known` is 0 and something could not be read.
pub(super) fn complete(registry: Registry, known: u64) -> Result<Registry, StoreError> {
    match registry.unreadable.first() {
        Some((_, error)) if known == 0 => Err(StoreError::Damaged(error.clone())),
        _ => Ok(registry),
    }
}

fn name<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, StoreError> {
    text.parse()
        .map_err(|error| damaged("a name", &format!("{error}")))
}

/// The setup of the workspaces that were changed after `known`, within a transaction. Everything if that is 0 or
/// newer than the stored revision: the database was then replaced by an older backup. One value that cannot be read, because
/// a newer server has written it, keeps nothing else from being read.
pub(super) async fn all(session: &Session, revision: u64, known: u64) -> Result<Registry, Failure> {
    let mut registry = Registry {
        revision,
        ..Registry::default()
    };
    let is_whole = known == 0 || known > revision;
    let known = number(known);
    let server_revision: i64 = session.query(REVISIONS, &[]).await?[0].get(1);
    let has_tokens = is_whole || server_revision > known;
    let changed = match is_whole {
        true => Vec::new(),
        false => session.query(CHANGED, &[&known]).await?,
    };
    let rows = if is_whole {
        session.query(ALL, &[]).await?
    } else {
        let server = has_tokens.then_some(NO_WORKSPACE);
        let names = changed.iter().map(|row| row.get(0));
        let names: Vec<&str> = names.chain(server).collect();
        session.query(SOME, &[&names]).await?
    };
    let mut server = Vec::new();
    for row in &rows {
        if let Err(error) = take(&mut registry, &mut server, row) {
            let of = match row.get::<_, i16>(0) == Kind::Token as i16 {
                true => None,
                false => Some(name(row.get(1))?),
            };
            registry.unreadable.push((of, error.to_string()));
        }
    }
    registry.server_tokens = has_tokens.then_some(server);
    registry.changed = if is_whole {
        let names = registry.workspaces.iter().map(|(name, _)| name.clone());
        names.collect()
    } else {
        let names = changed.iter().map(|row| name(row.get(0)));
        names.collect::<Result<_, _>>()?
    };
    registry.leave_out_unreadable();
    Ok(registry)
}

fn take(
    registry: &mut Registry,
    server: &mut Vec<crate::domain::token::Token>,
    row: &Row,
) -> Result<(), StoreError> {
    let kind: i16 = row.get(0);
    let (space, key, value): (&str, &str, &[u8]) = (row.get(1), row.get(2), row.get(3));
    let is = |wanted: Kind| wanted as i16 == kind;
    if is(Kind::Token) && space == NO_WORKSPACE {
        server.push(read(value)?);
        return Ok(());
    }
    let workspace: WorkspaceName = name(space)?;
    if is(Kind::Workspace) {
        registry.workspaces.push((workspace, read(value)?));
    } else if is(Kind::Webhook) {
        registry.webhooks.push(read(value)?);
    } else if is(Kind::Step) {
        registry.steps.push((workspace, read(value)?));
    } else if is(Kind::Config) {
        let sealed = read::<SealedConfig<'_>>(value)?.0.into_owned();
        registry.config.push((workspace, name(key)?, sealed));
    } else if is(Kind::Connector) {
        let sealed = read::<SealedConnector<'_>>(value)?.0.into_owned();
        registry.connectors.push((workspace, name(key)?, sealed));
    } else if is(Kind::Schedule) {
        let mark: Option<i64> = row.get(4);
        let mark = mark.map(millis);
        registry.schedules.push((read(value)?, mark));
    } else if is(Kind::Token) {
        registry.tokens.push(read(value)?);
    } else {
        return Err(damaged("the setup", &format!("there is no kind {kind}")));
    }
    Ok(())
}
