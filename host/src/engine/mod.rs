//! The engine: takes every ready task through its steps, one run at a time per task, many tasks at
//! once, fairly between workspaces, with a bounded queue in memory.
//!
//! Its parts are types with the fields that they need. From the ground up: [`tasks::Tasks`] (the store, and
//! what of it is this node's), [`queue::Queue`] and [`locks::TaskLocks`], [`cpu::Workers`] (shares the threads by
//! workspace), [`dispatcher::Dispatcher`] (starts runners), [`subtasks::Subtasks`] and [`notices::Notices`] (commit
//! with what a task's end is to others), [`advancer::Advancer`] (one task from run to run), [`runner::Runner`] (one task after another), then what
//! the rest of the server calls: [`Acceptor`], [`Actions`], [`Replayer`], [`Removal`].

mod acceptor;
mod actions;
mod admission;
mod advance;
mod advanced;
mod advancer;
mod asker;
mod attempt;
mod blocking;
mod bodies;
mod call_recorder;
mod calls;
mod children;
mod commit;
mod cpu;
mod dispatcher;
mod eligible;
mod expiry;
mod idempotency;
mod inbox;
mod interrupted;
mod lane;
mod large_writes;
mod locks;
mod matcher;
mod memory;
mod notices;
mod origin;
mod outcome;
mod outgoing;
mod ownership;
mod pause;
mod quarantine;
mod queue;
mod reads;
mod removal;
mod removal_asked;
mod replay;
mod respond;
mod retry;
mod room;
mod runner;
mod schedules;
mod settings;
mod slots;
mod steps;
mod subtasks;
mod tasks;
mod threads;
mod timers;
mod unstored;
mod watchers;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::catalog::Catalog;
use crate::connectors::{FetchClient, WorkspacePolicy};
use crate::domain::budget::Budget;
use crate::domain::clock::Clock;
use crate::domain::ids::WorkspaceName;
use crate::sandbox::Sandbox;
use crate::store::{Load, Store};
use advancer::Advancer;
use asker::Asker;
use bodies::Bodies;
use call_recorder::CallRecorder;
use cpu::{Charged, Workers};
use dispatcher::Dispatcher;
use inbox::{Inbox, load};
use interrupted::Interrupted;
use large_writes::LargeWrites;
use locks::TaskLocks;
use memory::Memory;
use notices::Notices;
use outgoing::Outgoing;
use ownership::Follower;
use quarantine::Quarantine;
use queue::Queue;
use removal_asked::RemovalAsked;
use runner::Runner;
use schedules::Scheduler;
use slots::Slots;
use steps::Steps;
use subtasks::{Families, Subtasks};
use tasks::Tasks;
use threads::Threads;
use timers::Timers;
use unstored::UnstoredWork;
use watchers::Watchers;

pub use acceptor::Acceptor;
pub use actions::{ActionError, Actions, Held};
pub use blocking::FairPool;
pub use interrupted::RunList;
pub use large_writes::LARGE_BODY;
pub use reads::Reads;
pub use removal::Removal;
pub use replay::{AsAccepted, Replayed, Replayer};
pub use settings::EngineSettings;

/// Tells the store that a write is on its way, until what it gives is dropped: a hint that others which
/// are to be made durable may wait for it.
pub type Announce = Arc<dyn Fn() -> Box<dyn Send + Sync> + Send + Sync>;

/// The services that an engine is made with.
pub struct EngineParts {
    /// Where tasks are.
    pub store: Arc<dyn Store>,
    /// Which steps there are.
    pub catalog: Arc<Catalog>,
    /// Where steps run.
    pub sandbox: Arc<Sandbox>,
    /// Carries out connector calls.
    pub fetch: Arc<FetchClient>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// How it is set up.
    pub settings: EngineSettings,
    /// The weights by which workspaces share the processors, of those whose weight is not 1.
    pub weights: HashMap<WorkspaceName, u32>,
    /// Where the runs are listed which last, so that one which takes the server down is known after its end.
    pub running: RunList,
    /// Announces writes to the store, if it gathers them.
    pub announce: Option<Announce>,
}

