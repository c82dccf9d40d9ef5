//! The first round trip of a transaction: locks the partitions and reads what changes stand on.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use futures_util::future::try_join4;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::group::{CommitEvidence, Delivered, EvidenceRow, Group, ROWS, Stored, TaskKey};
use super::part::{Kind, Part};
use super::session::{Params, Session};
use super::shared::Shared;
use super::values::{Uuid, millis, number};
use crate::domain::dedup::Dedup;
use crate::domain::inbox::RequestId;
use crate::domain::partition::Partition;

const BEGIN: &str = "begin isolation level read committed";
/// One row: the partitions with their owners, 0 for none, and epochs; a number; and the transaction's id: see
/// [`read_commit_status`].
const LOCK: &str = "with locked as materialized (select id, owner, epoch from partitions \
    where id = any($1) order by id for share) \
    select array_agg(id), array_agg(coalesce(owner, 0)), array_agg(epoch), \
    nextval('write_groups'), pg_current_xact_id()::text from locked";
/// Seen after the lock was taken: a workspace's deletion waits for those who hold it (`erase`).
const TASKS: &str = "select e.workspace is not null, t.version, t.settled, t.journal_bytes, \
    (select coalesce(sum(j.bytes), 0)::int8 from journal j \
     where j.workspace = t.workspace and j.task = t.id and j.seq > t.settled) \
    from unnest($1::text[], $2::uuid[]) with ordinality k (workspace, id, n) \
    left join erasing e on e.workspace = k.workspace \
    left join tasks t on t.workspace = k.workspace and t.id = k.id order by k.n";
const KEYS: &str = "select k.n, d.task, d.until \
    from unnest($1::text[], $2::uuid[]) with ordinality k (workspace, key, n) \
    join dedup d on d.workspace = k.workspace and d.key = k.key";
/// Locked, so that none is taken back meanwhile.
const REQUESTS: &str = "select id from inbox where id = any($1) and answered is null \
    order by id for update";
/// A workspace's mark is the revision in which it was set up. It tells apart those that had one name, one after the other.
const BORN: &str = "select workspace, mark from setup where kind = 1 and workspace = any($1) \
    and name = '' and mark is not null";
const STATUS: &str = "select pg_xact_status($1::text::xid8)";
/// Whether the row is there, whether its partition is still this node's, and whether its workspace was deleted, also if there
/// is one of that name again: the kind is [`Kind::Workspace`](super::registry_read::Kind).
const HEAD: &str = "select exists (select from tasks where workspace = $1 and id = $2 and version >= $3 \
    and settled >= $4), $5::int2 is null or exists (select from partitions where id = $5 and owner = $6 and epoch = $7), \
    not exists (select from setup where kind = 1 and workspace = $1 and name = '' and coalesce(mark, 0) <= $8)";
const ROW: &str = "select exists (select from journal where workspace = $1 and task = $2 and seq = $3), \
    exists (select from partitions where id = $4 and owner = $5 and epoch = $6), \
    not exists (select from setup where kind = 1 and workspace = $1 and name = '' and coalesce(mark, 0) <= $7)";

