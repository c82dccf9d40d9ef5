use serde_json::json;

use super::*;
use crate::domain::clock::Millis;
use crate::domain::ids::TaskId;
use crate::domain::subtask::Child;
use crate::engine::children::{Base, can_land, is_owed, noted, rebase, remember};
use crate::store::conformance::samples;

const NOW: Millis = 1_764_000_100_000;

fn parent() -> TaskHead {
    samples::new_task(&samples::workspace("w"), TaskId::new(), "{}").head
}

fn child(id: u8, into: Option<&str>, wait: bool) -> Child {
    Child {
        id: TaskId::from_bytes([id; 16]),
        into: into.map(str::to_owned),
        wait,
        ended: false,
    }
}

fn waiting(children: Vec<Child>, wake_at: Option<Millis>) -> TaskHead {
    TaskHead {
        standing: samples::standing(TaskState::Waiting, wake_at),
        children,
        ..parent()
    }
}

fn id(of: u8) -> TaskId {
    TaskId::from_bytes([of; 16])
}

#[test]
fn a_parent_wakes_when_the_last_that_it_waits_for_has_ended() {
    let children = vec![
        child(1, Some("/a"), true),
        child(2, None, true),
        child(3, Some("/c"), false),
    ];
    let head = noted(&waiting(children, None), id(1), NOW).unwrap();
    assert_eq!(head.state(), TaskState::Waiting);
    assert!(head.children[0].ended);
    assert_eq!((head.version, head.notes), (2, 1));
    // One that brings nothing is forgotten at once, and the third is not waited for.
    let head = noted(&head, id(2), NOW).unwrap();
    assert_eq!((head.state(), head.ready_at), (TaskState::Ready, NOW));
    assert_eq!(head.children.len(), 2);
    assert!(can_land(&head) && is_owed(&head));
}

#[test]
fn a_parent_that_is_looked_at_when_its_time_is_over_waits_for_its_subtasks_all_the_same() {
    let mut parent = waiting(vec![child(1, Some("/a"), false)], None);
    parent.set_expiry(Some(500_000), false);
    assert!(parent.wake_at().is_some());
    let head = noted(&parent, id(1), NOW).unwrap();
    assert_eq!((head.state(), head.wake_at()), (TaskState::Ready, None));
    assert_eq!(head.expiry, parent.expiry);
    // One that is parked, too, goes on when that is over.
    let mut parked = waiting(vec![child(1, Some("/a"), false)], Some(NOW + 5_000));
    parked.expiry = Some(crate::domain::task::Expiry {
        at: Some(NOW + 9_000),
        completes: false,
    });
    let head = noted(&parked, id(1), NOW).unwrap();
    assert_eq!(
        (head.state(), head.wake_at()),
        (TaskState::Waiting, Some(NOW + 5_000))
    );
}

#[test]
fn an_end_is_noted_once_and_only_by_whom_it_concerns() {
    let parent = waiting(vec![child(1, Some("/a"), false)], None);
    let head = noted(&parent, id(1), NOW).unwrap();
    assert_eq!(noted(&head, id(1), NOW), None);
    assert_eq!(noted(&parent, id(9), NOW), None);
    let cancelled = TaskHead {
        standing: TaskState::Cancelled.into(),
        ..parent
    };
    assert_eq!(noted(&cancelled, id(1), NOW), None);
}

#[test]
fn a_parked_parent_sleeps_on_unless_the_park_was_the_limit_of_its_wait() {
    let later = Some(NOW + 3_600_000);
    let parked = waiting(vec![child(1, Some("/a"), false)], later);
    let head = noted(&parked, id(1), NOW).unwrap();
    assert_eq!((head.state(), head.wake_at()), (TaskState::Waiting, later));
    let limited = waiting(vec![child(1, Some("/a"), true)], later);
    let head = noted(&limited, id(1), NOW).unwrap();
    assert_eq!((head.state(), head.wake_at()), (TaskState::Ready, None));
    // It may be in a run by now, and the run's clock is the time at which it was to wake.
    let soon = waiting(vec![child(1, Some("/a"), true)], Some(NOW));
    let head = noted(&soon, id(1), NOW).unwrap();
    assert_eq!(
        (head.state(), head.wake_at()),
        (TaskState::Waiting, Some(NOW))
    );
}

