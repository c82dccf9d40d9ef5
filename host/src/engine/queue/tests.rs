//! Checks of the queue by itself.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::engine::advanced::MemoryNeeds;

fn name(text: &str) -> WorkspaceName {
    text.parse().unwrap()
}

fn queue(concurrency: usize, room: usize) -> Queue {
    Queue::new(
        EngineSettings {
            concurrency,
            busy: concurrency,
            computing: usize::MAX - 1,
            queue: room,
            ..EngineSettings::default()
        },
        Vec::new(),
        Box::new(|_| 0),
    )
}

#[test]
fn a_task_begins_where_it_arrives_only_if_none_waits_before_it() {
    let queue = queue(3, 100);
    let (ours, theirs) = (name("ours"), name("theirs"));
    let first = TaskId::new();
    assert!(queue.begin(&ours, first));
    assert!(!queue.begin(&ours, first), "it runs already");
    assert!(!queue.wake(&ours, first));
    queue.offer(&ours, TaskId::new());
    assert!(!queue.begin(&ours, TaskId::new()));
    assert!(queue.begin(&theirs, TaskId::new()), "another's lane");
    assert!(queue.start().is_some());
    assert_eq!(queue.running(), 3);
    assert!(!queue.begin(&theirs, TaskId::new()), "no room");
    assert!(queue.next(&ours, first).is_none());
    queue.close();
    assert!(!queue.begin(&theirs, TaskId::new()));
}

#[test]
fn a_workspace_has_so_many_runs_that_compute_and_any_number_that_wait_outside() {
    let queue = Queue::new(
        EngineSettings {
            concurrency: 100,
            busy: 2,
            computing: 100,
            queue: 100,
            ..EngineSettings::default()
        },
        Vec::new(),
        Box::new(|_| 0),
    );
    let (ours, theirs) = (name("ours"), name("theirs"));
    for _ in 0..5 {
        queue.offer(&ours, TaskId::new());
    }
    let (_, first) = queue.start().unwrap();
    let (_, second) = queue.start().unwrap();
    assert!(queue.start().is_none(), "two are busy");
    queue.offer(&theirs, TaskId::new());
    assert_eq!(queue.start().unwrap().0, theirs, "another's are not");
    queue.call_began(&ours);
    let (_, third) = queue.start().unwrap();
    assert!(queue.start().is_none());
    // The one that was outside is back: one too many are busy until one has ended.
    queue.call_ended(&ours);
    assert!(queue.next(&ours, first).is_none());
    assert!(queue.next(&ours, second).is_some(), "its place is free");
    assert!(queue.begin(&theirs, TaskId::new()), "it did not queue");
    // A run that ends while a call of its is still taken back counts once.
    queue.call_began(&ours);
    assert!(queue.next(&ours, third).is_some());
    queue.call_ended(&ours);
    assert_eq!(queue.running(), 4);
}

#[test]
fn workspaces_are_served_in_turn_however_much_one_has() {
    let queue = queue(100, 100);
    let (loud, quiet) = (name("loud"), name("quiet"));
    for waiting in 1..=50 {
        assert_eq!(queue.offer(&loud, TaskId::new()), waiting);
    }
    // What one tenant's senders are slowed down by is that tenant's backlog alone.
    assert_eq!(queue.offer(&quiet, TaskId::new()), 1);
    queue.offer(&quiet, TaskId::new());
    let first: Vec<_> = (0..4).map(|_| queue.start().unwrap().0).collect();
    assert_eq!(first, [loud.clone(), quiet.clone(), loud, quiet]);
}

#[test]
fn one_workspace_gets_half_of_the_runs_while_another_has_work() {
    let queue = queue(10, 100);
    let (loud, quiet) = (name("loud"), name("quiet"));
    for _ in 0..50 {
        queue.offer(&loud, TaskId::new());
    }
    let mut started: Vec<_> = (0..7).map(|_| queue.start().unwrap()).collect();
    queue.offer(&quiet, TaskId::new());
    started.push(queue.start().unwrap());
    assert_eq!(
        started[7].0, quiet,
        "alone, loud may have more than half; not any more"
    );
    assert_eq!(
        queue.start().unwrap().0,
        loud,
        "no other workspace has work"
    );
}

#[test]
fn a_task_is_never_in_twice_and_runs_again_after_it_ended() {
    let queue = queue(10, 10);
    let (workspace, task) = (name("w"), TaskId::new());
    queue.offer(&workspace, task);
    queue.offer(&workspace, task);
    assert!(queue.start().is_some());
    queue.offer(&workspace, task);
    assert!(queue.start().is_none());
    assert!(queue.next(&workspace, task).is_none());
    assert!(queue.wake(&workspace, task));
    assert!(queue.start().is_some());
}