/// Reads what the changes of all jobs stand on into `group`. New tasks are looked for only if `looks` is set, or if they have
/// a delivery's key, which may be that of the same task, there already. Returns the transaction's id.
pub(super) async fn look<'a>(
    shared: &Shared,
    session: &Session,
    jobs: &'a [Vec<Part>],
    looks: bool,
    group: &mut Group<'a>,
) -> Result<String, Error> {
    let parts = || jobs.iter().flatten();
    // Before the transaction begins: what was deleted up to this revision can be seen in it.
    group.revision = shared.revision.load(Ordering::SeqCst);
    let partitions: BTreeSet<i16> = parts().map(|part| index(part.claim.partition)).collect();
    let partitions: Vec<i16> = partitions.into_iter().collect();
    let tasks: BTreeSet<TaskKey<'a>> = parts()
        .filter(|part| looks || part.kind != Kind::Accept || part.dedup.is_some())
        .map(|part| (&part.workspace, part.id))
        .collect();
    let tasks: Vec<TaskKey<'a>> = tasks.into_iter().collect();
    let spaces: Vec<&str> = tasks.iter().map(|(space, _)| space.as_str()).collect();
    let ids: Vec<Uuid> = tasks.iter().map(|(_, id)| Uuid::from(*id)).collect();
    let key = |part: &'a Part, dedup: Dedup| (&part.workspace, dedup.key);
    let keys: BTreeSet<Delivered<'a>> = parts()
        .filter_map(|part| part.dedup.map(|dedup| key(part, dedup)))
        .collect();
    let keys: Vec<Delivered<'a>> = keys.into_iter().collect();
    let key_spaces: Vec<&str> = keys.iter().map(|(space, _)| space.as_str()).collect();
    let key_bytes: Vec<Uuid> = keys.iter().map(|(_, key)| Uuid(*key.as_bytes())).collect();
    let requests: Vec<Uuid> = parts()
        .filter_map(|part| part.answers)
        .map(Uuid::from)
        .collect();
    let asked = match requests.is_empty() {
        true => None,
        false => Some(session.statement(REQUESTS).await?),
    };
    let lock = session.statement(LOCK).await?;
    let (look, find) = (
        session.statement(TASKS).await?,
        session.statement(KEYS).await?,
    );
    let client = &session.client;
    let (task_params, key_params) = (
        [&spaces as _, &ids as _],
        [&key_spaces as _, &key_bytes as _],
    );
    let request_params = [&requests as _];
    let born = match looks {
        true => Some((session.statement(BORN).await?, [&spaces as _])),
        false => None,
    };
    let found_keys = async {
        let requests = match &asked {
            Some(asked) => client.query(asked, &request_params).await?,
            None => Vec::new(),
        };
        match keys.is_empty() {
            true => Ok((Vec::new(), requests)),
            false => Ok((client.query(&find, &key_params).await?, requests)),
        }
    };
    let found_tasks = async {
        if tasks.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let found = client.query(&look, &task_params).await?;
        let born = match &born {
            Some((statement, params)) => client.query(statement, params).await?,
            None => Vec::new(),
        };
        Ok((found, born))
    };
    // Sent one behind the other, answered together.
    let lock_params = [&partitions as _];
    let ((), locked, (found, born), (found_keys, found_requests)) = try_join4(
        client.batch_execute(BEGIN),
        client.query_one(&lock, &lock_params),
        found_tasks,
        found_keys,
    )
    .await?;
    group.node = shared.node;
    // None at all is null.
    let ids: Vec<i16> = locked.get::<_, Option<_>>(0).unwrap_or_default();
    let owners: Vec<i64> = locked.get::<_, Option<_>>(1).unwrap_or_default();
    let epochs: Vec<i64> = locked.get::<_, Option<_>>(2).unwrap_or_default();
    for ((id, owner), epoch) in ids.into_iter().zip(owners).zip(epochs) {
        let id = Partition::new(u8::try_from(id).unwrap_or_default());
        let epoch = u64::try_from(epoch).unwrap_or_default();
        let owner = (owner != 0).then_some(owner);
        group.partitions.insert(id, (owner, epoch));
    }
    group.next = locked.get::<_, i64>(3) * ROWS;
    for (key, row) in tasks.into_iter().zip(found) {
        if row.get(0) {
            group.erasing.insert(key.0.clone());
        }
        let Some(version) = row.get::<_, Option<i64>>(1) else {
            continue;
        };
        let stored = Stored {
            version: u64::try_from(version).unwrap_or_default(),
            settled: row.get(2),
            journal_bytes: row.get(3),
            pending_bytes: row.get(4),
        };
        group.tasks.insert(key, stored);
    }
    for row in born {
        if let Ok(workspace) = row.get::<_, &str>(0).parse() {
            let revision = u64::try_from(row.get::<_, i64>(1)).unwrap_or_default();
            group.born.insert(workspace, revision);
        }
    }
    for row in found_requests {
        let Uuid(id) = row.get(0);
        group.requests.insert(RequestId::from_bytes(id));
    }
    for row in found_keys {
        let place = usize::try_from(row.get::<_, i64>(0)).unwrap_or_default();
        if let Some(key) = keys.get(place.wrapping_sub(1)) {
            let task = row.get::<_, Uuid>(1).into();
            group.keys.insert(*key, (task, millis(row.get(2))));
        }
    }
    Ok(locked.get(4))
}

