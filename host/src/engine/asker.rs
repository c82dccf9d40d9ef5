//! Asks the nodes that own tasks for actions on them, and waits for the answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::domain::ids::WorkspaceName;
use crate::domain::inbox::{RequestId, TaskAnswer, TaskRequest};
use crate::store::{Cluster, Hint, Store, StoreError};

/// The longest that an answer is waited for: an owner's patience with a run, and the time in which another node takes the
/// place of one that died.
const LONGEST: Duration = Duration::from_secs(40);
/// Requests that wait at once, and those of one workspace.
const MOST: (usize, usize) = (1_000, 100);
/// Between two looks for answers: first, and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(64));

/// The callers that wait for answers of other nodes.
pub(super) struct Asker {
    store: Arc<dyn Store>,
    waiting: Mutex<HashMap<RequestId, Waiting>>,
    asked: Notify,
}

struct Waiting {
    workspace: WorkspaceName,
    answer: oneshot::Sender<TaskAnswer>,
    /// Whether the store has it. Before, its answer stays there, so that asking again asks once.
    is_asked: bool,
}

/// Why a request was not made. It is not done.
#[derive(Debug)]
pub(super) enum AskError {
    /// As many wait as may.
    Full,
    /// The store did not take it.
    Store(StoreError),
}

/// Registers a caller that waits for an answer, until it is dropped.
struct WaitGuard<'a> {
    asker: &'a Asker,
    id: RequestId,
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.asker.waiting.lock().remove(&self.id);
    }
}

impl Asker {
    /// Asks by what the store has for that.
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            waiting: Mutex::default(),
            asked: Notify::new(),
        }
    }

    /// Has the owner of a task do something. It is done even if who asks for it no longer waits. Else it is done once, or
    /// it is said that it is not done.
    ///
    /// # Errors
    /// [`AskError`].
    pub(super) async fn ask(&self, request: &TaskRequest) -> Result<Answered, AskError> {
        let Some(cluster) = self.store.cluster() else {
            return Err(AskError::Store(StoreError::Closed));
        };
        let id = RequestId::random();
        let (sender, mut answer) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock();
            let workspace = request.workspace.clone();
            let own = waiting.values().filter(|one| one.workspace == workspace);
            if waiting.len() >= MOST.0 || own.count() >= MOST.1 {
                return Err(AskError::Full);
            }
            let one = Waiting {
                workspace,
                answer: sender,
                is_asked: false,
            };
            waiting.insert(id, one);
        }
        let _place = WaitGuard { asker: self, id };
        if let Err(error) = cluster.ask(id, request).await {
            // It may have been asked in spite of that.
            return match cluster.withdraw(id).await {
                Ok(Some(answer)) => Ok(Answered::Answer(answer)),
                Ok(None) => Err(AskError::Store(error)),
                Err(_) => Err(AskError::Store(StoreError::InDoubt)),
            };
        }
        if let Some(one) = self.waiting.lock().get_mut(&id) {
            one.is_asked = true;
        }
        self.asked.notify_one();
        if let Ok(Ok(answer)) = tokio::time::timeout(LONGEST, &mut answer).await {
            return Ok(Answered::Answer(answer));
        }
        match cluster.withdraw(id).await {
            Ok(Some(answer)) => Ok(Answered::Answer(answer)),
            // It may just have been handed out: an answer leaves the store after that.
            Ok(None) => Ok(answer
                .try_recv()
                .map_or(Answered::Nothing(LONGEST), Answered::Answer)),
            Err(_) => Err(AskError::Store(StoreError::InDoubt)),
        }
    }

    /// Hands out answers as they come. Runs until the store is closed.
    pub(super) async fn run(self: Arc<Self>) {
        let Some(cluster) = self.store.cluster() else {
            return;
        };
        let mut pause = LOOK_AGAIN.0;
        let mut hints = cluster.hints(Hint::Answered);
        loop {
            let ids: Vec<RequestId> = {
                let waiting = self.waiting.lock();
                let asked = waiting.iter().filter(|(_, one)| one.is_asked);
                asked.map(|(id, _)| *id).collect()
            };
            if ids.is_empty() {
                self.asked.notified().await;
                pause = LOOK_AGAIN.0;
                continue;
            }
            match self.hand_out(cluster, &ids).await {
                Ok(0) => pause = (2 * pause).min(LOOK_AGAIN.1),
                Ok(_) => pause = LOOK_AGAIN.0,
                Err(StoreError::Closed) => return,
                Err(_) => pause = LOOK_AGAIN.1,
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.asked.notified() => pause = LOOK_AGAIN.0,
                () = hints.next() => pause = LOOK_AGAIN.0,
            }
        }
    }

    async fn hand_out(
        &self,
        cluster: &dyn Cluster,
        ids: &[RequestId],
    ) -> Result<usize, StoreError> {
        let answers = cluster.answers(ids).await?;
        let mut read = Vec::with_capacity(answers.len());
        for (id, answer) in answers {
            if let Some(waiting) = self.waiting.lock().remove(&id) {
                let _ = waiting.answer.send(answer);
            }
            read.push(id);
        }
        if !read.is_empty() {
            cluster.forget(&read).await;
        }
        Ok(read.len())
    }
}

/// The answer of another node, or why there is none.
pub(super) enum Answered {
    /// Its answer.
    Answer(TaskAnswer),
    /// None in that time. It was taken back, and is not done.
    Nothing(Duration),
}
