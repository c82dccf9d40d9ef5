//! Changes of the setup: one transaction each, one after the other over all nodes, as each locks the row that
//! has the revision.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::error::{Failure, failed, is_cut, is_passing};
use super::registry_read::{self, Kind, NO_WORKSPACE, of};
use super::session::{Params, Session};
use super::shared::{RegistryConnection, Shared};
use super::values::{number, time};
use super::{audit, components, erase, hints, moved};
use crate::domain::audit::AuditEntry;
use crate::domain::ids::WorkspaceName;
use crate::domain::step::Step;
use crate::domain::token::Token;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::shapes::{SealedConfig, SealedConnector, StoredValue, read};
use crate::store::{Manage, Names, StoreError};

const LOCK: &str = "select revision from cluster for update";
const PUT: &str = "insert into setup (kind, workspace, name, value) values ($1, $2, $3, $4) \
    on conflict (kind, workspace, name) do update set value = excluded.value, mark = null";
/// The mark of a workspace is the revision in which it was set up: see `look::BORN`. Servers of before leave none.
const ADD: &str = "insert into setup (kind, workspace, name, value, mark) values ($1, $2, '', $3, $4) \
    on conflict do nothing";
const PUT_WORKSPACE: &str = "insert into setup (kind, workspace, name, value, mark) \
    values ($1, $2, '', $3, $4) \
    on conflict (kind, workspace, name) do update set value = excluded.value";
const DELETE: &str = "delete from setup where kind = $1 and workspace = $2 and name = $3";
const MARK: &str = "update setup set mark = greatest(mark, $4) \
    where kind = $1 and workspace = $2 and name = $3";
const GET: &str = "select value from setup where kind = $1 and workspace = $2 and name = $3";
const REVISED: &str = "insert into revisions (workspace, revision) \
    select unnest($1::text[]), $2 on conflict (workspace) do update set revision = excluded.revision";
const REVISION: &str = "update cluster set revision = $1, \
    server_revision = case when $2 then $1 else server_revision end";
const ERASING: &str = "select workspace from erasing where workspace = any($1)";
const ERASE: &str = "insert into erasing (workspace) values ($1) on conflict do nothing";
/// A workspace had this name, and none has it.
const IS_FREE_AGAIN: &str = "select from revisions where workspace = $1 and not exists \
    (select from setup where kind = $2 and workspace = $1 and name = '')";
const IS_LEFT: &str = "select exists (select from tasks where workspace = $1) \
    or exists (select from journal where workspace = $1) or exists (select from bodies where workspace = $1) \
    or exists (select from dedup where workspace = $1) or exists (select from deliveries where workspace = $1)";
const DELETE_ALL: &str = "delete from setup where workspace = $1";
const USES: &str = "insert into step_components (workspace, step, digest) \
    select $1, $2, unnest($3::text[]) on conflict do nothing";
const USES_NOT: &str = "delete from step_components where workspace = $1 and step = $2";
const USES_NONE: &str = "delete from step_components where workspace = $1";

