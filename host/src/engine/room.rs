//! While the store takes no writes, no run begins. A run that was cut off because a write of it was
//! refused is begun again from the journal when there is room, as after a crash; but a call that was
//! made and could not be recorded is remembered, and recorded then, so that it is not made twice.

use std::sync::Arc;
use std::time::Duration;

use super::dispatcher::Dispatcher;
use super::tasks::Tasks;
use super::unstored::UnstoredWork;
use crate::store::Health;

/// How often the tasks that the store refused are tried again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Holds runs back while the store takes no writes. Runs for ever.
pub(super) async fn watch(tasks: Tasks, dispatcher: Arc<Dispatcher>, unstored: Arc<UnstoredWork>) {
    let mut health = tasks.store.health();
    loop {
        let now = *health.borrow_and_update();
        dispatcher.queue.set_paused(now != Health::Writable);
        if now == Health::Writable {
            for (workspace, task) in unstored.take_tasks() {
                dispatcher.queue.wake(&workspace, task);
            }
            dispatcher.run_more();
            dispatcher.timer_changed.notify_one();
        }
        // A store whose health never changes has no sender.
        if let Ok(Err(_)) = tokio::time::timeout(LOOK_AGAIN, health.changed()).await {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}
