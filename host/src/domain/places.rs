//! Places for work that workspaces share, such as threads: so many in all, and fewer of them for each workspace.
//!
//! Who waits for a place of its workspace does not wait for one of all: so before the work of a workspace that has
//! just come are at most as many works of each other one as that may have at once, however many of them wait.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ids::WorkspaceName;

/// Places that workspaces share, see the module.
#[derive(Debug)]
pub struct Places {
    all: Arc<Semaphore>,
    /// Of these, those that a workspace may have, while it has any.
    shares: Mutex<HashMap<WorkspaceName, Weak<Semaphore>>>,
    share: usize,
}

/// A place. It is given back when this is dropped.
#[derive(Debug)]
pub struct Place {
    _own: Option<OwnedSemaphorePermit>,
    _of_all: Option<OwnedSemaphorePermit>,
}

impl Places {
    /// `all` places, of which a workspace may have `share` at once. Both are at least 1.
    pub fn new(all: usize, share: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all.max(1))),
            shares: Mutex::default(),
            share: share.max(1),
        }
    }

    /// Takes a place as soon as there is one for the workspace; the longest waiting one's comes first.
    pub async fn take(&self, workspace: &WorkspaceName) -> Place {
        self.take_after(workspace, std::future::ready(())).await
    }

    /// As [`Places::take`], after `turn`. While that is waited for, it has one of the workspace's places and none that another
    /// workspace could have.
    pub async fn take_after(&self, workspace: &WorkspaceName, turn: impl Future) -> Place {
        let share = {
            let mut shares = self.shares.lock();
            match shares.get(workspace).and_then(Weak::upgrade) {
                Some(share) => share,
                None => {
                    shares.retain(|_, share| share.strong_count() > 0);
                    let share = Arc::new(Semaphore::new(self.share));
                    shares.insert(workspace.clone(), Arc::downgrade(&share));
                    share
                }
            }
        };
        // They are never closed.
        let own = share.acquire_owned().await.ok();
        turn.await;
        let of_all = self.all.clone().acquire_owned().await.ok();
        Place {
            _own: own,
            _of_all: of_all,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn a_workspace_that_waits_for_many_is_before_its_neighbour_once() {
        let places = Places::new(1, 1);
        let (loud, quiet): (WorkspaceName, WorkspaceName) =
            ("loud".parse().unwrap(), "quiet".parse().unwrap());
        let first = places.take(&loud).await;
        let (mut second, mut third) = (pin!(places.take(&loud)), pin!(places.take(&loud)));
        assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
        let mut neighbour = pin!(places.take(&quiet));
        assert!(poll!(&mut neighbour).is_pending());
        drop(first);
        assert!(
            poll!(&mut second).is_pending(),
            "it comes after the neighbour"
        );
        let place = neighbour.await;
        assert!(poll!(&mut second).is_pending());
        drop(place);
        drop(second.await);
        drop(third.await);
        assert!(
            places
                .shares
                .lock()
                .values()
                .all(|share| share.strong_count() == 0)
        );
    }

    #[tokio::test]
    async fn who_waits_for_a_turn_keeps_no_place_from_another_workspace() {
        let places = Places::new(1, 1);
        let (loud, quiet): (WorkspaceName, WorkspaceName) =
            ("loud".parse().unwrap(), "quiet".parse().unwrap());
        let mut waits = pin!(places.take_after(&loud, std::future::pending::<()>()));
        assert!(poll!(&mut waits).is_pending());
        let mut other = pin!(places.take(&loud));
        assert!(poll!(&mut other).is_pending(), "the share is one");
        let mut neighbour = pin!(places.take(&quiet));
        assert!(poll!(&mut neighbour).is_ready());
    }

    #[tokio::test]
    async fn no_workspace_has_more_than_its_share() {
        let places = Places::new(8, 2);
        let (loud, quiet): (WorkspaceName, WorkspaceName) =
            ("loud".parse().unwrap(), "quiet".parse().unwrap());
        let held = [places.take(&loud).await, places.take(&loud).await];
        let mut more = pin!(places.take(&loud));
        assert!(poll!(&mut more).is_pending());
        drop(places.take(&quiet).await);
        drop(held);
        more.await;
    }
}
