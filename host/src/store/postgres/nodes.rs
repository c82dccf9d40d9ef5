//! Which partitions this node owns: its lease, its fair share, and what nodes that are gone have left.
//!
//! All times are those of the database's clock. A node owns its partitions as long as its lease runs, which it renews every
//! fifth of it. By its own clock it stops earlier: when it could not renew the lease for four fifths of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_postgres::{Client, Error};

use super::entered::{MOVED, NodeIdentity};
use super::error::{OpenError, describe};
use super::look::index;
use super::schema::OFFLINE;
use super::session::{Params, Session, Slot, in_time};
use super::settings::PostgresSettings;
use super::shared::Shared;
use super::values::number;
use super::{interrupted, moved, registry_read};
use crate::domain::partition::Partition;
use crate::store::Claim;

/// Enters no node while `store migrate` copies the store, nor into an incomplete copy, nor where a copy has taken over
/// all. The check and the insert are one statement, so a migration that begins afterwards sees the node.
const ENTER: &str = "insert into nodes (version, lease_until, url, reads_parts) \
    select $1, clock_timestamp() + $2 * interval '1 ms', $3, true \
    where pg_try_advisory_xact_lock_shared($4) \
    and ($5 or not exists (select from cluster where is_incomplete)) \
    and not exists (select from nodes where id = $6) \
    returning id, (extract(epoch from started) * 1000000)::int8";
/// Why a node may not enter.
const REFUSAL: &str = "select not pg_try_advisory_xact_lock_shared($1), is_incomplete, \
    (select url from nodes where id = $2) from cluster";
/// Also if others have taken it for gone for good. The third column is whether the lease was over, which is seen as it was
/// before; null: the node was forgotten. The last one is the database's clock.
const RENEW: &str = "insert into nodes \
    (id, version, lease_until, url, running, queued, revision, draining, started, clock_ms, token_check, \
    reads_parts) overriding system value values ($1, $2, clock_timestamp() + $3 * interval '1 ms', $4, $5, $6, $7, $8, \
    'epoch'::timestamptz + $10 * interval '1 us', $11, $12, true) \
    on conflict (id) do update set lease_until = excluded.lease_until, version = excluded.version, \
    url = excluded.url, running = excluded.running, queued = excluded.queued, \
    revision = greatest(nodes.revision, excluded.revision), \
    draining = nodes.draining or excluded.draining, \
    clock_ms = coalesce(excluded.clock_ms, nodes.clock_ms), token_check = excluded.token_check, \
    reads_parts = true \
    returning draining, (select url from nodes where id = $9), \
    (select n.lease_until <= clock_timestamp() from nodes n where n.id = $1), \
    (extract(epoch from clock_timestamp()) * 1000)::int8";
/// Partitions that were owned before the lease ended may have been another node's since.
const RETAKE: &str = "update partitions set epoch = epoch + 1 where owner = $1";
/// Nodes that have a share. One that has not renewed its lease for half of it does not count, so that nothing is kept free
/// for a dead one; it owns what it has to the end of its lease.
const LIVE: &str = "select count(*) from nodes where not draining \
    and lease_until > clock_timestamp() + $1 * interval '1 ms'";
/// Rows that a writer has locked are left for the next look. The node that has moved the store may be newer than what this
/// statement sees of the nodes.
const TAKE: &str = "update partitions set owner = $1, epoch = epoch + 1 where id in \
    (select p.id from partitions p where p.owner is distinct from $3 and (p.owner is null or not exists \
    (select from nodes n where n.id = p.owner and n.lease_until > clock_timestamp())) \
    order by p.id limit $2 for update skip locked)";
const OWNED: &str = "select id, epoch from partitions where owner = $1 order by id";
const LEAVE: &str = "update partitions set owner = null where owner = $1 and id = any($2)";
const IS_OVER: &str = "select lease_until <= clock_timestamp() from nodes where id = $1";
/// All at once: a node that is gone without having been ended by a run has no list of runs.
const GO: &str = "with free as (update partitions set owner = null where owner = $1), \
    over as (delete from lasting where node = $1) delete from nodes where id = $1";
/// As long as it is known what its end may have interrupted, so that it can take that back: see `interrupted::EXPIRE`.
const FORGET: &str =
    "delete from nodes where lease_until < clock_timestamp() - interval '1 day' and id <> $1";

/// Why a node enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
    /// It works with the store.
    Works,
    /// It writes a copy of another store, and has the lock that keeps others out.
    Copies,
}

