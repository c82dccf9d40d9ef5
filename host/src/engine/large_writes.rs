//! Limits large writes. The store makes changes durable in one order, so a small one waits for the large ones
//! before it, and a written change has to be folded later: many large ones of one workspace would hold up all others.
//!
//! So only two large writes are under way at a time, workspaces in turn; while several workspaces are active it is
//! one, and each writes at a bounded rate. Writes of little do not come here.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::connectors::Pace;
use crate::domain::ids::WorkspaceName;

/// Data of this many bytes are large; a group that the store makes durable at once has four times as many.
const LARGE: usize = 256 * 1024;
/// Writes of so many bytes, and bodies of webhooks, count for the rate of their workspace.
pub const LARGE_BODY: usize = 16 * 1024;
/// Large writes under way at a time, of a workspace alone: one is prepared while the other one is written.
const AT_ONCE: usize = 2;
/// Bytes that a workspace writes in a second while another one is active: a quarter of what a modest
/// disk takes, written twice (log and archive).
const RATE: f64 = 16.0 * 1024.0 * 1024.0;
/// Bytes that it writes at once after a pause.
const BURST: f64 = 4.0 * 1024.0 * 1024.0;
/// The longest that a body waits before it is read. It waits for the rest when it is there: then the memory for bodies
/// bounds how many of them do.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether at most one workspace is active.
pub(super) type IsAlone = Box<dyn Fn() -> bool + Send + Sync>;

pub(super) struct LargeWrites {
    is_alone: IsAlone,
    state: Mutex<State>,
}

struct State {
    under_way: usize,
    waiting: HashMap<WorkspaceName, VecDeque<oneshot::Sender<WritePermit>>>,
    /// Workspaces with writes that wait, in turn.
    order: VecDeque<WorkspaceName>,
    /// When a workspace will have written by its rate what it has begun to write.
    paid: HashMap<WorkspaceName, Instant>,
}

/// Bytes that are counted as written by a rate. Those that are not written, since who waited for them is gone, are taken
/// back when this is dropped.
struct Booked<'a> {
    writes: &'a LargeWrites,
    workspace: &'a WorkspaceName,
    bytes: usize,
}

impl Drop for Booked<'_> {
    fn drop(&mut self) {
        let mut state = self.writes.state.lock();
        if let Some(paid) = state.paid.get_mut(self.workspace)
            && let Some(earlier) = paid.checked_sub(takes(self.bytes))
        {
            *paid = earlier;
        }
    }
}

/// How long it takes to write so many bytes by the rate.
fn takes(bytes: usize) -> Duration {
    Duration::from_secs_f64(bytes as f64 / RATE)
}

/// A large write is under way until this is dropped.
pub(super) struct WritePermit(Option<Arc<LargeWrites>>);

impl LargeWrites {
    pub(super) fn new(is_alone: IsAlone) -> Self {
        Self {
            is_alone,
            state: Mutex::new(State {
                under_way: 0,
                waiting: HashMap::new(),
                order: VecDeque::new(),
                paid: HashMap::new(),
            }),
        }
    }

    /// Waits until the workspace may write `bytes` by its rate.
    pub(super) async fn throttle(&self, workspace: &WorkspaceName, bytes: usize) {
        if bytes < LARGE_BODY || (self.is_alone)() {
            return;
        }
        let at = self.pay(workspace, bytes, Instant::now());
        let mut booked = Booked {
            writes: self,
            workspace,
            bytes,
        };
        tokio::time::sleep_until(at).await;
        booked.bytes = 0;
    }

    /// Waits while the workspace has written more than its rate allows, [`PATIENCE`] at most, if others are active. Nothing
    /// is counted: who announces many bytes and sends none takes nothing of its peers.
    pub(super) async fn ready(&self, workspace: &WorkspaceName) {
        self.ready_within(PATIENCE, workspace).await;
    }

    async fn ready_within(&self, most: Duration, workspace: &WorkspaceName) {
        let until = Instant::now() + most;
        while !(self.is_alone)() {
            let now = Instant::now();
            match self.debt_ends(workspace) {
                Some(at) if at > now && now < until => {
                    tokio::time::sleep_until(at.min(until)).await;
                }
                _ => return,
            }
        }
    }

