use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;

fn name(text: &str) -> WorkspaceName {
    text.parse().unwrap()
}

#[test]
fn a_quarter_is_left_to_those_below_their_shares() {
    let budget = Budget::new(160);
    let (greedy, other) = (name("greedy"), name("other"));
    assert_eq!(budget.most(), 120);
    let most = budget.take(&greedy, 120).unwrap();
    assert_eq!(most.grow(1), Err(Exhausted { wanted: 1 }));
    let own = budget.take(&other, 10).unwrap();
    assert!(own.grow(1).is_err(), "that is above the share");
    assert!(budget.take(&name("third"), 10).is_ok());
    drop(most);
    own.grow(110).unwrap();
    assert_eq!((own.used(), budget.used()), (120, 120));
}

#[test]
fn who_holds_next_to_nothing_gets_some_although_all_shares_are_in_use() {
    let budget = Budget::new(1_280);
    let shares: Vec<_> = (0..16)
        .map_while(|n| budget.take(&name(&format!("w{n}")), 80).ok())
        .collect();
    assert_eq!((shares.len(), budget.used()), (14, 1_120));
    let small = budget.take(&name("small"), 10).unwrap();
    assert!(small.grow(1).is_err());
    assert!(budget.take(&name("more"), 11).is_err());
    let others = (0..15).map(|n| budget.take(&name(&format!("s{n}")), 10));
    let others: Result<Vec<_>, _> = others.collect();
    assert_eq!((others.unwrap().len(), budget.used()), (15, 1_280));
}

#[tokio::test]
async fn while_it_is_scarce_shares_are_given_and_no_more() {
    let budget = Budget::new(160);
    let (greedy, other) = (name("greedy"), name("other"));
    let permit = budget.take(&greedy, 30).unwrap();
    budget.set_scarce(true);
    assert!(permit.grow(1).is_err());
    assert!(permit.grow(0).is_ok());
    let own = budget.take(&other, 10).unwrap();
    assert!(own.grow(1).is_err(), "that is above the share");
    let seen = budget.released();
    let waits = permit.wait_to_grow(50);
    tokio::pin!(waits);
    assert!((&mut waits).now_or_never().is_none());
    budget.set_scarce(false);
    budget.wait(seen).await;
    waits.await;
    assert_eq!((permit.used(), budget.used()), (80, 90));
}

