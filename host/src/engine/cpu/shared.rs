//! The shares, as the threads and jobs of all workspaces use them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::{RwLock, RwLockWriteGuard};

use super::share::{Account, LaneId, Micros, Share};
use super::ticket::Ticket;
use crate::domain::ids::WorkspaceName;

/// How often fair shares are paid out.
const PAYDAY: Micros = 1_000;

pub(super) struct Shared {
    pub(super) share: RwLock<Share<Arc<Ticket>>>,
    /// Whether several workspaces are active.
    pub(super) is_contended: AtomicBool,
    /// Jobs that wait for a turn or have one, of all workspaces.
    pub(super) computing: AtomicUsize,
    /// Whether one computes while another workspace is active.
    short_ticks: Arc<AtomicBool>,
    paid: AtomicU64,
    begun: Instant,
}

impl Shared {
    pub(super) fn new(share: Share<Arc<Ticket>>, short_ticks: Arc<AtomicBool>) -> Self {
        Self {
            share: RwLock::new(share),
            is_contended: AtomicBool::new(false),
            computing: AtomicUsize::new(0),
            short_ticks,
            paid: AtomicU64::new(0),
            begun: Instant::now(),
        }
    }

    /// Takes in a new job of the workspace.
    pub(super) fn enter(&self, workspace: &WorkspaceName) -> (LaneId, Arc<Account>) {
        let entered = self.share.read().enter_active(workspace);
        entered.unwrap_or_else(|| {
            let mut share = self.share.write();
            let entered = share.enter(workspace, self.now());
            self.note(&share);
            entered
        })
    }

    pub(super) fn now(&self) -> Micros {
        self.begun.elapsed().as_micros() as Micros
    }

    /// Notes what jobs look at without the lock.
    pub(super) fn note(&self, share: &Share<Arc<Ticket>>) {
        let is_contended = share.active() > 1;
        self.is_contended.store(is_contended, Ordering::Relaxed);
        let computing = share.all_computing();
        self.computing.store(computing, Ordering::Relaxed);
        self.short_ticks
            .store(is_contended && computing > 0, Ordering::Relaxed);
    }

    /// Pays out the fair shares, if it is time.
    pub(super) fn pay(&self, now: Micros) {
        if now.saturating_sub(self.paid.load(Ordering::Relaxed)) < PAYDAY {
            return;
        }
        // Another thread does it if the lock is taken.
        if let Some(mut share) = self.share.try_write() {
            self.paid.store(now, Ordering::Relaxed);
            share.pay(now);
            self.grant(share);
        }
    }

    /// Gives turns to those that are next, and wakes them once the shares are not locked any more.
    pub(super) fn grant(&self, mut share: RwLockWriteGuard<'_, Share<Arc<Ticket>>>) {
        let mut granted = Vec::new();
        while let Some((lane, ticket)) = share.pick() {
            match ticket.grant() {
                true => {
                    if ticket.is_beside() {
                        share.lend();
                    }
                    granted.push(ticket);
                }
                false => share.charge(lane, 0),
            }
        }
        self.note(&share);
        drop(share);
        for ticket in granted {
            ticket.wake();
        }
    }

    /// A turn of a job is over.
    pub(super) fn release(&self, lane: LaneId, used: Micros) {
        let mut share = self.share.write();
        share.charge(lane, used);
        self.grant(share);
    }

    /// A turn of work beside the jobs is over.
    pub(super) fn release_beside(&self, lane: LaneId, used: Micros) {
        let mut share = self.share.write();
        share.take_back();
        share.charge(lane, used);
        self.grant(share);
    }
}