    /// When the workspace will have written by its rate what it has begun to write, but for a burst.
    fn debt_ends(&self, workspace: &WorkspaceName) -> Option<Instant> {
        let paid = self.state.lock().paid.get(workspace).copied()?;
        paid.checked_sub(takes(BURST as usize))
    }

    /// When `bytes` may be written; they are counted as written then.
    fn pay(&self, workspace: &WorkspaceName, bytes: usize, now: Instant) -> Instant {
        let mut state = self.state.lock();
        state.paid.retain(|_, until| *until > now);
        let paid = state.paid.get(workspace).copied().unwrap_or(now);
        state.paid.insert(workspace.clone(), paid + takes(bytes));
        paid.checked_sub(takes(BURST as usize))
            .map_or(now, |at| at.max(now))
    }

    /// Waits until `bytes` may be written; a small write needs no permit.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        workspace: &WorkspaceName,
        bytes: usize,
    ) -> Option<WritePermit> {
        if bytes < LARGE {
            return None;
        }
        let permit = {
            let mut state = self.state.lock();
            let most = match (self.is_alone)() {
                true => AT_ONCE,
                false => 1,
            };
            if state.under_way < most {
                state.under_way += 1;
                return Some(WritePermit(Some(self.clone())));
            }
            let (sender, permit) = oneshot::channel();
            let lane = state.waiting.entry(workspace.clone()).or_default();
            lane.push_back(sender);
            if lane.len() == 1 {
                state.order.push_back(workspace.clone());
            }
            permit
        };
        permit.await.ok()
    }

    /// The next write that waits, of the next workspace.
    fn next(&self) -> Option<oneshot::Sender<WritePermit>> {
        let mut state = self.state.lock();
        let Some(workspace) = state.order.pop_front() else {
            state.under_way -= 1;
            return None;
        };
        let lane = state.waiting.get_mut(&workspace)?;
        let next = lane.pop_front();
        match lane.is_empty() {
            true => drop(state.waiting.remove(&workspace)),
            false => state.order.push_back(workspace),
        }
        next
    }
}

impl Pace for LargeWrites {
    /// Large answers are written as they are, so they come in at the rate of writes.
    fn wait<'a>(
        &'a self,
        workspace: &'a WorkspaceName,
        bytes: usize,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.throttle(workspace, bytes))
    }
}