/// Enters a node. None if `store migrate` copies the store or has moved it, or a copy is incomplete: see [`refusal`].
pub(super) async fn enter(
    client: &Client,
    settings: &PostgresSettings,
    entrance: Entrance,
) -> Result<Option<NodeIdentity>, Error> {
    let version = env!("CARGO_PKG_VERSION");
    let params: Params<'_> = &[
        &version,
        &lease(settings),
        &settings.url,
        &OFFLINE,
        &(entrance == Entrance::Copies),
        &MOVED,
    ];
    let row = client.query_opt(ENTER, params).await?;
    Ok(row.map(|row| NodeIdentity {
        id: row.get(0),
        started: row.get(1),
    }))
}

/// Why a node may not enter.
pub(super) async fn refusal(client: &Client) -> OpenError {
    let row = match client.query_one(REFUSAL, &[&OFFLINE, &MOVED]).await {
        Ok(row) => row,
        Err(error) => return error.into(),
    };
    let (is_offline, is_incomplete): (bool, bool) = (row.get(0), row.get(1));
    match row.get::<_, Option<String>>(2) {
        _ if is_offline => OpenError::Offline,
        Some(to) => OpenError::Moved(to),
        None if is_incomplete => OpenError::Incomplete,
        None => OpenError::Offline,
    }
}

fn lease(settings: &PostgresSettings) -> f64 {
    settings.lease.as_millis() as f64
}

/// The longest that renewing the lease waits for something else.
fn lease_part(settings: &PostgresSettings) -> Duration {
    settings.lease / 10
}

/// Renews the lease, takes what this node is to own and is free, and notes what it owns.
pub(super) async fn look(
    shared: &Shared,
    session: &Session,
    has_lapsed: bool,
) -> Result<(), Error> {
    let (node, version) = (shared.node, env!("CARGO_PKG_VERSION"));
    let load = *shared.load.lock();
    let started = shared.entered.started as f64;
    // One that is about to end has no share for the others either, so that they take what it gives up.
    let ends = shared.leaving.lock().all;
    let ahead = shared.skew.lock().ms;
    let token = shared.token.get().map(|digest| digest().to_vec());
    let params: Params<'_> = &[
        &node,
        &version,
        &lease(&shared.settings),
        &shared.settings.url,
        &number(load.running),
        &number(load.queued),
        &number(load.revision),
        &ends,
        &MOVED,
        &started,
        &ahead,
        &token,
    ];
    // The list of runs is not noted anew between the two.
    let listing = timeout(lease_part(&shared.settings), shared.listing.lock()).await;
    let now = shared.settings.now;
    let before = now();
    let renewed = session.query(RENEW, params).await?;
    if let Some(row) = renewed.first() {
        shared.skew.lock().measure((before, now()), row.get(3));
    }
    let is_draining = renewed.first().is_some_and(|row| row.get(0));
    moved::note(shared, renewed.first().and_then(|row| row.get(1)));
    if has_lapsed {
        session.execute(RETAKE, &[&node]).await?;
    }
    // This side's clock stands still while the machine is suspended. Then others may have counted, too.
    let was_over = renewed
        .first()
        .and_then(|row| row.get::<_, Option<bool>>(2));
    if has_lapsed || was_over != Some(false) {
        interrupted::take_back(shared, session).await?;
        shared.has_lapsed.store(false, Ordering::Release);
    }
    drop(listing);
    take_share(shared, session, (ends, is_draining)).await?;
    session.execute(FORGET, &[&node]).await?;
    Ok(())
}

