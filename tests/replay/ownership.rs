//! Nodes on one store, and partitions that change hands under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use stepwell::domain::ids::{TaskId, WorkspaceName};
use stepwell::domain::partition::Partition;
use stepwell::domain::task::{Standing, TaskState, Wait};
use stepwell::engine::Engine;
use stepwell::store::sled::SledStore;
use stepwell::store::{NewTask, Ownership, Store, StoreError};
use tokio::sync::watch;

use super::world::{LONG_PAUSE_MS, World, expected, op};
use crate::support::PATIENCE;
use crate::support::dying::Dying;

/// Tasks of one test.
const TASKS: usize = 300;

/// Which node owns which partition, and the channel by which each learns it.
struct Cluster {
    store: Arc<SledStore>,
    owner: Vec<usize>,
    /// Which are about to be given up.
    leaving: Vec<bool>,
    owned: Vec<watch::Sender<Arc<Ownership>>>,
}

impl Cluster {
    fn new(store: Arc<SledStore>, nodes: usize) -> Self {
        let nothing = || watch::Sender::new(Arc::new(Ownership::none()));
        let cluster = Self {
            store,
            owner: (0..Partition::COUNT).map(|number| number % nodes).collect(),
            leaving: vec![false; Partition::COUNT],
            owned: (0..nodes).map(|_| nothing()).collect(),
        };
        (0..nodes).for_each(|node| cluster.publish(node));
        cluster
    }

    fn publish(&self, node: usize) {
        let all = self.store.ownership().borrow().clone();
        let own = all.only(|partition| self.owner[partition.index()] == node);
        let own = own.leaving(|partition| self.leaving[partition.index()]);
        self.owned[node].send_replace(Arc::new(own));
    }

    /// Says of some partitions that they are about to be given up, and of others that they stay.
    async fn mark_some(&mut self, random: &mut impl FnMut() -> usize) {
        for leaving in &mut self.leaving {
            *leaving = random().is_multiple_of(3);
        }
        for node in 0..self.owned.len() {
            self.publish(node);
            tokio::time::sleep(Duration::from_micros((random() % 2_000) as u64)).await;
        }
    }

    /// Gives some partitions to the next node, and publishes that in any order. A node that is alone loses them
    /// and has them back before it learns of either.
    async fn move_some(&mut self, random: &mut impl FnMut() -> usize) {
        let nodes = self.owned.len();
        let first = random();
        for step in 0..1 + random() % 64 {
            let partition = Partition::new((first + step * 7) as u8);
            let owner = &mut self.owner[partition.index()];
            *owner = (*owner + 1) % nodes;
            self.store.partitions().take_away(partition);
            self.store.partitions().give(partition);
        }
        let first = random();
        for node in 0..nodes {
            self.publish((first + node) % nodes);
            tokio::time::sleep(Duration::from_micros((random() % 2_000) as u64)).await;
        }
    }
}

