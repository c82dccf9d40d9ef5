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
    /// How many of one workspace's tasks are in a run at once that computes for long, or would if others did not:
    /// enough to keep all processors busy. A task that arrives then is queued.
    pub computing: usize,
    /// Ready tasks per workspace that are remembered in memory; the rest is read from the store
    /// when their turn comes.
    pub queue: usize,
    /// Bytes of memory that tasks under way and bodies may take, over all workspaces.
    pub memory: u64,
    /// Connector calls that may be in flight at once, over all workspaces.
    pub calls: u64,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            concurrency: 1_000,
            busy: 64,
            computing: std::thread::available_parallelism().map_or(1, usize::from) + 4,
            queue: 4_096,
            memory: u64::MAX,
            calls: 1_000,
        }
    }
}
