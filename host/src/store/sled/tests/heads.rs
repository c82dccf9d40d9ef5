//! The stored shapes of a task's head: the first, and the one with an expiry behind it.

use super::super::codec::{VERSION, pull_head, push, push_head};
use crate::domain::ids::TaskId;
use crate::domain::task::{Expiry, TaskHead};
use crate::store::StoreError;
use crate::store::conformance::samples::{new_task, workspace};

fn head() -> TaskHead {
    let mut head = new_task(&workspace("acme"), TaskId::new(), "{}").head;
    head.name = Some("Grüße".into());
    head.fault = Some("a fault".into());
    head
}

#[test]
fn a_head_without_an_expiry_is_as_the_first_version_wrote_it() {
    let head = head();
    let (mut first, mut now) = (Vec::new(), Vec::new());
    push(&mut first, &head).unwrap();
    push_head(&mut now, &head).unwrap();
    assert_eq!(now, first);
    assert_eq!(now[0], VERSION);
    assert_eq!(pull_head(&first, "a head").unwrap(), head);
}

#[test]
fn a_head_with_an_expiry_comes_back_whole_or_is_damaged() {
    for at in [None, Some(0), Some(u64::MAX)] {
        let mut head = head();
        head.expiry = Some(Expiry {
            at,
            completes: at.is_none(),
        });
        let mut bytes = Vec::new();
        push_head(&mut bytes, &head).unwrap();
        assert_ne!(bytes[0], VERSION, "an earlier version refuses it");
        assert_eq!(pull_head(&bytes, "a head").unwrap(), head);
        for length in 0..bytes.len() {
            let cut = pull_head(&bytes[..length], "a head");
            assert!(matches!(cut, Err(StoreError::Damaged(_))), "{length}");
        }
    }
}
