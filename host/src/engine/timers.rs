//! Waiting tasks: taken up when their time has come. The store keeps the times; here is only the
//! next one.

use std::sync::Weak;
use std::time::Duration;

use super::Engine;
use crate::store::StoreError;

/// Due tasks taken up in one go.
const PAGE: usize = 1_000;
/// The longest sleep: a machine's clock may have been set.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// The shortest sleep while due tasks wait for a runner.
const BUSY: Duration = Duration::from_millis(5);

/// Runs until the engine is dropped or its store is closed.
pub(super) async fn wake_due(engine: Weak<Engine>) {
    loop {
        let Some(alive) = engine.upgrade() else {
            return;
        };
        let sleep = match take_up_due(&alive).await {
            Ok(sleep) => sleep,
            Err(StoreError::Closed | StoreError::Failed) => return,
            Err(error) => {
                tracing::error!(%error, "waiting tasks could not be read");
                Duration::from_secs(1)
            }
        };
        let set = alive.timer_set.clone();
        drop(alive);
        let _ = tokio::time::timeout(sleep, set.notified()).await;
    }
}

async fn take_up_due(engine: &std::sync::Arc<Engine>) -> Result<Duration, StoreError> {
    if engine.queue.is_held() {
        // Told when it is over.
        return Ok(LOOK_AGAIN);
    }
    let now = engine.clock.now();
    let owned = engine.owned();
    let due = engine.store.due(&owned, now, PAGE).await?;
    for (_, workspace, task) in &due {
        // One that is known already is queued or running: it leaves the list when it is committed.
        engine.queue.wake(workspace, *task);
    }
    if !due.is_empty() {
        engine.run_more();
        return Ok(BUSY);
    }
    let next = engine.store.next_wake(&owned).await?;
    Ok(next.map_or(LOOK_AGAIN, |at| {
        Duration::from_millis(at.saturating_sub(now)).clamp(Duration::from_millis(1), LOOK_AGAIN)
    }))
}
