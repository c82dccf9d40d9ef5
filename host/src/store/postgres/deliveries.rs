//! Recorded deliveries. One statement each, so that they wait for nothing that is changed.

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
/// waits for this, and erases what is written.
const PUT: &str = "with of as materialized (select from setup where kind = 1 and workspace = $1 and name = '' \
    and coalesce(mark, 0) <= $6 for key share), \
    put as (insert into deliveries (workspace, webhook, id, at, delivery) \
    select $1, * from unnest($2::text[], $3::uuid[], $4::int8[], $5::bytea[]) \
    where exists (select from of) on conflict do nothing) select exists (select from of)";
const TRIM: &str = "delete from deliveries where workspace = $1 and webhook = $2 and id < \
    (select id from deliveries where workspace = $1 and webhook = $2 \
    order by id desc offset $3 limit 1)";
const FIND: &str = "select delivery from (select *, row_number() over \
    (partition by webhook order by id desc) as place from deliveries where workspace = $1 \
    and (webhook = $3 or $3 is null)) newest where place <= $2 and id < $4 and at >= $5 \
    and not exists (select from erasing e where e.workspace = $1) order by id desc";
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
    Ok(())
}

/// See [`crate::store::Store::recorded_deliveries`].
pub(super) async fn find(
    shared: &Shared,
    workspace: &WorkspaceName,
    query: &DeliveryQuery,
) -> Result<Vec<Delivery>, StoreError> {
    let most = limits::DELIVERIES as i64;
    let before = Uuid::from(query.before.unwrap_or(TaskId::MAX));
    let since = time(query.since.unwrap_or(0));
    let params: Params<'_> = &[&workspace.as_str(), &most, &query.webhook, &before, &since];
    let rows = shared.query(FIND, params).await?;
    rows.iter().map(|row| read(row.get(0))).collect()
}

/// Deliveries of this time and later are kept.
pub(super) fn oldest(now: Millis) -> i64 {
    time(now.saturating_sub(limits::DELIVERY_DAYS * DAY))
}