/// Takes free partitions up to the fair share, and gives up those above it.
async fn take_share(
    shared: &Shared,
    session: &Session,
    (ends, is_draining): (bool, bool),
) -> Result<(), Error> {
    let node = shared.node;
    let half = lease(&shared.settings) / 2.0;
    let live: i64 = session.query(LIVE, &[&half]).await?[0].get(0);
    let live = usize::try_from(live).unwrap_or(0);
    shared.sharing.store(live.max(1), Ordering::Relaxed);
    let share = match (ends, is_draining) {
        // For tasks that are being accepted; it goes last.
        (true, _) => 1,
        // If all nodes give their partitions up, none of them takes one.
        (false, true) if live > 0 => 0,
        (false, _) => Partition::COUNT.div_ceil(live.max(1)),
    };
    let mut owned = owned(session, node).await?;
    if owned.len() < share && !ends {
        let wanted = (share - owned.len()) as i64;
        if session.execute(TAKE, &[&node, &wanted, &MOVED]).await? > 0 {
            owned = self::owned(session, node).await?;
        }
    }
    let is_new = {
        let before = shared.partitions.hold();
        let is_new = |claim: &Claim| before.claim(claim.partition) != Some(*claim);
        owned.iter().any(is_new)
    };
    let mut revision = 0;
    if is_new {
        // Before anything begins there; again if it failed.
        interrupted::count(session).await?;
        // Read after the partitions were taken: their former owner accepted its tasks at this revision, or an earlier one.
        revision = registry_read::revision(session).await?;
    }
    let surplus: Vec<Partition> = owned.iter().skip(share).map(|it| it.partition).collect();
    let time = (Instant::now(), shared.settings.drain);
    let (gone, leaving) = shared.leaving.lock().give_up(&surplus, time);
    owned.retain(|claim| !gone.contains(&claim.partition));
    // First here, so that no run begins there any more; then for the others.
    shared.partitions.set_under(&owned, &leaving, revision);
    if !gone.is_empty() {
        let gone: Vec<i16> = gone.into_iter().map(index).collect();
        session.execute(LEAVE, &[&node, &gone]).await?;
    }
    Ok(())
}

async fn owned(session: &Session, node: i64) -> Result<Vec<Claim>, Error> {
    let rows = session.query(OWNED, &[&node]).await?;
    let claim = |row: &tokio_postgres::Row| Claim {
        partition: Partition::new(u8::try_from(row.get::<_, i16>(0)).unwrap_or_default()),
        epoch: u64::try_from(row.get::<_, i64>(1)).unwrap_or_default(),
    };
    Ok(rows.iter().map(claim).collect())
}

/// Keeps the lease until the store is closed. `renewed` is when it was renewed before.
pub(super) async fn run(shared: Arc<Shared>, slot: Slot, mut renewed: Instant) {
    let (every, last) = (shared.settings.lease / 5, shared.settings.lease * 4 / 5);
    let (mut has_lapsed, mut hangs) = (false, false);
    let mut next = Instant::now() + every;
    loop {
        tokio::select! {
            () = sleep_until(next) => {}
            () = shared.look_now.notified() => {}
            () = shared.closed.cancelled() => return,
        }
        if shared.is_closed() {
            return;
        }
        let begun = Instant::now();
        let end = match has_lapsed {
            true => begun + last,
            // A connection can hang without an error. Then there is time for another one.
            false => (renewed + last).min(begun + 2 * every),
        };
        let looked = timeout_at(end, async {
            let session = slot.get(&shared.settings).await?;
            look(&shared, &session, has_lapsed).await
        });
        match looked.await {
            Ok(Ok(())) => {
                if has_lapsed {
                    tracing::info!("the lease is renewed; the partitions are taken up again");
                }
                // A new connection is answered at once where another one was not at all. The others may hang, too, and what
                // this node goes on with would wait for as long as a statement may take.
                if std::mem::take(&mut hangs) && begun.elapsed() < 2 * every {
                    shared.readers.cut();
                }
                (renewed, has_lapsed) = (begun, false);
                next = begun + every;
            }
            failed => {
                slot.close().await;
                let mut pause = RETRY.min(every);
                if let Ok(Err(error)) = failed {
                    tracing::warn!(error = describe(&error), "the lease was not renewed");
                } else if !std::mem::replace(&mut hangs, true) {
                    pause = Duration::ZERO;
                }
                if !has_lapsed && Instant::now() >= renewed + last {
                    tracing::error!(
                        "PostgreSQL was not reached for as long as the lease runs; no tasks are run until it is"
                    );
                    // First, so that the list of what ran stays as others have counted it.
                    shared.has_lapsed.store(true, Ordering::Release);
                    shared.partitions.set(&[]);
                    has_lapsed = true;
                }
                next = Instant::now() + pause;
            }
        }
    }
}

/// Between two tries to renew the lease.
const RETRY: Duration = Duration::from_millis(200);

/// The longest that an end waits for the database.
const GOODBYE: Duration = Duration::from_secs(10);

/// Gives up all partitions, so that others need not wait for the lease's end: all of it is done, or nothing.
pub(super) async fn leave(shared: &Shared) -> Result<(), Error> {
    let leave = async {
        let session = Session::open(&shared.settings).await?;
        session.run("begin").await?;
        let over = session.query(IS_OVER, &[&shared.node]).await?;
        if over.first().is_none_or(|row| row.get(0)) {
            interrupted::take_back(shared, &session).await?;
        }
        session.execute(GO, &[&shared.node]).await?;
        session.run("commit").await
    };
    in_time(GOODBYE, leave).await
}