/// See [`crate::store::Store::manage`].
pub(super) async fn manage(
    shared: &Shared,
    change: &Manage,
    entry: Option<&AuditEntry>,
    expected: u64,
) -> Result<u64, StoreError> {
    let until = Instant::now() + shared.settings.change;
    let connection = timeout_at(until, shared.registry_connection.lock());
    let mut connection = connection.await.map_err(late)?;
    let (mut tries, mut reconnected) = (0, false);
    loop {
        tries += 1;
        let session = timeout_at(until, connection.session(shared));
        let session = session.await.map_err(late)??;
        let is_committing = AtomicBool::new(false);
        let changes = (change, entry, &is_committing);
        let written = write(shared, &mut connection, &session, changes, expected);
        let written = match timeout_at(until, written).await {
            Ok(written) => written,
            Err(_) if is_committing.into_inner() => Err(StoreError::InDoubt.into()),
            Err(over) => {
                connection.names = None;
                connection.slot.close().await;
                return Err(late(over));
            }
        };
        let error = match written {
            Ok(()) => {
                if let Some((revision, names)) = &mut connection.names
                    && *revision == expected
                {
                    names.apply(change);
                    *revision = expected + 1;
                }
                shared.revision.fetch_max(expected + 1, Ordering::SeqCst);
                hints::setup(shared);
                return Ok(expected + 1);
            }
            Err(error) => error,
        };
        if !matches!(&error, Failure::Store(error) if !matches!(error, StoreError::InDoubt)) {
            // What it knew may be of a transaction that is not there.
            connection.names = None;
        }
        match error {
            // Nothing is left in the database that would tell: another change may have that revision.
            Failure::Store(StoreError::InDoubt) => {
                connection.slot.close().await;
                return Err(StoreError::InDoubt);
            }
            Failure::Store(refused) => {
                session.run("rollback").await.map_err(failed)?;
                return Err(refused);
            }
            // The commit was not sent.
            Failure::Database(error) if is_cut(&error) => {
                connection.slot.close().await;
                if std::mem::replace(&mut reconnected, true) {
                    return Err(failed(error));
                }
            }
            Failure::Database(error) => {
                let _ = session.run("rollback").await;
                if !is_passing(&error) || tries == 5 {
                    return Err(failed(error));
                }
            }
        }
    }
}

/// The change was not made: its commit was not sent.
fn late(_: Elapsed) -> StoreError {
    StoreError::unavailable("PostgreSQL: the change was not made in time")
}

/// Sets `is_committing` before it sends the commit.
async fn write(
    shared: &Shared,
    connection: &mut RegistryConnection,
    session: &Session,
    (change, entry, is_committing): (&Manage, Option<&AuditEntry>, &AtomicBool),
    expected: u64,
) -> Result<(), Failure> {
    session.run("begin isolation level read committed").await?;
    let rows = session.query(LOCK, &[]).await?;
    let actual = rows.first().map_or(0, |row| row.get::<_, i64>(0));
    let actual = u64::try_from(actual).unwrap_or_default();
    if actual != expected {
        return Err(StoreError::Revised { expected, actual }.into());
    }
    // After the lock: who moves the store changes that row.
    moved::check(session).await?;
    let changed: BTreeSet<&WorkspaceName> = change.workspaces().into_iter().collect();
    let changed: Vec<&str> = changed.into_iter().map(WorkspaceName::as_str).collect();
    if !change.is_note() && !matches!(change, Manage::DeleteWorkspace(_)) {
        let erasing = session.query(ERASING, &[&changed]).await?;
        if let Some(row) = erasing.first() {
            let name = row.get::<_, &str>(0);
            let all = change.workspaces();
            let found = all.into_iter().find(|workspace| workspace.as_str() == name);
            return Err(match found {
                Some(workspace) => StoreError::Erasing(workspace.clone()).into(),
                None => StoreError::NotFound(format!("workspace {name}")).into(),
            });
        }
    }
    if change.takes_names() {
        let names = names(connection, session, change, actual).await?;
        names.check(change)?;
    }
    let revision = number(expected + 1);
    if let Manage::AddWorkspace(workspace) | Manage::NewWorkspace(workspace, _) = change {
        check_nothing_is_left(session, workspace).await?;
    }
    set_up(session, change, revision).await?;
    session.execute(REVISED, &[&changed, &revision]).await?;
    session
        .execute(REVISION, &[&revision, &change.is_of_server()])
        .await?;
    if let Some(entry) = entry {
        audit::append(shared, session, std::slice::from_ref(entry)).await?;
    }
    is_committing.store(true, Ordering::Relaxed);
    let committed = session.run("commit").await;
    committed.map_err(|error| match is_cut(&error) {
        true => StoreError::InDoubt.into(),
        false => Failure::from(error),
    })
}

