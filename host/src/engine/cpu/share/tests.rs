//! Checks of the shares by a simulated processor, and a clock that moves by what is used.

use super::*;

fn name(text: &str) -> WorkspaceName {
    text.parse().unwrap()
}

fn share(cores: usize, weights: &[(&str, u32)]) -> Share<u32> {
    let weights = weights.iter().map(|(text, weight)| (name(text), *weight));
    Share::new(cores, weights.collect())
}

/// A job: whose it is, and how long it computes for at a time. After that it has something to do again.
#[derive(Clone)]
struct Work {
    workspace: WorkspaceName,
    slice: Micros,
    /// Whether it is one piece of work that needs turns, or many short ones.
    computes: bool,
}

fn work(workspace: &str, slice: Micros, computes: bool) -> Work {
    Work {
        workspace: name(workspace),
        slice,
        computes,
    }
}

/// One processor. Jobs that need no turn go first, as the server's free thread does.
struct Machine {
    share: Share<u32>,
    jobs: Vec<(LaneId, Arc<Account>, Work)>,
    /// Jobs that need no turn.
    short: VecDeque<u32>,
    now: Micros,
}

impl Machine {
    fn new(weights: &[(&str, u32)]) -> Self {
        Self {
            share: share(1, weights),
            jobs: Vec::new(),
            short: VecDeque::new(),
            now: 0,
        }
    }

    fn add(&mut self, count: usize, work: &Work) {
        for _ in 0..count {
            let (id, account) = self.share.enter(&work.workspace, self.now);
            self.jobs.push((id, account, work.clone()));
            self.ready(self.jobs.len() as u32 - 1);
        }
    }

    fn ready(&mut self, job: u32) {
        let (id, account, work) = &self.jobs[job as usize];
        if work.computes || (self.share.active() > 1 && account.is_in_debt()) {
            self.share.push(*id, job);
        } else {
            self.short.push_back(job);
        }
    }

    /// Runs for so long; gives what each workspace used.
    fn run(&mut self, length: Micros) -> HashMap<WorkspaceName, Micros> {
        let mut used = HashMap::new();
        let until = self.now + length;
        while self.now < until {
            self.share.pay(self.now);
            let (job, in_turn) = match self.short.pop_front() {
                Some(job) => (job, false),
                None => (self.share.pick().expect("a job always waits").1, true),
            };
            let (id, account, work) = &self.jobs[job as usize];
            self.now += work.slice;
            *used.entry(work.workspace.clone()).or_default() += work.slice;
            account.spend(work.slice, self.now, in_turn);
            if in_turn {
                self.share.charge(*id, work.slice);
            }
            self.ready(job);
        }
        used
    }
}

/// The part of all that `workspace` used, in percent.
fn percent(used: &HashMap<WorkspaceName, Micros>, workspace: &str) -> u64 {
    let all: Micros = used.values().sum();
    used.get(&name(workspace)).copied().unwrap_or(0) * 100 / all
}

const SECOND: Micros = 1_000_000;

#[test]
fn time_is_shared_by_weight_and_not_by_the_number_of_jobs_or_the_length_of_their_slices() {
    for (weights, expected) in [
        (vec![], 50),
        (vec![("b", 3)], 75),
        (vec![("a", 3), ("b", 1)], 25),
    ] {
        let mut machine = Machine::new(&weights);
        machine.add(60, &work("a", 9_000, true));
        machine.add(2, &work("b", 1_000, true));
        let got = percent(&machine.run(10 * SECOND), "b");
        assert!(got.abs_diff(expected) <= 3, "{weights:?}: {got} %");
    }
}

#[test]
fn short_work_and_long_work_share_alike() {
    for (weights, expected) in [(vec![], 50), (vec![("long", 3)], 75)] {
        let mut machine = Machine::new(&weights);
        machine.add(100, &work("short", 300, false));
        machine.add(1, &work("long", 5_000, true));
        let got = percent(&machine.run(10 * SECOND), "long");
        assert!(got.abs_diff(expected) <= 3, "{weights:?}: {got} %");
    }
}

#[test]
fn none_of_many_workspaces_starves() {
    let mut machine = Machine::new(&[]);
    machine.add(200, &work("loud", 5_000, true));
    let names: Vec<String> = (0..19).map(|number| format!("w{number}")).collect();
    for name in &names {
        machine.add(1, &work(name, 2_000, true));
    }
    let used = machine.run(20 * SECOND);
    for name in names.iter().map(String::as_str).chain(["loud"]) {
        let got = percent(&used, name);
        assert!((4..=6).contains(&got), "{name}: {got} %");
    }
}

#[test]
fn a_workspace_alone_gets_everything() {
    let mut share = share(4, &[]);
    let (id, account) = share.enter(&name("a"), 0);
    // It computes for longer than time passes, and gets into no debt by it.
    for turn in 0..1_000 {
        share.pay(turn * 1_000);
        account.spend(9_000, turn * 1_000, false);
    }
    assert_eq!(share.active(), 1);
    for job in 0..10 {
        share.push(id, job);
    }
    assert_eq!(std::iter::from_fn(|| share.pick()).count(), 4);
}

