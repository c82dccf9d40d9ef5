//! A task whose time is over, by `task.timeout`: it ends, whatever it waits for. Pure decisions, no I/O.

use crate::domain::clock::{Millis, rfc3339};
use crate::domain::task::{Standing, TaskHead};

/// Whether a task that has not ended has no time left.
pub(super) fn is_over(head: &TaskHead, now: Millis) -> bool {
    !head.state().is_final() && head.expires_at().is_some_and(|at| at <= now)
}

/// Ends the task; gives the reason, for people. `under_way`: a run has recorded calls and will not come to
/// its end.
pub(super) fn expire(head: &mut TaskHead, under_way: bool, now: Millis) -> String {
    let expiry = head.expiry.take().unwrap_or_default();
    head.give_up_run(under_way);
    head.next_version(now);
    let over = format!(
        "its time was over at {}, which `task.timeout` had set",
        rfc3339(expiry.at.unwrap_or(now))
    );
    if expiry.completes {
        head.standing = Standing::Done;
        return format!("{over}; `task.completeOnExpire` makes that a good end");
    }
    head.standing = Standing::Error(None);
    let fault = format!("the task had not ended when {over}");
    head.fault = Some(fault.clone());
    fault
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::TaskId;
    use crate::domain::task::{Retrying, TaskState, Wait};
    use crate::store::conformance::samples;

    fn waiting(wait: Wait, at: Option<Millis>, completes: bool) -> TaskHead {
        let mut head = samples::new_task(&samples::workspace("w"), TaskId::new(), "{}").head;
        head.updated = 1_000;
        head.standing = Standing::Waiting(wait);
        head.set_expiry(at, completes);
        head
    }

    #[test]
    fn a_task_is_looked_at_when_its_time_is_over() {
        let mut head = waiting(Wait::Subtasks, Some(5_000), false);
        assert_eq!((head.wake_at(), head.goes_on_at()), (Some(6_000), None));
        head.standing = Standing::Waiting(Wait::Until(2_000));
        assert_eq!(
            (head.wake_at(), head.goes_on_at()),
            (Some(2_000), Some(2_000))
        );
        head.standing = Standing::Waiting(Wait::Until(9_000));
        assert_eq!(
            (head.wake_at(), head.goes_on_at()),
            (Some(6_000), Some(9_000))
        );
        assert!(!is_over(&head, 5_999) && is_over(&head, 6_000));
        head.standing = Standing::Done;
        assert!(!is_over(&head, 6_000));
        head.end_expiry();
        assert_eq!(head.expiry, None);
        let head = waiting(Wait::Subtasks, None, true);
        assert_eq!(head.wake_at(), None);
        assert!(!is_over(&head, Millis::MAX));
    }

    #[test]
    fn it_ends_in_error_or_as_a_step_let_it() {
        let retrying = Retrying {
            step: "a".parse().unwrap(),
            failed: 2,
        };
        let retry = Wait::Retry {
            at: 9_000,
            retrying,
        };
        let mut head = waiting(retry, Some(5_000), false);
        let reason = expire(&mut head, false, 6_500);
        assert_eq!((head.state(), head.runs), (TaskState::Error, 1));
        assert_eq!((head.fault.as_deref(), head.expiry), (Some(&*reason), None));
        assert_eq!((head.updated, head.wake_at()), (6_500, None));
        assert!(reason.contains("1970-01-01T00:00:06.000Z"), "{reason}");
        let mut head = waiting(Wait::Subtasks, Some(5_000), true);
        expire(&mut head, false, 6_500);
        assert_eq!((head.state(), head.runs), (TaskState::Done, 0));
        assert_eq!(head.fault, None);
    }
}
