//! Programs of data changes, calls, waits and failures, run by the real engine in the real sandbox on
//! the real store, which dies before or after any of its writes: the data they end with is what
//! they end with when nothing dies.
#![allow(clippy::unwrap_used, reason = "a test")]

mod ownership;
mod world;

use self::world::{World, expected, op};
use crate::support::dying::Cut;
use proptest::prelude::*;
use serde_json::{Value, json};

fn cut() -> impl Strategy<Value = Cut> {
    (0i64..6, any::<bool>()).prop_map(|(write, after)| Cut { write, after })
}

/// Every place between two writes, one after the other.
#[test]
fn a_crash_between_any_two_writes_changes_nothing() {
    let world = World::new();
    let program = [
        json!({"add": "/n"}),
        json!({"fetch": "x/1", "into": "/a"}),
        json!({"race": ["y/1", "y/2", "y/3"], "into": "/b"}),
        json!({"next": true}),
        json!({"add": "/n"}),
        json!({"park": 3}),
        json!({"add": "/n"}),
        json!({"try": "flaky/1", "into": "/c"}),
        json!({"add": "/m"}),
    ];
    let (data, writes) = world.run(&program, &[]);
    assert_eq!(data, expected(&program));
    // One for the acceptance, 1 + 3 calls, 3 × 1 call that fails twice, 5 run's ends.
    assert_eq!(writes, 1 + 4 + 3 + 5);
    for write in 0..writes {
        for after in [false, true] {
            let cut = Cut { write, after };
            assert_eq!(world.run(&program, &[cut]).0, data, "{cut:?}");
            assert_eq!(world.run(&program, &[cut; 3]).0, data, "thrice {cut:?}");
        }
    }
    println!("{writes} writes, a crash before and after each of them");
}

/// A pure step is one record; a call costs one more, and its task is durable before it goes out.
#[test]
fn what_is_written_for_a_task() {
    let world = World::new();
    let pure = [json!({"add": "/n"}), json!({"set": "/a", "to": 1})];
    // A machine that is busy elsewhere may make the sender wait too long; then it is two.
    let writes: Vec<i64> = (0..20).map(|_| world.run(&pure, &[]).1).collect();
    assert_eq!(writes.iter().min(), Some(&1), "{writes:?}");
    assert!(writes.iter().max() <= Some(&2), "{writes:?}");
    for calls in 1..4 {
        let program: Vec<Value> = (0..calls)
            .map(|call| json!({"fetch": format!("x/{call}"), "into": "/a"}))
            .collect();
        assert_eq!(world.run(&program, &[]).1, 2 + calls);
    }
}

#[test]
fn any_program_ends_alike_after_any_crashes() {
    let world = World::new();
    let config = ProptestConfig {
        cases: 150,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let cases = (
        prop::collection::vec(op(), 1..8),
        prop::collection::vec(cut(), 0..6),
    );
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&cases, |(program, cuts)| {
            let (data, _) = world.run(&program, &cuts);
            prop_assert_eq!(data, expected(&program));
            Ok(())
        })
        .unwrap();
}