#[test]
fn a_task_that_is_called_while_it_runs_runs_once_more() {
    let queue = queue(10, 10);
    let (workspace, task) = (name("w"), TaskId::new());
    queue.requeue(&workspace, task);
    // Called before it began: that look is enough.
    queue.requeue(&workspace, task);
    assert!(queue.start().is_some());
    assert!(queue.start().is_none());
    queue.requeue(&workspace, task);
    queue.requeue(&workspace, task);
    assert_eq!(
        queue.next(&workspace, task),
        Some((workspace.clone(), task))
    );
    assert_eq!(queue.next(&workspace, task), None);
}

#[test]
fn what_does_not_fit_is_read_from_the_store_and_nothing_is_lost() {
    let queue = queue(1, 8);
    let workspace = name("w");
    let all: Vec<TaskId> = (0..100).map(|_| TaskId::new()).collect();
    let mut stored = VecDeque::from(all.clone());
    for task in &all[..50] {
        queue.offer(&workspace, *task);
    }
    let mut seen = Vec::new();
    let mut current = queue.start();
    let mut offered = 50;
    while let Some((workspace, task)) = current {
        seen.push(task);
        stored.retain(|ready| *ready != task);
        if offered < all.len() {
            queue.offer(&workspace, all[offered]);
            offered += 1;
        }
        if let Some(request) = queue.refill_request() {
            let newer = all[..offered].iter().filter(|task| **task > request.after);
            let page = newer.take(request.limit).copied().collect();
            queue.refilled(&request, page);
        }
        assert!(queue.inner.lock().lanes[&workspace].queued.len() <= 8);
        current = queue.next(&workspace, task);
    }
    assert_eq!(seen, all);
    assert!(stored.is_empty());
}

#[test]
fn a_task_offered_late_is_taken_in_though_newer_ones_were() {
    let queue = queue(10, 2);
    let workspace = name("w");
    let (older, newer) = (TaskId::new(), TaskId::new());
    queue.offer(&workspace, newer);
    queue.offer(&workspace, older);
    assert_eq!(queue.start().unwrap().1, newer);
    assert_eq!(queue.start().unwrap().1, older);
}

/// Ids are made before tasks are written: an older task may become durable after a newer one was read.
#[test]
fn a_task_that_was_offered_while_the_store_was_read_is_looked_for_though_newer_ones_were_read() {
    let queue = queue(10, 100);
    let workspace = name("w");
    let [older, newer, last] = std::array::from_fn(|_| TaskId::new());
    queue.look_again(vec![workspace.clone()]);
    let request = queue.refill_request().unwrap();
    queue.offer(&workspace, last);
    queue.offer(&workspace, older);
    queue.refilled(&request, vec![newer]);
    let again = queue.refill_request().unwrap();
    assert!(again.after < older, "{again:?}");
    queue.refilled(&again, vec![older, newer, last]);
    assert!(queue.refill_request().is_none());
    let begun: Vec<_> = std::iter::from_fn(|| queue.start()).collect();
    assert_eq!(begun.len(), 3);
}

#[test]
fn a_closed_queue_gives_nothing() {
    let queue = queue(10, 10);
    queue.offer(&name("w"), TaskId::new());
    queue.close();
    assert!(queue.start().is_none());
}

#[test]
fn tasks_of_a_lost_partition_are_forgotten_and_those_of_a_gained_one_are_looked_for() {
    let (a, b) = (name("a"), name("b"));
    let queue = queue(10, 100);
    let tasks: Vec<TaskId> = (0..6).map(|_| TaskId::new()).collect();
    for task in &tasks[..4] {
        queue.offer(&a, *task);
    }
    queue.offer(&b, tasks[4]);
    let running = queue.start().unwrap();
    assert_eq!(running, (a.clone(), tasks[0]));
    // All but one of the first workspace, and all of the second.
    queue.drop_tasks(|task| task != tasks[2]);
    assert_eq!(queue.start(), Some((a.clone(), tasks[2])));
    assert_eq!(queue.start(), None);
    assert!(queue.refill_request().is_none());
    // They are not known any more: a node that gains them again may be offered them.
    queue.look_again(vec![a.clone(), b.clone()]);
    let mut asked = Vec::new();
    while let Some(refill) = queue.refill_request() {
        assert_eq!(refill.after, TaskId::MIN);
        asked.push(refill);
    }
    assert_eq!(asked.len(), 2);
    // Another one comes while the store is read: what is read may lack its tasks.
    queue.look_again(vec![b.clone()]);
    for refill in asked {
        let found = match refill.workspace == a {
            true => tasks[..4].to_vec(),
            false => Vec::new(),
        };
        queue.refilled(&refill, found);
    }
    let again = queue.refill_request().unwrap();
    assert_eq!((&again.workspace, again.after), (&b, TaskId::MIN));
    assert!(queue.refill_request().is_none());
    queue.refilled(&again, vec![tasks[4]]);
    // Two of the first workspace are running.
    let mut left = Vec::new();
    while let Some((_, task)) = queue.start() {
        left.push(task);
    }
    left.sort();
    assert_eq!(left, [tasks[1], tasks[3], tasks[4]]);
}