/// The names that are taken at a revision, within the transaction that has locked it. All others wait: only what was changed
/// since this node looked last is read.
async fn names<'c>(
    connection: &'c mut RegistryConnection,
    session: &Session,
    change: &Manage,
    actual: u64,
) -> Result<&'c Names, Failure> {
    let known = connection.names.take();
    // One of a later revision is of a database that was replaced by an older backup. What could not be read may be gone.
    let is_good = |(at, names): &(u64, Names)| *at <= actual && !names.is_unreadable(change);
    let (known, mut names) = known.filter(is_good).unwrap_or_default();
    if known != actual || known == 0 {
        let registry = registry_read::all(session, actual, known).await?;
        names.take_in(&registry);
    }
    if connection.is_unbounded {
        names.lift_bound();
    }
    let (_, names) = connection.names.insert((actual, names));
    Ok(names)
}

/// A workspace that is set up has nothing of one of the same name. What waited for its connection until that was erased is
/// written nevertheless: no row shows any more that it was deleted. What comes later is told by the revision.
///
/// # Errors
/// [`StoreError::Erasing`]: it is erased once more.
async fn check_nothing_is_left(
    session: &Session,
    workspace: &WorkspaceName,
) -> Result<(), Failure> {
    let space = workspace.as_str();
    let params: Params<'_> = &[&space, &(Kind::Workspace as i16)];
    if session.query(IS_FREE_AGAIN, params).await?.is_empty() {
        return Ok(());
    }
    // Those who write it now.
    session.query(erase::WAIT, &[]).await?;
    let left = session.query(IS_LEFT, &[&space]).await?;
    if !left.first().is_some_and(|row| row.get(0)) {
        return Ok(());
    }
    session.execute(ERASE, &[&space]).await?;
    session.run("commit").await?;
    Err(StoreError::Erasing(workspace.clone()).into())
}

async fn put(
    session: &Session,
    (kind, workspace, name): (Kind, &str, &str),
    value: &impl StoredValue,
) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    value.write(&mut bytes)?;
    let params: Params<'_> = &[&(kind as i16), &workspace, &name, &bytes];
    session.execute(PUT, params).await?;
    Ok(())
}

/// With one of the statements for it; the revision is written if it is new.
async fn put_workspace(
    session: &Session,
    sql: &'static str,
    (workspace, revision): (&WorkspaceName, i64),
    settings: &WorkspaceSettings,
) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    settings.write(&mut bytes)?;
    let kind = Kind::Workspace as i16;
    let params: Params<'_> = &[&kind, &workspace.as_str(), &bytes, &revision];
    session.execute(sql, params).await?;
    Ok(())
}

async fn delete(
    session: &Session,
    (kind, workspace, name): (Kind, &str, &str),
) -> Result<(), Failure> {
    session
        .execute(DELETE, &[&(kind as i16), &workspace, &name])
        .await?;
    Ok(())
}

