//! Closing a store: its threads end, and the database is let go.

use std::sync::atomic::Ordering;

use super::SledStore;
use super::message::Message;

impl SledStore {
    /// Signals the threads to end.
    pub(super) fn signal(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        // If the queue is full, the committer is awake and will see it.
        let _ = self.queue.try_send(Message::Look);
        self.shared.want_checkpoint();
        self.shared.slots.wake_maker();
        self.shared.room.notify_waiters();
    }

    /// Signals the threads to end, waits until they have, and lets go of the database.
    pub(super) fn stop(&self) {
        self.signal();
        for thread in self.threads.lock().drain(..) {
            let _ = thread.join();
        }
        self.shared
            .acknowledged
            .note(self.shared.overlay.read().applied);
        if let Some(disk) = self.shared.set_disk(None)
            && let Err(error) = disk.flush()
        {
            tracing::warn!(%error, "the store could not be flushed as it closed; its log has it all");
        }
        *self.shared.lock.lock() = None;
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.stop();
    }
}