#[test]
fn what_a_workspace_used_alone_is_not_held_against_it_when_another_one_comes() {
    let mut machine = Machine::new(&[]);
    machine.add(10, &work("a", 5_000, true));
    machine.run(10 * SECOND);
    machine.add(1, &work("b", 5_000, true));
    let got = percent(&machine.run(SECOND), "a");
    assert!((45..=55).contains(&got), "{got} %");
}

#[test]
fn a_burst_beyond_the_share_is_in_debt_until_it_is_paid() {
    let mut share = share(2, &[]);
    let (_, loud) = share.enter(&name("loud"), 0);
    let (_, quiet) = share.enter(&name("quiet"), 0);
    let mut now = 0;
    while !loud.is_in_debt() {
        now += 1_000;
        share.pay(now);
        loud.spend(3_000, now, false);
        assert!(now < SECOND, "nothing bounds the burst");
    }
    assert!(!quiet.is_in_debt());
    // Each has one of the two processors.
    now += 50_000;
    share.pay(now);
    assert!(!loud.is_in_debt());
}

#[test]
fn a_processor_is_left_free_while_a_workspace_is_active_that_does_not_compute() {
    let mut share = share(4, &[]);
    let (a, _) = share.enter(&name("a"), 0);
    let (b, account) = share.enter(&name("b"), 0);
    for job in 0..10 {
        share.push(a, job);
    }
    assert_eq!(std::iter::from_fn(|| share.pick()).count(), 3);
    // It computes now, too: nothing is left free for it, and it is its turn.
    share.push(b, 10);
    share.charge(a, 6_000);
    assert_eq!(share.pick().map(|(id, _)| id), Some(b));
    assert_eq!(share.pick().map(|(id, _)| id), Some(a));
    assert_eq!(share.pick(), None);
    share.charge(b, 1_000);
    account.leave();
    assert_eq!(share.pick(), None);
    // It has gone.
    share.pay(2 * ACTIVE);
    assert!(share.pick().is_some());
}

#[test]
fn workspaces_that_are_idle_cost_nothing() {
    let mut share = share(1, &[]);
    for number in 0..50 {
        let (id, account) = share.enter(&name(&format!("w{number}")), 0);
        share.push(id, number);
        share.pick().unwrap();
        share.charge(id, 10);
        account.leave();
    }
    let (_, stays) = share.enter(&name("stays"), 0);
    share.pay(2 * ACTIVE);
    assert_eq!((share.active(), share.total, share.free.len()), (1, 1, 50));
    stays.leave();
    share.enter(&name("again"), 3 * ACTIVE);
    assert_eq!(share.lanes.len(), 51, "places are used again");
}

/// What is used for a workspace of which no job is there makes it active, and its next jobs pay for it.
#[test]
fn what_is_used_beside_jobs_counts_without_any() {
    let mut share: Share<u32> = share(1, &[]);
    let (beside, other) = (name("beside"), name("other"));
    share.enter(&other, 0);
    share.spend(&beside, 30_000, 0);
    assert_eq!(share.active(), 2);
    let (_, account) = share.enter(&beside, 0);
    assert!(account.is_in_debt());
    account.leave();
    share.pay(ACTIVE + 1);
    assert_eq!(share.active(), 1);
}

#[test]
fn calls_go_before_the_runs_of_their_own_workspace_and_no_other_ones() {
    let mut share: Share<u32> = share(1, &[]);
    let (own, _) = share.enter(&name("own"), 0);
    let (other, _) = share.enter(&name("other"), 0);
    for job in 0..3 {
        share.push(own, job);
    }
    share.push(other, 10);
    share.push_first(own, 7);
    share.push_first(own, 8);
    let mut order = Vec::new();
    while let Some((id, job)) = share.pick() {
        order.push(job);
        share.charge(id, 5_000);
    }
    assert_eq!(order, [7, 10, 8, 0, 1, 2]);
}

#[test]
fn a_job_that_is_dropped_while_it_waits_for_its_turn_stops_no_other() {
    let mut share = share(1, &[]);
    let (a, _account) = share.enter(&name("a"), 0);
    let (b, gone) = share.enter(&name("b"), 0);
    share.push(a, 1);
    assert_eq!(share.pick(), Some((a, 1)));
    share.push(b, 2);
    // Its owner went away, and nothing was heard of its workspace for long.
    gone.leave();
    share.push(a, 3);
    share.pay(2 * ACTIVE);
    share.charge(a, 6_000);
    // Its turn is given to no workspace, and the next one goes on.
    let mut given = Vec::new();
    for _ in 0..2 {
        let (id, job) = share.pick().expect("a job waits");
        share.charge(id, 100);
        given.push(job);
    }
    given.sort_unstable();
    assert_eq!(given, [2, 3]);
    share.pay(4 * ACTIVE);
    assert_eq!(share.active(), 1, "and its workspace is forgotten then");
}