/// Has one of the nodes take a task in, as a sender would: again, until it is acknowledged.
async fn accepted(nodes: &[Arc<Engine>], mut task: NewTask, first: usize) -> TaskId {
    for attempt in first.. {
        let node = &nodes[attempt % nodes.len()];
        if let Ok(id) = node.acceptor.place(TaskId::new()) {
            task.head.id = id;
            match node.acceptor.clone().accept(task.clone()).await {
                Ok(_) => return id,
                Err(StoreError::Fenced { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    unreachable!()
}

#[test]
fn partitions_that_change_hands_under_load_lose_nothing_and_repeat_nothing() {
    under_load(2);
}

/// What a run was doing for a partition that was lost is taken up again though the node that has it now is
/// the same, and knows the task.
#[test]
fn partitions_that_are_lost_and_come_back_at_once_lose_nothing_and_repeat_nothing() {
    under_load(1);
}

/// Partitions that a node gains while its engine starts are looked at, too.
#[test]
fn what_a_node_gains_as_its_engine_starts_is_taken_up() {
    let world = Arc::new(World::new());
    let world_in = world.clone();
    world.runtime.block_on(async move {
        let world = world_in;
        for round in 0..20 {
            let task = world.task(&[json!({"park": 1})]);
            let id = task.head.id;
            let all = world.store.ownership().borrow().clone();
            let claim = all.claim_of(id).unwrap();
            world.store.accept(claim, task).await.unwrap();
            let owned = watch::Sender::new(Arc::new(Ownership::none()));
            let store = Dying::owning(world.store.clone(), None, Some(owned.subscribe()));
            let node = world.engine(store).await;
            owned.send_replace(all);
            let until = Instant::now() + PATIENCE;
            while !world.ended(id).await {
                assert!(Instant::now() < until, "round {round}: it is not taken up");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            node.shutdown(Duration::ZERO).await;
        }
    });
}

/// What it gains may be of a workspace that it does not know yet, whose setup it cannot read for a while.
#[test]
fn what_a_node_gains_is_advanced_under_the_setup_that_it_was_accepted_under() {
    let world = Arc::new(World::new());
    let world_in = world.clone();
    world.runtime.block_on(async move {
        let world = world_in;
        let owned = watch::Sender::new(Arc::new(Ownership::none()));
        let store = Dying::owning(world.store.clone(), None, Some(owned.subscribe()));
        let node = world.engine(store.clone()).await;
        let unreadable = store.setup.write().await;
        let late: WorkspaceName = "late".parse().unwrap();
        world.add_workspace(&late).await;
        let all = world.store.ownership().borrow().clone();
        let mut tasks = Vec::new();
        for standing in [Standing::ready(), Standing::Waiting(Wait::Until(1))] {
            let mut task = world.task(&[json!({"set": "/a", "to": 7})]);
            task.head.workspace = late.clone();
            task.head.standing = standing;
            tasks.push(task.head.id);
            let claim = all.claim_of(task.head.id).unwrap();
            world.store.accept(claim, task).await.unwrap();
        }
        let revision = world.store.registry_since(0).await.unwrap().revision;
        owned.send_replace(Arc::new(all.accepted_under(revision)));
        let state = async |id: TaskId| {
            let stored = world.store.load(&late, id).await.unwrap().unwrap();
            stored.head.state()
        };
        tokio::time::sleep(Duration::from_millis(500)).await;
        for id in &tasks {
            let state = state(*id).await;
            assert!(
                !state.is_final(),
                "it has ended without its step: {state:?}"
            );
        }
        drop(unreadable);
        let until = Instant::now() + PATIENCE;
        for id in tasks {
            while !state(id).await.is_final() {
                assert!(Instant::now() < until, "task {id} is not taken up");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            assert_eq!(state(id).await, TaskState::Done);
        }
        node.shutdown(Duration::ZERO).await;
    });
}

fn under_load(count: usize) {
    let world = Arc::new(World::new());
    let mut runner = TestRunner::deterministic();
    let programs: Vec<Vec<Value>> = (0..TASKS)
        .map(|_| {
            let program = prop::collection::vec(op(), 3..10).new_tree(&mut runner);
            let mut program = program.unwrap().current();
            // Some wait, so that a task often changes hands between two runs, and in the middle of a run's
            // long pause, which has made a call before.
            program.insert(2, json!({"park": 20}));
            program.insert(3, json!({"fetch": "x/paused", "into": "/a"}));
            program.insert(4, json!({"pause": LONG_PAUSE_MS}));
            program
        })
        .collect();
    let world_in = world.clone();
    world.runtime.block_on(async move {
        let world = world_in;
        let mut cluster = Cluster::new(world.store.clone(), count);
        let mut nodes = Vec::new();
        for owned in &cluster.owned {
            let store = Dying::owning(world.store.clone(), None, Some(owned.subscribe()));
            nodes.push(world.engine(store).await);
        }
        let done = Arc::new(AtomicBool::new(false));
        let moves = tokio::spawn({
            let done = done.clone();
            async move {
                let mut state = 1u64;
                let mut random = move || {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    (state >> 33) as usize
                };
                let mut moves = 0;
                while !done.load(Ordering::SeqCst) {
                    match random() % 3 {
                        0 => cluster.move_some(&mut random).await,
                        _ => cluster.mark_some(&mut random).await,
                    }
                    moves += 1;
                    tokio::time::sleep(Duration::from_millis((random() % 30) as u64)).await;
                }
                cluster.leaving.fill(false);
                for node in 0..cluster.owned.len() {
                    cluster.publish(node);
                }
                moves
            }
        });
        let senders: Vec<_> = programs
            .iter()
            .enumerate()
            .map(|(number, program)| {
                let (nodes, task) = (nodes.clone(), world.task(program));
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(5 * number as u64)).await;
                    accepted(&nodes, task, number).await
                })
            })
            .collect();
        let mut ids = Vec::new();
        for sender in senders {
            ids.push(sender.await.unwrap());
        }
        let until = Instant::now() + PATIENCE;
        let mut moves = Some(moves);
        for (place, (id, program)) in ids.into_iter().zip(&programs).enumerate() {
            // From here on no change has a node look again for a task that it has forgotten.
            if place == TASKS / 2
                && let Some(moves) = moves.take()
            {
                done.store(true, Ordering::SeqCst);
                let moves = moves.await.unwrap();
                assert!(moves > 20, "{moves}");
                println!("{TASKS} tasks on {count} nodes, {moves} changes of what each owns");
            }
            while !world.ended(id).await {
                assert!(
                    Instant::now() < until,
                    "task {id} does not end: {program:?}"
                );
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            assert_eq!(world.outcome(id).await, expected(program), "{program:?}");
        }
        for node in nodes {
            node.shutdown(Duration::ZERO).await;
        }
    });
}