#[test]
fn what_is_dropped_is_given_back_and_a_permit_can_be_made_smaller() {
    let budget = Budget::new(100);
    let permit = budget.take(&name("a"), 50).unwrap();
    permit.resize(20, 0).unwrap();
    assert_eq!((permit.used(), budget.used()), (20, 20));
    assert!(permit.resize(90, 0).is_err());
    assert!(permit.resize(0, 90).is_err());
    assert_eq!(permit.used(), 20);
    // What is set aside is taken from first, and stays.
    permit.resize(20, 70).unwrap();
    let other = budget.take(&name("b"), 5).unwrap();
    permit.grow(50).unwrap();
    assert_eq!((permit.used(), budget.used()), (70, 75));
    permit.shrink(60);
    assert_eq!((permit.used(), budget.used()), (10, 75));
    permit.resize(10, 0).unwrap();
    assert_eq!(budget.used(), 15);
    permit.shrink(100);
    assert_eq!((permit.used(), budget.used()), (0, 5));
    drop(other);
    drop(permit);
    assert!(budget.state.lock().workspaces.is_empty(), "nothing stays");
    assert!(Permit::unlimited().grow(1 << 50).is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_woken_by_what_is_given_back() {
    for _ in 0..1_000 {
        let budget = Budget::new(100);
        let first = budget.take(&name("a"), 75).unwrap();
        let waits = tokio::spawn({
            let budget = budget.clone();
            async move { budget.wait_for(&name("b"), 70).await.used() }
        });
        let gives = tokio::spawn(async move { drop(first) });
        assert_eq!(waits.await.unwrap(), 70);
        gives.await.unwrap();
        assert_eq!(budget.used(), 0);
    }
}

/// However many wait, what is given back wakes those that have something then, workspaces in turn and the first of each
/// first; and none that left is in the way.
#[tokio::test]
async fn what_is_given_back_wakes_none_in_vain() {
    use std::sync::atomic::AtomicUsize;
    use std::task::{Context, Wake};

    #[derive(Default)]
    struct Counted(AtomicUsize);
    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let budget = Budget::new(4);
    let (loud, quiet) = (name("loud"), name("quiet"));
    let mut held: Vec<Permit> = Vec::new();
    for _ in 0..3 {
        held.push(budget.take(&loud, 1).unwrap());
    }
    let counted = Arc::<Counted>::default();
    let waker = Waker::from(counted.clone());
    let mut context = Context::from_waker(&waker);
    let mut waiting: Vec<_> = (0..1_000)
        .map(|_| Box::pin(budget.wait_for(&loud, 1)))
        .collect();
    for waits in &mut waiting {
        assert!(waits.as_mut().poll(&mut context).is_pending());
    }
    held.push(budget.take(&quiet, 1).unwrap());
    let mut other = Box::pin(budget.wait_for(&quiet, 1));
    assert!(other.as_mut().poll(&mut context).is_pending());
    // Those in front leave.
    waiting.drain(..900);
    held.truncate(1);
    assert_eq!(counted.0.load(Ordering::SeqCst), 2);
    let Poll::Ready(quiets) = other.as_mut().poll(&mut context) else {
        panic!("the other workspace has nothing");
    };
    let Poll::Ready(first) = waiting[0].as_mut().poll(&mut context) else {
        panic!("the first one has nothing");
    };
    assert!(waiting[1].as_mut().poll(&mut context).is_pending());
    // One that is dropped with what it was given hands it on.
    drop(first);
    assert_eq!(counted.0.load(Ordering::SeqCst), 3);
    drop(waiting.remove(1));
    assert_eq!(counted.0.load(Ordering::SeqCst), 4);
    drop((waiting, quiets, held));
    assert_eq!(budget.used(), 0);
    let state = budget.state.lock();
    assert!(state.workspaces.is_empty());
}

#[tokio::test]
async fn a_small_one_does_not_wait_behind_a_large_one() {
    let budget = Budget::new(100);
    let name = name("a");
    let held = budget.take(&name, 60).unwrap();
    let permit = budget.take(&name, 10).unwrap();
    let large = budget.wait_for(&name, 70);
    let small = permit.wait_to_grow(10);
    let gives = async { held.shrink(20) };
    tokio::select! {
        biased;
        _ = large => panic!("there is not that much"),
        ((), ()) = async { tokio::join!(small, gives) } => {}
    }
    assert_eq!((permit.used(), budget.used()), (20, 60));
}

proptest! {
    /// Never is more held than there is, and what is held is what the permits say.
    #[test]
    fn the_sum_of_the_permits_is_what_is_used(
        acts in prop::collection::vec((0..5_usize, 0..3_usize, 0..80_u64), 0..60)
    ) {
        let budget = Budget::new(100);
        let names = ["a", "b", "c"].map(name);
        let mut permits: Vec<Permit> = Vec::new();
        for (act, whose, amount) in acts {
            let at = permits.len().checked_sub(1).map(|last| whose.min(last));
            match (act, at) {
                (0, _) | (_, None) => permits.extend(budget.take(&names[whose], amount)),
                (1, Some(at)) => drop(permits[at].grow(amount)),
                (2, Some(at)) => permits[at].shrink(amount),
                (3, Some(at)) => drop(permits[at].resize(amount / 2, amount)),
                (_, Some(at)) => drop(permits.remove(at)),
            }
            let held: u64 = permits.iter().map(|permit| permit.amounts.lock().held).sum();
            prop_assert_eq!(budget.used(), held);
            prop_assert!(held <= 100);
        }
    }
}