impl Drop for WritePermit {
    fn drop(&mut self) {
        let Some(writes) = self.0.take() else { return };
        while let Some(next) = writes.next() {
            match next.send(WritePermit(Some(writes.clone()))) {
                Ok(()) => return,
                // It waits no more.
                Err(mut permit) => permit.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn name(text: &str) -> WorkspaceName {
        text.parse().unwrap()
    }

    fn writes(is_alone: bool) -> Arc<LargeWrites> {
        Arc::new(LargeWrites::new(Box::new(move || is_alone)))
    }

    #[tokio::test]
    async fn large_writes_are_limited_by_workspace_and_small_ones_are_not() {
        let writes = writes(true);
        let (loud, quiet) = (name("loud"), name("quiet"));
        assert!(writes.acquire(&loud, LARGE - 1).await.is_none());
        let first = writes.acquire(&loud, LARGE).await;
        let second = writes.acquire(&loud, LARGE).await;
        assert!(first.is_some() && second.is_some());
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        // They queue in this order; one gives up.
        let mut tasks = Vec::new();
        for (number, workspace) in [(0, &loud), (1, &loud), (2, &loud), (3, &quiet)] {
            let (writes, workspace, sender) = (writes.clone(), workspace.clone(), sender.clone());
            tasks.push(tokio::spawn(async move {
                let permit = writes.acquire(&workspace, LARGE).await;
                sender.send(number).unwrap();
                drop(permit);
            }));
            tokio::task::yield_now().await;
        }
        tasks[0].abort();
        tokio::task::yield_now().await;
        drop(first);
        let mut order = Vec::new();
        for _ in 0..3 {
            order.push(receiver.recv().await.unwrap());
        }
        assert_eq!(
            order,
            [3, 1, 2],
            "the quiet one is not behind all of the loud one's"
        );
        drop(second);
        let beside = super::tests::writes(false);
        let one = beside.acquire(&loud, LARGE).await;
        let waits = tokio::spawn({
            let (writes, quiet) = (beside.clone(), quiet.clone());
            async move { writes.acquire(&quiet, LARGE).await.is_some() }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished(), "one at a time beside others");
        drop(one);
        assert!(waits.await.unwrap());
        for task in tasks {
            let _ = task.await;
        }
        let state = writes.state.lock();
        assert_eq!(state.under_way, 0);
        assert!(state.waiting.is_empty() && state.order.is_empty());
    }

    #[tokio::test]
    async fn a_workspace_in_debt_waits_before_it_is_read_and_books_nothing_by_that() {
        let (loud, quiet) = (name("loud"), name("quiet"));
        let writes = writes(false);
        let second = RATE as usize;
        let is_ready = |writes: &Arc<LargeWrites>, workspace: &WorkspaceName| {
            let (writes, workspace) = (writes.clone(), workspace.clone());
            async move { writes.ready(&workspace).await }.now_or_never()
        };
        writes.pay(&loud, BURST as usize, Instant::now());
        assert!(is_ready(&writes, &loud).is_some(), "it is a burst");
        writes.pay(&loud, second, Instant::now());
        assert!(is_ready(&writes, &loud).is_none());
        assert!(is_ready(&writes, &quiet).is_some());
        // However often it is announced.
        let booked = writes.state.lock().paid[&loud];
        let begun = Instant::now();
        tokio::join!(writes.ready(&loud), writes.ready(&loud));
        assert!(begun.elapsed() >= takes(second / 8));
        assert_eq!(writes.state.lock().paid[&loud], booked);
        assert!(Instant::now() + takes(BURST as usize) >= booked);
        // However much it has posted.
        writes.pay(&loud, 60 * second, Instant::now());
        let most = Duration::from_millis(20);
        writes.ready_within(most, &loud).await;
        assert!(is_ready(&writes, &loud).is_none());
        let alone = super::tests::writes(true);
        alone.pay(&loud, 60 * second, Instant::now());
        assert!(is_ready(&alone, &loud).is_some());
    }

    #[tokio::test]
    async fn a_rate_is_kept_by_each_workspace_only_while_another_one_is_active() {
        let now = Instant::now();
        let writes = writes(false);
        let (loud, quiet) = (name("loud"), name("quiet"));
        let (second, burst) = (RATE as usize, BURST as usize);
        // A burst is written at once, and as much as a second's after each second.
        assert_eq!(writes.pay(&loud, burst, now), now);
        assert_eq!(writes.pay(&loud, second, now), now);
        let later = now + Duration::from_secs(1);
        assert_eq!(writes.pay(&loud, second, now), later);
        assert_eq!(writes.pay(&quiet, second, now), now);
        let much_later = now + Duration::from_secs(60);
        assert_eq!(writes.pay(&loud, second, much_later), much_later);
        assert_eq!(
            writes.state.lock().paid.len(),
            1,
            "the others are forgotten"
        );
        // Who waits no more has written nothing.
        let fresh = super::tests::writes(false);
        fresh.throttle(&loud, 10 * second).await;
        let booked = fresh.state.lock().paid[&loud];
        let mut waits = Box::pin(fresh.throttle(&loud, second));
        assert!(futures_util::poll!(&mut waits).is_pending());
        assert!(fresh.state.lock().paid[&loud] > booked);
        drop(waits);
        assert_eq!(fresh.state.lock().paid[&loud], booked);
        // These wait for nothing.
        writes.throttle(&loud, LARGE_BODY - 1).await;
        let alone = super::tests::writes(true);
        for _ in 0..100 {
            alone.throttle(&loud, second).await;
        }
    }
}
