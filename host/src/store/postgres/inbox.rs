//! Requests between nodes, in a table, each of which is answered once.
//!
//! A request that is done is answered in the transaction that does it ([`super::put`]), under the row's lock
//! ([`super::look`]). One that is refused or taken back gets its end by one statement, if it has none. So it is done once
//! or not at all, whichever node ends in the middle.

use super::look::index;
use super::session::Params;
use super::shared::Shared;
use super::values::{Uuid, count};
use crate::domain::inbox::{RequestId, TaskAnswer, TaskRefusal, TaskRequest};
use crate::domain::partition::Partition;
use crate::domain::task::TaskHead;
use crate::store::shapes::{RequestAddress, StoredValue, read};
use crate::store::{Asked, Ownership, StoreError};

const ASK: &str = "insert into inbox (id, partition, request) values ($1, $2, $3) \
    on conflict do nothing";
const ANSWERS: &str = "select id, head, refusal from inbox where id = any($1) \
    and answered is not null and refusal is distinct from ''";
const DONE_WITH: &str = "delete from inbox where id = any($1) and answered is not null";
/// Its end, also if it is not there: what asks for it may still be on its way over a connection that was given up, and is to
/// find that it has ended. The row goes by [`EXPIRE`]. No node looks for what has an answer by its partition.
const WITHDRAW: &str = "insert into inbox as i (id, partition, request, answered, refusal) \
    values ($1, 0, '', clock_timestamp(), '') on conflict (id) do update \
    set answered = excluded.answered, refusal = excluded.refusal where i.answered is null";
/// With the newest revision of the setup: who asked knew none that is newer.
const REQUESTS: &str = "select id, request, (select revision from cluster) from (select id, request, seq, \
    sum(octet_length(request)) over (order by seq) - octet_length(request) as before \
    from (select id, request, seq from inbox where answered is null \
    and partition = any($1) and not (id = any($2)) order by seq limit $3) picked) summed \
    where before < $4 order by seq";
const REFUSE: &str = "update inbox set answered = clock_timestamp(), refusal = $2 \
    where id = $1 and answered is null";
const ANSWER: &str = "update inbox set answered = clock_timestamp(), head = $2 \
    where id = $1 and answered is null";
/// Of those whose asker is gone, and of those that were taken back.
pub(super) const EXPIRE: &str =
    "delete from inbox where answered < clock_timestamp() - interval '10 minutes'";

impl From<RequestId> for Uuid {
    fn from(id: RequestId) -> Self {
        Self(*id.as_bytes())
    }
}

fn encoded(value: &impl StoredValue) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    value.write(&mut bytes)?;
    Ok(bytes)
}

/// See [`crate::store::Cluster::ask`].
pub(super) async fn ask(
    shared: &Shared,
    id: RequestId,
    request: &TaskRequest,
) -> Result<(), StoreError> {
    let partition = index(Partition::of(request.task));
    let bytes = encoded(request)?;
    let params: Params<'_> = &[&Uuid::from(id), &partition, &bytes];
    shared.query(ASK, params).await.map(drop)
}

/// See [`crate::store::Cluster::answers`].
pub(super) async fn answers(
    shared: &Shared,
    ids: &[RequestId],
) -> Result<Vec<(RequestId, TaskAnswer)>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| Uuid::from(*id)).collect();
    let mut answers = Vec::new();
    for row in shared.query(ANSWERS, &[&ids]).await? {
        let Uuid(id) = row.get(0);
        // One of a newer server cannot be read, and holds up no other.
        let answer = match (row.get::<_, Option<&[u8]>>(1), row.get(2)) {
            (Some(head), _) => read::<TaskHead>(head).map(Box::new).map_err(|error| {
                TaskRefusal::Refused(format!(
                    "it is done, and its answer cannot be read: {error}"
                ))
            }),
            (None, Some(refusal)) => Err(read::<TaskRefusal>(refusal)
                .unwrap_or_else(|error| TaskRefusal::Refused(error.to_string()))),
            (None, None) => Err(TaskRefusal::NotFound),
        };
        answers.push((RequestId::from_bytes(id), answer));
    }
    Ok(answers)
}

/// See [`crate::store::Cluster::forget`].
pub(super) async fn forget(shared: &Shared, ids: &[RequestId]) {
    let ids: Vec<Uuid> = ids.iter().map(|id| Uuid::from(*id)).collect();
    // What stays goes later, see `EXPIRE`.
    let _ = shared.query(DONE_WITH, &[&ids]).await;
}

/// See [`crate::store::Cluster::withdraw`].
pub(super) async fn withdraw(
    shared: &Shared,
    id: RequestId,
) -> Result<Option<TaskAnswer>, StoreError> {
    shared.query(WITHDRAW, &[&Uuid::from(id)]).await?;
    let mut answers = answers(shared, &[id]).await?;
    if !answers.is_empty() {
        forget(shared, &[id]).await;
    }
    Ok(answers.pop().map(|(_, answer)| answer))
}

/// See [`crate::store::Cluster::requests`].
pub(super) async fn requests(
    shared: &Shared,
    owned: &Ownership,
    known: &[RequestId],
    (most, bytes): (usize, usize),
) -> Result<Vec<Asked>, StoreError> {
    let partitions: Vec<i16> = Partition::all()
        .filter(|partition| owned.claim(*partition).is_some())
        .map(index)
        .collect();
    let known: Vec<Uuid> = known.iter().map(|id| Uuid::from(*id)).collect();
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    let params: Params<'_> = &[&partitions, &known, &most, &bytes];
    let mut requests = Vec::new();
    for row in shared.query(REQUESTS, params).await? {
        let Uuid(id) = row.get(0);
        let (id, bytes): (_, &[u8]) = (RequestId::from_bytes(id), row.get(1));
        match read(bytes) {
            Ok(RequestAddress(workspace)) => requests.push(Asked {
                id,
                workspace,
                bytes: bytes.into(),
                revision: count(row.get(2))?,
            }),
            // A newer server wrote it, or it cannot be read: the node that asked gets that as the refusal.
            Err(error) => {
                let refusal = TaskRefusal::Refused(error.to_string());
                refuse(shared, id, &refusal).await?;
            }
        }
    }
    Ok(requests)
}

/// See [`crate::store::Cluster::refuse`].
pub(super) async fn refuse(
    shared: &Shared,
    id: RequestId,
    refusal: &TaskRefusal,
) -> Result<(), StoreError> {
    let bytes = encoded(refusal)?;
    let params: Params<'_> = &[&Uuid::from(id), &bytes];
    shared.query(REFUSE, params).await.map(drop)
}

/// See [`crate::store::Cluster::answer`].
pub(super) async fn answer(
    shared: &Shared,
    id: RequestId,
    head: &TaskHead,
) -> Result<(), StoreError> {
    let bytes = encoded(head)?;
    let params: Params<'_> = &[&Uuid::from(id), &bytes];
    shared.query(ANSWER, params).await.map(drop)
}
