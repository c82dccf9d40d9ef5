//! Recorded deliveries. One statement each, so that they wait for nothing that is changed.

use super::queries::limit;
use super::session::Params;
use super::shared::Shared;
use super::values::{Uuid, number, time};
use crate::domain::clock::Millis;
use crate::domain::delivery::{Delivery, DeliveryQuery};
use crate::domain::ids::{TaskId, WorkspaceName};
use crate::domain::limits;
use crate::domain::retention::DAY;
use crate::store::StoreError;
use crate::store::shapes::{StoredValue as _, read};

const ERASING: &str = "select from erasing where workspace = $1";
/// Whether the workspace is the one that they came to, by its mark: see `look::BORN`. Its row is locked, so that who deletes it
/// waits for this, and erases what is written. A row that another one holds is being deleted, as nothing else locks it
/// that much: nothing is written, and nothing waits for how that ends.
const PUT: &str = "with of as materialized (select from setup where kind = 1 and workspace = $1 and name = '' \
    and coalesce(mark, 0) <= $6 for key share skip locked), \
    put as (insert into deliveries (workspace, webhook, id, at, delivery) \
    select $1, * from unnest($2::text[], $3::uuid[], $4::int8[], $5::bytea[]) \
    where exists (select from of) on conflict do nothing) select exists (select from of)";
const TRIM: &str = "delete from deliveries where workspace = $1 and webhook = $2 and id < \
    (select id from deliveries where workspace = $1 and webhook = $2 \
    order by id desc offset $3 limit 1)";
/// The same of all webhooks of a workspace together, by bytes.
const TRIM_BYTES: &str = "delete from deliveries where workspace = $1 and id <= \
    (select id from (select id, sum(octet_length(delivery)) over (order by id desc) as bytes \
    from deliveries where workspace = $1) sized where bytes > $2 order by id desc limit 1)";
const FIND: &str = "select delivery from deliveries where workspace = $1 and id < $2 and at >= $3 \
    and not exists (select from erasing e where e.workspace = $1) order by id desc limit $4";
const FIND_OF: &str = "select delivery from deliveries where workspace = $1 and id < $2 and at >= $3 \
    and not exists (select from erasing e where e.workspace = $1) and webhook = $5 \
    order by id desc limit $4";
/// The index has the ids of a workspace, so that nothing else is read of the others.
const GET: &str = "select delivery from deliveries where workspace = $1 and id = $2 \
    and not exists (select from erasing e where e.workspace = $1)";
pub(super) const EXPIRE: &str = "delete from deliveries where at < $1";

/// Refuses deliveries of a workspace that is being erased.
pub(super) async fn check(shared: &Shared, workspace: &WorkspaceName) -> Result<(), StoreError> {
    let found = shared.query(ERASING, &[&workspace.as_str()]).await?;
    match found.is_empty() {
        true => Ok(()),
        false => Err(StoreError::Erasing(workspace.clone())),
    }
}

/// See [`crate::store::Store::record_deliveries`].
pub(super) async fn record(
    shared: &Shared,
    (workspace, known): (&WorkspaceName, u64),
    deliveries: &[Delivery],
) -> Result<(), StoreError> {
    let space = workspace.as_str();
    let mut values = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let mut value = Vec::new();
        delivery.write(&mut value)?;
        values.push(value);
    }
    let mut webhooks: Vec<&str> = (deliveries.iter())
        .map(|delivery| &*delivery.webhook)
        .collect();
    let ids: Vec<Uuid> = deliveries
        .iter()
        .map(|delivery| delivery.id.into())
        .collect();
    let times: Vec<i64> = deliveries
        .iter()
        .map(|delivery| time(delivery.at))
        .collect();
    let known = number(known);
    let params: Params<'_> = &[&space, &webhooks, &ids, &times, &values, &known];
    let put = shared.query(PUT, params).await?;
    if !put.first().is_some_and(|row| row.get(0)) {
        return Err(StoreError::Erasing(workspace.clone()));
    }
    webhooks.sort_unstable();
    webhooks.dedup();
    for webhook in webhooks {
        let last = limits::DELIVERIES as i64 - 1;
        shared.query(TRIM, &[&space, &webhook, &last]).await?;
    }
    let bytes = values.iter().map(|value| value.len() as u64).sum();
    if shared.recorded.lock().is_to_trim(workspace, bytes) {
        let most = number(limits::DELIVERIES_STORED);
        shared.query(TRIM_BYTES, &[&space, &most]).await?;
    }
    Ok(())
}

/// See [`crate::store::Store::recorded_deliveries`].
pub(super) async fn find(
    shared: &Shared,
    workspace: &WorkspaceName,
    query: &DeliveryQuery,
) -> Result<Vec<Delivery>, StoreError> {
    let space = workspace.as_str();
    let before = Uuid::from(query.before.unwrap_or(TaskId::MAX));
    let since = time(query.since.unwrap_or(0));
    let at_once = query.at_once.unwrap_or(usize::MAX);
    let rows = match (query.id, &query.webhook) {
        (Some(id), _) => shared.query(GET, &[&space, &Uuid::from(id)]).await?,
        (None, Some(webhook)) => {
            let most = limit(at_once.min(limits::DELIVERIES));
            let params: Params<'_> = &[&space, &before, &since, &most, webhook];
            shared.query(FIND_OF, params).await?
        }
        (None, None) => {
            let params: Params<'_> = &[&space, &before, &since, &limit(at_once)];
            shared.query(FIND, params).await?
        }
    };
    let found = rows.iter().map(|row| read::<Delivery>(row.get(0)));
    let is_wanted = |delivery: &Delivery| query.fits(delivery);
    found
        .filter(|read| read.as_ref().map_or(true, is_wanted))
        .collect()
}

/// Deliveries of this time and later are kept.
pub(super) fn oldest(now: Millis) -> i64 {
    time(now.saturating_sub(limits::DELIVERY_DAYS * DAY))
}