async fn set_up(session: &Session, change: &Manage, revision: i64) -> Result<(), Failure> {
    match change {
        Manage::AddWorkspace(workspace) => {
            put_workspace(
                session,
                ADD,
                (workspace, revision),
                &WorkspaceSettings::default(),
            )
            .await
        }
        Manage::NewWorkspace(workspace, settings) | Manage::SetWorkspace(workspace, settings) => {
            put_workspace(session, PUT_WORKSPACE, (workspace, revision), settings).await
        }
        Manage::DeleteWorkspace(workspace) => delete_all(session, workspace).await,
        Manage::PutWebhook(webhook) => {
            let place = (Kind::Webhook, webhook.workspace.as_str(), &*webhook.id);
            put(session, place, webhook).await
        }
        Manage::DeleteWebhook(workspace, id) => {
            delete(session, (Kind::Webhook, workspace.as_str(), id)).await
        }
        Manage::PutStep(workspace, step, bytes) => {
            components::put(session, &step.digest, bytes).await?;
            put_step(session, workspace, step).await
        }
        Manage::SetStep(workspace, step) => {
            if !components::has(session, &step.digest).await? {
                let missing = format!("component {}", step.digest);
                return Err(StoreError::NotFound(missing).into());
            }
            put_step(session, workspace, step).await
        }
        Manage::DeleteStep(workspace, name) => {
            let (space, name) = (workspace.as_str(), name.as_str());
            delete(session, (Kind::Step, space, name)).await?;
            session.execute(USES_NOT, &[&space, &name]).await?;
            components::remove_unused(session).await?;
            Ok(())
        }
        Manage::SetConfig(workspace, key, sealed) => {
            let place = (Kind::Config, workspace.as_str(), key.as_str());
            put(session, place, &SealedConfig::from(&sealed[..])).await
        }
        Manage::DeleteConfig(workspace, key) => {
            delete(session, (Kind::Config, workspace.as_str(), key.as_str())).await
        }
        Manage::PutConnector(workspace, name, sealed) => {
            let place = (Kind::Connector, workspace.as_str(), name.as_str());
            put(session, place, &SealedConnector::from(&sealed[..])).await
        }
        Manage::DeleteConnector(workspace, name) => {
            delete(
                session,
                (Kind::Connector, workspace.as_str(), name.as_str()),
            )
            .await
        }
        Manage::PutSchedule(schedule) => {
            let (space, name) = (schedule.workspace.as_str(), schedule.name.as_str());
            put(session, (Kind::Schedule, space, name), schedule).await
        }
        Manage::DeleteSchedule(workspace, name) => {
            delete(session, (Kind::Schedule, workspace.as_str(), name.as_str())).await
        }
        Manage::MarkSchedules(marks) => {
            for (workspace, name, mark) in marks {
                let (space, name) = (workspace.as_str(), name.as_str());
                let params: Params<'_> = &[&(Kind::Schedule as i16), &space, &name, &time(*mark)];
                session.execute(MARK, params).await?;
            }
            Ok(())
        }
        Manage::PutToken(token) => {
            let place = (Kind::Token, of(token.workspace.as_ref()), &*token.id);
            put(session, place, token).await
        }
        Manage::DeleteToken(workspace, id) => {
            delete(session, (Kind::Token, of(workspace.as_ref()), id)).await
        }
        Manage::UseTokens(uses) => {
            for (workspace, id, at) in uses {
                let place = (Kind::Token, of(workspace.as_ref()), &**id);
                let params: Params<'_> = &[&(place.0 as i16), &place.1, &place.2];
                let rows = session.query(GET, params).await?;
                let Some(row) = rows.first() else { continue };
                let mut token: Token = read(row.get(0))?;
                if token.used < Some(*at) {
                    token.used = Some(*at);
                    put(session, place, &token).await?;
                }
            }
            Ok(())
        }
    }
}

async fn put_step(
    session: &Session,
    workspace: &WorkspaceName,
    step: &Step,
) -> Result<(), Failure> {
    let (space, name) = (workspace.as_str(), step.name.as_str());
    put(session, (Kind::Step, space, name), step).await?;
    let digests: Vec<&str> = step.digests().collect();
    session.execute(USES_NOT, &[&space, &name]).await?;
    session.execute(USES, &[&space, &name, &digests]).await?;
    components::remove_unused(session).await?;
    Ok(())
}

/// Removes the setup of a workspace. Its tasks cannot be seen from then on.
async fn delete_all(session: &Session, workspace: &WorkspaceName) -> Result<(), Failure> {
    let space = workspace.as_str();
    debug_assert_ne!(space, NO_WORKSPACE);
    session.execute(ERASE, &[&space]).await?;
    session.execute(DELETE_ALL, &[&space]).await?;
    session.execute(USES_NONE, &[&space]).await?;
    components::remove_unused(session).await?;
    Ok(())
}