/// The outcome of a transaction whose end was not heard of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CommitStatus {
    Committed,
    NotCommitted,
    /// It is not known: this node owns none of the partitions any more, and the rows may be another node's; or all of their
    /// workspaces were deleted.
    Unknown,
}

/// The outcome of a transaction; none while it is under way.
///
/// Its id says that it is over, or was aborted. No more: after the server's machine has failed, an id that was not yet on its
/// disk is given to another transaction. The evidence decides the rest: one row that can be judged is enough, because a
/// transaction is there as a whole or not at all.
pub(super) async fn read_commit_status(
    shared: &Shared,
    session: &Session,
    xid: &str,
    evidence: &[CommitEvidence],
) -> Result<Option<CommitStatus>, Error> {
    match session.query(STATUS, &[&xid]).await {
        Ok(rows) => match rows.first().and_then(|row| row.get(0)) {
            Some("in progress") => return Ok(None),
            // If it was another one's of that id, this one was lost.
            Some("aborted") => return Ok(Some(CommitStatus::NotCommitted)),
            _ => {}
        },
        // The server knows of no such id: it failed before that was on its disk.
        Err(error) if error.code() == Some(&SqlState::INVALID_PARAMETER_VALUE) => {}
        Err(error) => return Err(error),
    }
    for row in evidence {
        match judge(shared, session, row).await? {
            CommitStatus::Unknown => {}
            known => return Ok(Some(known)),
        }
    }
    Ok(Some(CommitStatus::Unknown))
}

/// What became of the transaction that leaves this evidence, which is over.
async fn judge(
    shared: &Shared,
    session: &Session,
    evidence: &CommitEvidence,
) -> Result<CommitStatus, Error> {
    let partition = evidence.claim.map(|claim| index(claim.partition));
    let epoch = evidence.claim.map(|claim| number(claim.epoch));
    let (node, known) = (&shared.node, number(evidence.revision));
    let found = match &evidence.row {
        EvidenceRow::Head {
            workspace,
            task,
            version,
            settled,
        } => {
            let (space, task, version) = (workspace.as_str(), Uuid::from(*task), number(*version));
            let params: Params<'_> = &[
                &space, &task, &version, settled, &partition, node, &epoch, &known,
            ];
            session.query(HEAD, params).await?
        }
        EvidenceRow::Journal {
            workspace,
            task,
            seq,
        } => {
            let (space, task) = (workspace.as_str(), Uuid::from(*task));
            let params: Params<'_> = &[&space, &task, seq, &partition, node, &epoch, &known];
            session.query(ROW, params).await?
        }
    };
    let Some(row) = found.first() else {
        return Ok(CommitStatus::Unknown);
    };
    let (is_there, is_own, is_deleted) = (row.get(0), row.get(1), row.get(2));
    Ok(match (is_there, is_own) {
        (true, true) => CommitStatus::Committed,
        // It may have been there, and be gone with its workspace, which can be deleted, erased and set up again before this node
        // has a connection. `NotCommitted` would have the whole group written once more: this task into the new workspace, and
        // of what is committed in other workspaces, effects twice, while the rest is refused as if it were another node's.
        (false, true) if is_deleted => CommitStatus::Unknown,
        (false, true) => CommitStatus::NotCommitted,
        (_, false) => CommitStatus::Unknown,
    })
}

/// A partition's number in the tables.
pub(super) fn index(partition: Partition) -> i16 {
    partition.index() as i16
}
