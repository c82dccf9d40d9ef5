//! Turns of work beside the jobs: for work of a workspace that takes milliseconds at once, on other threads than those of
//! the jobs. While other workspaces are active, work of one that has used more than its share begins when it is that one's
//! turn. The turns of jobs go on meanwhile.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use super::share::{Account, LaneId, Micros};
use super::shared::Shared;
use super::ticket::Ticket;
use crate::domain::ids::WorkspaceName;

/// The longest wait for a turn: longer than the deepest debt takes. Work that waits so long is done without.
const PATIENCE: Duration = Duration::from_secs(2);

/// Work of a workspace on another thread. Its time counts as the workspace's when this is dropped, and its turn is over.
pub(in crate::engine) struct Working {
    shared: Arc<Shared>,
    lane: LaneId,
    account: Arc<Account>,
    /// Of work that waits for a turn, or has one.
    ticket: Option<Arc<Ticket>>,
    /// None while it waits.
    begun: Option<Micros>,
}

impl Working {
    /// Begins work of the workspace, which is to be done at once then. If the workspace has used more than its share while
    /// others are active, this waits for its turn, for a bounded time. Who drops this future takes none.
    pub(super) async fn begin(shared: Arc<Shared>, workspace: WorkspaceName) -> Self {
        shared.pay(shared.now());
        let (lane, account) = shared.enter(&workspace);
        let waits = shared.is_contended.load(Ordering::Relaxed) && account.is_in_debt();
        let mut working = Self {
            shared,
            lane,
            account,
            ticket: None,
            begun: None,
        };
        if waits {
            working.wait().await;
        }
        working.begun = Some(working.shared.now());
        working
    }

    /// Waits for a turn. If none comes in time, it may come during the work.
    async fn wait(&mut self) {
        let ticket = Arc::new(Ticket::beside());
        self.ticket = Some(ticket.clone());
        self.ask(ticket.clone());
        let turn = poll_fn(|context| match ticket.is_granted(context.waker()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        });
        let _ = timeout(PATIENCE, turn).await;
    }

    fn ask(&self, ticket: Arc<Ticket>) {
        let mut share = self.shared.share.write();
        share.push(self.lane, ticket);
        self.shared.grant(share);
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let in_turn = self.ticket.take().is_some_and(|ticket| ticket.drop_turn());
        let now = self.shared.now();
        let used = self.begun.map_or(0, |begun| now.saturating_sub(begun));
        if self.begun.is_some() {
            self.account.spend(used, now, in_turn);
        }
        if in_turn {
            self.shared.release_beside(self.lane, used);
        }
        self.account.leave();
    }
}
