//! How the engine is set up.

/// How the engine is set up.
#[derive(Debug, Clone, Copy)]
pub struct EngineSettings {
    /// Tasks that may be in a run at once; one workspace gets at most half of them while another
    /// one has work.
    pub concurrency: usize,
    /// How many of one workspace's tasks that have queued are in a run at once that does not wait for
    /// a connector's answer, but computes or is being made durable. More would get nothing done
    /// sooner, and each would find that the others have emptied the processor's caches.
    pub busy: usize,
    /// Ready tasks per workspace that are remembered in memory; the rest is read from the store
    /// when their turn comes.
    pub queue: usize,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            concurrency: 1_000,
            busy: 64,
            queue: 4_096,
        }
    }
}