#[test]
fn a_note_moves_nothing_that_a_run_stands_on() {
    let ready = TaskHead {
        children: vec![child(1, Some("/a"), true)],
        ..parent()
    };
    let head = noted(&ready, id(1), NOW).unwrap();
    assert_eq!(
        TaskHead {
            version: ready.version,
            notes: ready.notes,
            children: ready.children.clone(),
            ..head
        },
        ready
    );
}

#[test]
fn a_runs_end_keeps_what_was_noted_while_it_ran() {
    let before = TaskHead {
        children: vec![child(1, Some("/a"), false), child(2, None, false)],
        ..parent()
    };
    let mut commit = samples::next(&before, TaskState::Waiting, None);
    commit.entries.push(Entry::State {
        at: NOW,
        state: TaskState::Waiting,
        reason: "its subtasks have not ended".into(),
    });
    let new = NewSubtask {
        id: id(3),
        name: "n".into(),
        data: "{}".into(),
        into: Some("/b".into()),
        wait: false,
    };
    remember(&mut commit.head, &[new]);
    let noted_in = noted(&noted(&before, id(1), NOW).unwrap(), id(2), NOW).unwrap();
    assert!(rebase(&mut commit, &Base::of(&before), &noted_in));
    assert_eq!((commit.head.version, commit.head.notes), (4, 2));
    let kept: Vec<_> = commit
        .head
        .children
        .iter()
        .map(|c| (c.id, c.ended))
        .collect();
    assert_eq!(kept, [(id(1), true), (id(3), false)]);
    assert_eq!(
        commit.head.state(),
        TaskState::Ready,
        "it has something to take up"
    );
    assert_eq!(commit.entries.len(), 1, "only the run's");
    // Anything else that happened meanwhile counts, and the run does not.
    let elsewhere = samples::next(&before, TaskState::Cancelled, None).head;
    assert!(!rebase(&mut commit, &Base::of(&before), &elsewhere));
    assert!(!rebase(&mut commit, &Base::of(&before), &before));
}

#[test]
fn a_wait_that_has_begun_outlives_notes_of_others() {
    let before = TaskHead {
        children: vec![child(1, Some("/a"), false)],
        ..parent()
    };
    let mut commit = samples::next(&before, TaskState::Waiting, None);
    commit.head.children.push(child(2, None, true));
    assert!(rebase(
        &mut commit,
        &Base::of(&before),
        &noted(&before, id(1), NOW).unwrap()
    ));
    assert_eq!(commit.head.state(), TaskState::Waiting);
}

#[test]
fn a_result_is_what_the_task_was_completed_with_or_its_data_or_its_fault() {
    let data = r#"{"a":1.10,"$via":{"type":"subtask"}}"#;
    let ended = |state: TaskState| TaskHead {
        standing: state.into(),
        ..parent()
    };
    assert_eq!(
        result(&ended(TaskState::Done), data).to_string(),
        r#"{"a":1.10}"#
    );
    let completed = TaskHead {
        result: Some("[1]".into()),
        ..ended(TaskState::Done)
    };
    assert_eq!(result(&completed, data), json!([1]));
    assert_eq!(result(&ended(TaskState::Ignored), data), Value::Null);
    let failed = TaskHead {
        fault: Some("step `s`: no".into()),
        ..ended(TaskState::Error)
    };
    assert_eq!(result(&failed, data), json!({"error": "step `s`: no"}));
    for state in [TaskState::Cancelled, TaskState::Unmatched] {
        assert!(result(&ended(state), data)["error"].is_string(), "{state}");
    }
}

#[test]
fn a_subtask_is_a_task_that_says_whose_it_is() {
    let mut parent = parent();
    parent.parent = Some(Parent {
        task: TaskId::new(),
        depth: 2,
    });
    let new = NewSubtask {
        id: id(3),
        name: "resize".into(),
        data: r#"{"$via":1,"size":1.50}"#.into(),
        into: None,
        wait: false,
    };
    let task = new_task(&parent, new);
    let via = format!(
        r#"{{"type":"subtask","name":"resize","parent":"{}","depth":3}}"#,
        parent.id
    );
    assert_eq!(&*task.data, format!(r#"{{"size":1.50,"$via":{via}}}"#));
    assert_eq!(task.head.parent.as_ref().unwrap().depth, 3);
    assert_eq!((task.head.id, task.head.state()), (id(3), TaskState::Ready));
}
