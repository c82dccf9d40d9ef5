//! Checks of the list over several lives of a server.

use super::*;

fn tasks<const N: usize>() -> [TaskId; N] {
    std::array::from_fn(|_| TaskId::new())
}

fn name(text: &str) -> WorkspaceName {
    text.parse().unwrap()
}

struct Lives(tempfile::TempDir);

impl Lives {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn next(&self) -> Interrupted {
        Interrupted::open(RunList::File(self.file()))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("running.json")
    }
}

#[test]
fn a_run_that_lasts_is_set_aside_when_the_server_ended_during_it_twice() {
    let lives = Lives::new();
    let (acme, [short, long]) = (name("acme"), tasks());
    let first = lives.next();
    assert!(!lives.file().exists(), "there is nothing to list");
    assert!(first.note_running(vec![short, long]));
    assert!(!lives.file().exists(), "neither has lasted");
    first.note_running(vec![long]);

    let second = lives.next();
    assert_eq!(second.admit(&acme, short), Admission::Runs);
    assert_eq!(second.admit(&acme, long), Admission::Runs);
    second.note_running(vec![long]);
    second.note_running(vec![long]);

    let third = lives.next();
    assert_eq!(third.admit(&acme, long), Admission::Quarantine);
    assert_eq!(third.task_rested(&acme, long), []);
    assert_eq!(third.admit(&acme, long), Admission::Runs, "retried");
    third.note_running(Vec::new());
    assert_eq!(lives.next().admit(&acme, long), Admission::Runs);
}

#[test]
fn only_ends_during_the_run_count() {
    let lives = Lives::new();
    let (acme, [one, other]) = (name("acme"), tasks());
    let first = lives.next();
    first.note_running(vec![one, other]);
    first.note_running(vec![one, other]);
    // Nothing ran, and the server was killed again and again.
    for _ in 0..5 {
        lives.next();
    }
    let later = lives.next();
    assert_eq!(later.admit(&acme, one), Admission::Runs);
    assert_eq!(later.admit(&acme, other), Admission::Waits);
    later.note_running(vec![one]);
    later.note_running(vec![one]);
    let last = lives.next();
    assert_eq!(last.admit(&acme, one), Admission::Quarantine);
    assert_eq!(last.admit(&acme, other), Admission::Runs, "it did not run");
}

#[test]
fn a_shutdown_forgives() {
    let lives = Lives::new();
    let [task] = tasks();
    let first = lives.next();
    first.note_running(vec![task]);
    first.note_running(vec![task]);
    assert!(lives.file().exists());
    first.close();
    assert!(!first.note_running(vec![task]), "it is closed");
    assert!(!lives.file().exists());
    assert!(!lives.next().any.load(Ordering::Relaxed));
}

#[test]
fn interrupted_tasks_begin_again_few_at_a_time_and_no_other_workspace_waits_for_them() {
    let lives = Lives::new();
    let (acme, other) = (name("acme"), name("other"));
    let all: [TaskId; 10] = tasks();
    let [theirs] = tasks();
    let first = lives.next();
    for _ in 0..2 {
        first.note_running(all.iter().copied().chain([theirs]).collect());
    }
    let second = lives.next();
    let admitted = |task: &TaskId| second.admit(&acme, *task) == Admission::Runs;
    let mut running: VecDeque<TaskId> = all.iter().copied().filter(admitted).collect();
    // One, or two after a second.
    let at_first = running.len();
    assert!((1..=4).contains(&at_first), "{at_first}");
    assert_eq!(second.admit(&other, theirs), Admission::Runs);
    assert_eq!(
        second.admit(&acme, TaskId::new()),
        Admission::Runs,
        "a new one"
    );
    let (mut ended, mut most) = (0, 0);
    while let Some(task) = running.pop_front() {
        for woken in second.task_rested(&acme, task) {
            assert_eq!(second.admit(&acme, woken), Admission::Runs);
            running.push_back(woken);
        }
        ended += 1;
        most = most.max(running.len());
    }
    assert_eq!(ended, 10, "all had their turn");
    assert!(most > at_first, "more and more at a time");
    second.task_rested(&other, theirs);
    assert!(!second.any.load(Ordering::Relaxed));
    assert!(second.state.lock().lanes.is_empty());
}

#[test]
fn interrupted_tasks_that_last_hold_the_others_up_for_some_seconds_at_most() {
    let lives = Lives::new();
    let acme = name("acme");
    let all: [TaskId; 40] = tasks();
    let first = lives.next();
    for _ in 0..2 {
        first.note_running(all.to_vec());
    }
    let second = lives.next();
    let mut begun = 0;
    for task in all {
        begun += usize::from(second.admit(&acme, task) == Admission::Runs);
    }
    // The machine may be slow, but not by seconds.
    assert!(begun <= 4, "{begun}");
    let due = second.due(Duration::from_secs(4));
    assert_eq!(due.len(), 16 - begun);
    // A look later they have not begun yet, and are not named twice.
    let more = second.due(Duration::from_secs(10)).len();
    assert_eq!(due.len() + more + begun, 40);
}

#[test]
fn a_file_that_is_no_list_is_none() {
    let lives = Lives::new();
    std::fs::write(lives.file(), "{").unwrap();
    assert_eq!(
        lives.next().admit(&name("a"), TaskId::new()),
        Admission::Runs
    );
    std::fs::write(lives.file(), vec![b' '; MAX_FILE_BYTES as usize + 1]).unwrap();
    assert!(!lives.next().any.load(Ordering::Relaxed));
}

#[test]
fn what_the_store_knows_of_other_nodes_counts() {
    let (acme, [one, other]) = (name("acme"), tasks());
    let node = Interrupted::open(RunList::Shared(vec![(one, 1)]));
    assert_eq!(node.admit(&acme, one), Admission::Runs);
    assert_eq!(node.admit(&acme, other), Admission::Runs);
    // Another node ended during both, the second one for the one of them.
    node.take_in([(one, 2), (other, 1)].into_iter());
    assert_eq!(node.admit(&acme, one), Admission::Quarantine);
    assert_eq!(node.task_rested(&acme, one), []);
    // It is forgotten in a moment, and not learnt again meanwhile.
    node.take_in([(one, 2)].into_iter());
    assert_eq!(node.admit(&acme, one), Admission::Runs, "retried");
    assert_eq!(node.state.lock().rested, [one]);
}

#[test]
fn a_task_that_goes_to_another_node_stays_interrupted_as_often_as_it_was() {
    let (acme, [one, other]) = (name("acme"), tasks());
    let node = Interrupted::open(RunList::Shared(vec![(one, 1), (other, 1)]));
    assert_eq!(node.admit(&acme, one), Admission::Runs);
    assert_eq!(node.admit(&acme, other), Admission::Waits);
    // Its partition was lost during the run. Another one has its turn.
    assert_eq!(node.task_left(&acme, one), [other]);
    assert_eq!(node.task_left(&acme, one), [], "it is told once");
    assert!(node.state.lock().rested.is_empty());
    assert_eq!(node.state.lock().times.get(&one), Some(&1));
    assert_eq!(node.admit(&acme, other), Admission::Runs);
    assert_eq!(node.task_rested(&acme, other), []);
    assert_eq!(node.state.lock().rested, [other]);
    // It comes back, after it has ended another node.
    node.take_in([(one, 2)].into_iter());
    assert_eq!(node.admit(&acme, one), Admission::Quarantine);
}