/// A running engine. When it is dropped, runs and calls under way are cut off.
pub struct Engine {
    /// Accepts tasks that come in.
    pub acceptor: Arc<Acceptor>,
    /// Actions of people on tasks.
    pub actions: Arc<Actions>,
    /// Runs tasks again, dry.
    pub replayer: Replayer,
    /// Removes tasks, and erases deleted workspaces.
    pub removal: Arc<Removal>,
    /// Does work for workspaces beside their runs.
    pub pool: Arc<FairPool>,
    /// Reads of users.
    pub reads: Reads,
    workers: Arc<Workers>,
    /// The memory that tasks under way take from, which is the server's.
    pub memory: Arc<Budget>,
    /// The senders and commands that wait for a task's result.
    pub watchers: Arc<Watchers>,
    dispatcher: Arc<Dispatcher>,
    threads: Arc<Threads>,
    interrupted: Arc<Interrupted>,
    store: Arc<dyn Store>,
    catalog: Arc<Catalog>,
}

impl Engine {
    /// Starts the engine and takes up what an earlier process left: ready tasks at once, waiting
    /// ones when they are due.
    ///
    /// # Errors
    /// The machine gives no threads.
    pub fn start(parts: EngineParts) -> std::io::Result<Arc<Self>> {
        let EngineParts {
            store,
            catalog,
            sandbox,
            fetch,
            clock,
            settings,
            weights,
            running,
            announce,
        } = parts;
        let threads = Arc::new(Threads::start()?);
        let workers = Arc::new(Workers::new(
            threads.clone(),
            weights,
            sandbox.short_ticks(),
        ));
        let of = workers.clone();
        let computing = move |workspace: &WorkspaceName| of.computing(workspace);
        let queue = Queue::new(settings, catalog.workspaces(), Box::new(computing));
        let dispatcher = Arc::new(Dispatcher::new(queue, threads.clone(), workers.clone()));
        let (executor, all_workers) = (workers.clone(), workers.clone());
        let pool = Arc::new(FairPool::of(workers.clone())?);
        let is_alone = Box::new(move || workers.has_one_workspace());
        let large_writes = Arc::new(LargeWrites::new(is_alone));
        let watchers = Arc::<Watchers>::default();
        let tasks = Tasks::new(store.clone(), large_writes.clone(), watchers.clone());
        let locks = Arc::<TaskLocks>::default();
        let unstored = Arc::<UnstoredWork>::default();
        let budget = Budget::new(settings.memory);
        let memory = Arc::new(Memory::new(budget.clone()));
        let calls = Budget::new(settings.calls);
        let outgoing = Arc::new(Outgoing {
            catalog: catalog.clone(),
            client: fetch,
            clock: clock.clone(),
            calls,
            pool: pool.clone(),
            executor,
            pace: large_writes.clone(),
            egress: WorkspacePolicy::default(),
        });
        let bodies = Bodies::new(store.clone(), pool.clone());
        let steps = Arc::new(Steps::new(
            catalog.clone(),
            sandbox,
            store.seed(),
            pool.clone(),
        ));
        let subtasks = Arc::new(Subtasks {
            tasks: tasks.clone(),
            clock: clock.clone(),
            dispatcher: dispatcher.clone(),
            locks: locks.clone(),
            families: Families::default(),
            memory: memory.clone(),
        });
        let notices = Arc::new(Notices {
            catalog: catalog.clone(),
            outgoing: outgoing.clone(),
            clock: clock.clone(),
            dispatcher: dispatcher.clone(),
            slots: Slots::default(),
        });
        let interrupted = Arc::new(Interrupted::open(running));
        let advancer = Advancer {
            tasks: tasks.clone(),
            clock: clock.clone(),
            steps: steps.clone(),
            calls: Arc::new(CallRecorder {
                tasks: tasks.clone(),
                clock: clock.clone(),
                bodies: bodies.clone(),
                outgoing,
                dispatcher: dispatcher.clone(),
                unstored: unstored.clone(),
                secret: store.seed(),
            }),
            subtasks: subtasks.clone(),
            notices: notices.clone(),
            dispatcher: dispatcher.clone(),
            locks: locks.clone(),
            memory: memory.clone(),
        };
        let runner = Arc::new(Runner {
            tasks: tasks.clone(),
            locks: locks.clone(),
            dispatcher: dispatcher.clone(),
            unstored: unstored.clone(),
            advancer,
            interrupted: interrupted.clone(),
            catalog: catalog.clone(),
            quarantine: Quarantine {
                tasks: tasks.clone(),
                clock: clock.clone(),
                subtasks: subtasks.clone(),
                notices,
                since: store.cluster().is_none().then(|| clock.now()),
            },
        });
        let removal_asked = Arc::<RemovalAsked>::default();
        let removal = Arc::new(Removal {
            tasks: tasks.clone(),
            catalog: catalog.clone(),
            dispatcher: dispatcher.clone(),
            locks: locks.clone(),
            asked: removal_asked.clone(),
        });
        let timers = Timers::new(tasks.clone(), clock.clone(), dispatcher.clone());
        let scheduler = Scheduler {
            tasks: tasks.clone(),
            catalog: catalog.clone(),
            clock: clock.clone(),
            dispatcher: dispatcher.clone(),
            removal: removal_asked,
        };
        let asker = Arc::new(Asker::new(store.clone()));
        let actions = Arc::new(Actions {
            tasks: tasks.clone(),
            clock,
            locks: locks.clone(),
            dispatcher: dispatcher.clone(),
            subtasks,
            asker: asker.clone(),
            memory: memory.clone(),
            pool: pool.clone(),
        });
        let inbox = Arc::new(Inbox {
            tasks: tasks.clone(),
            actions: actions.clone(),
            dispatcher: dispatcher.clone(),
            catalog: catalog.clone(),
            removal: removal.clone(),
            known: Mutex::default(),
        });
        let follower = Follower {
            interrupted: interrupted.clone(),
            before: tasks.owned(),
            tasks: tasks.clone(),
            catalog: catalog.clone(),
            dispatcher: dispatcher.clone(),
            unstored: unstored.clone(),
            locks: locks.clone(),
        };
        let as_run: Arc<dyn dispatcher::Run> = runner.clone();
        dispatcher.start(Arc::downgrade(&as_run));
        threads.spawn(timers.run());
        threads.spawn(
            interrupted
                .clone()
                .watch(store.clone(), locks.clone(), dispatcher.clone()),
        );
        threads.spawn(memory.feed(dispatcher.clone()));
        threads.spawn(room::watch(tasks.clone(), dispatcher.clone(), unstored));
        threads.spawn(dispatcher::refill(tasks.clone(), dispatcher.clone()));
        threads.spawn(removal.clone().run());
        threads.spawn(follower.run());
        if store.cluster().is_some() {
            threads.spawn(asker.run());
            threads.spawn(inbox.clone().report());
            threads.spawn(inbox.run());
        }
        threads.spawn(scheduler.run());
        Ok(Arc::new(Self {
            acceptor: Arc::new(Acceptor {
                tasks: tasks.clone(),
                dispatcher: dispatcher.clone(),
                runner,
                announce,
            }),
            actions,
            replayer: Replayer {
                tasks,
                steps,
                bodies,
                memory: budget.clone(),
                workers: all_workers.clone(),
            },
            reads: Reads::new(pool.clone()),
            pool,
            workers: all_workers,
            memory: budget,
            watchers,
            removal,
            dispatcher,
            threads,
            interrupted,
            store,
            catalog,
        }))
    }

    /// The load of this server.
    pub fn load(&self) -> Load {
        load(&self.dispatcher, &self.catalog)
    }

    /// A future that is polled where it is awaited, as the workspace's work: what its polls take is its workspace's
    /// time, and it waits for its turn like the workspace's runs while others want the processors.
    pub fn charge<F>(&self, workspace: &WorkspaceName, future: F) -> Charged<F> {
        self.workers.charge(workspace, future)
    }

    /// Ends the runs: no new run begins; runs that have not ended after `grace` are cut
    /// off and begin again at the next start, with their recorded calls answered.
    ///
    /// Partitions in which nothing runs are given to other nodes at once.
    pub async fn shutdown(&self, grace: Duration) {
        if let Some(cluster) = self.store.cluster() {
            cluster.leave();
        }
        if !self.dispatcher.close(grace).await {
            tracing::warn!(
                runs = self.dispatcher.queue.running(),
                "runs were cut off by the shutdown; they begin again at the next start"
            );
        }
        self.interrupted.end(self.store.as_ref()).await;
        self.threads.stop();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.threads.stop();
    }
}