#[test]
fn no_further_task_begins_while_as_many_runs_compute_as_can_be_of_use() {
    let computing = Arc::new(AtomicUsize::new(0));
    let (loud, quiet) = (name("loud"), name("quiet"));
    let counted = {
        let (computing, loud) = (computing.clone(), loud.clone());
        move |workspace: &WorkspaceName| match *workspace == loud {
            true => computing.load(Ordering::Relaxed),
            false => 0,
        }
    };
    let settings = EngineSettings {
        concurrency: 100,
        busy: 100,
        computing: 3,
        queue: 100,
        ..EngineSettings::default()
    };
    let queue = Queue::new(settings, Vec::new(), Box::new(counted));
    let first = TaskId::new();
    assert!(queue.begin(&loud, first));
    computing.store(3, Ordering::Relaxed);
    // One that arrives is queued, and waits; another workspace's is not affected.
    assert!(!queue.begin(&loud, TaskId::new()));
    let (second, third) = (TaskId::new(), TaskId::new());
    queue.offer(&loud, second);
    queue.offer(&loud, third);
    assert_eq!(queue.start(), None);
    assert!(queue.begin(&quiet, TaskId::new()));
    // A runner that ends a task goes on with the next one, though it counts itself.
    assert_eq!(queue.next(&loud, first), Some((loud.clone(), second)));
    computing.store(4, Ordering::Relaxed);
    assert_eq!(queue.next(&loud, second), None);
    computing.store(2, Ordering::Relaxed);
    assert_eq!(queue.start(), Some((loud, third)));
}

#[test]
fn a_workspace_alone_leaves_places_for_those_that_come_later() {
    let queue = queue(100, 1_000);
    let (loud, quiet, third) = (name("loud"), name("quiet"), name("third"));
    for _ in 0..200 {
        queue.offer(&loud, TaskId::new());
    }
    let started = std::iter::from_fn(|| queue.start()).count();
    assert_eq!(started, 90);
    let begun = (0..100).filter(|_| queue.begin(&quiet, TaskId::new()));
    assert_eq!(begun.count(), 9);
    assert!(queue.begin(&third, TaskId::new()));
    assert!(!queue.begin(&name("fourth"), TaskId::new()), "no room");
}

#[test]
fn a_lane_without_memory_is_passed_over_until_one_task_of_it_has_found_some() {
    let queue = queue(100, 100);
    let needs = |run| MemoryNeeds { matching: 0, run };
    let (ours, theirs) = (name("ours"), name("theirs"));
    let all: Vec<TaskId> = (0..4).map(|_| TaskId::new()).collect();
    for task in &all {
        queue.offer(&ours, *task);
    }
    let (_, first) = queue.start().unwrap();
    assert_eq!(queue.take_needs(&ours, first), MemoryNeeds::default());
    assert!(queue.put_back(&ours, first, needs(7)).is_none());
    assert!(!queue.begin(&ours, TaskId::new()), "others wait before it");
    queue.offer(&theirs, TaskId::new());
    assert_eq!(queue.start().unwrap().0, theirs);
    assert!(queue.start().is_none());
    // One looks whether there is memory now, and it is the same one.
    assert!(queue.retry_starved_lanes());
    assert_eq!(queue.start().unwrap().1, first);
    assert_eq!(queue.take_needs(&ours, first), needs(7));
    assert!(queue.start().is_none());
    assert!(queue.put_back(&ours, first, needs(9)).is_none());
    assert!(queue.retry_starved_lanes());
    assert_eq!(queue.start().unwrap().1, first);
    // There is: the others follow.
    assert!(queue.has_memory(&ours));
    assert!(!queue.has_memory(&ours));
    assert!(!queue.retry_starved_lanes());
    for task in &all[1..] {
        assert_eq!(queue.start().unwrap().1, *task);
    }
    assert_eq!(queue.running(), 5);
}

#[test]
fn the_end_of_a_run_lets_its_lane_look_for_memory_again() {
    let queue = queue(100, 100);
    let ours = name("ours");
    let (first, second) = (TaskId::new(), TaskId::new());
    queue.offer(&ours, first);
    queue.offer(&ours, second);
    queue.start().unwrap();
    queue.start().unwrap();
    assert!(
        queue
            .put_back(&ours, second, MemoryNeeds::default())
            .is_none()
    );
    assert_eq!(queue.next(&ours, first).map(|(_, task)| task), Some(second));
    assert_eq!(queue.forget(&ours), [second]);
}
