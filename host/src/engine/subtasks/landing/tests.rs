use super::*;
use crate::domain::subtask::Child;
use crate::engine::subtasks::{LANDED_AT_END, LANDED_AT_ONCE};
use crate::engine::tasks::document;
use crate::store::conformance::samples;

const NOW: Millis = 1_764_000_100_000;

fn id(of: u8) -> TaskId {
    TaskId::from_bytes([of; 16])
}

fn child(of: u8, into: &str) -> Child {
    Child {
        id: id(of),
        into: Some(into.into()),
        wait: false,
        ended: true,
    }
}

fn parent(children: Vec<Child>) -> TaskHead {
    TaskHead {
        children,
        ..samples::new_task(&samples::workspace("w"), TaskId::new(), "{}").head
    }
}

/// The commit that puts one result in.
fn landed(head: TaskHead, data: &Arc<Document>, (of, result): (u8, Value)) -> Commit {
    let mut landing = Landing::new(head, data.clone());
    landing.put(id(of), result, NOW);
    landing.into_commit(NOW)
}

#[test]
fn results_land_where_they_belong_and_one_without_a_place_is_a_fault() {
    let head = parent(vec![child(1, "/list/-"), child(2, "/n/x")]);
    let data = document(r#"{"list":[1],"n":5}"#.into()).unwrap();
    let commit = landed(head.clone(), &data, (1, json!("one")));
    let data = document(commit.data.unwrap()).unwrap();
    assert_eq!(&**data.text(), r#"{"list":[1,"one"],"n":5}"#);
    assert_eq!(commit.head.state(), TaskState::Ready);
    assert_eq!(commit.head.children.len(), 1);
    assert!(
        matches!(&commit.entries[..], [Entry::Subtask { changes, .. }] if changes.contains("/list/1"))
    );
    let commit = landed(commit.head, &data, (2, json!(2)));
    assert_eq!(commit.head.state(), TaskState::Error);
    let fault = commit.head.fault.unwrap();
    assert!(fault.contains("`/n` is a number"), "{fault}");
    // What is too deep for its place comes as an error in its place.
    let deep = (0..crate::domain::limits::DATA_DEPTH).fold(json!(1), |inner, _| json!([inner]));
    let commit = landed(head, &document("{}".into()).unwrap(), (2, deep));
    let data = document(commit.data.unwrap()).unwrap();
    let place = data.to_value()["n"]["x"]["error"].clone();
    assert!(place.is_string(), "{}", data.text());
}

#[test]
fn a_result_for_which_there_is_no_room_leaves_those_before_it() {
    let large = |of: u8| json!(of.to_string().repeat(3 << 20));
    let head = parent((1..=4).map(|of| child(of, &format!("/r{of}"))).collect());
    let mut landing = Landing::new(head, document("{}".into()).unwrap());
    for of in 1..=2 {
        assert!(!landing.is_over(LANDED_AT_END));
        landing.put(id(of), large(of), NOW);
    }
    assert!(landing.is_over(LANDED_AT_ONCE) && !landing.is_over(LANDED_AT_END));
    landing.put(id(3), large(3), NOW);
    assert!(landing.is_over(LANDED_AT_END));
    assert_eq!(landing.ended(), [id(4)]);
    landing.refuse_rest(LANDED_AT_END);
    let commit = landing.into_commit(NOW);
    assert_eq!(commit.head.state(), TaskState::Error);
    let fault = commit.head.fault.unwrap();
    assert!(fault.contains("grew to"), "{fault}");
    let data = document(commit.data.unwrap()).unwrap();
    assert!(data.member("r2").is_some() && data.member("r3").is_none());
    assert_eq!(commit.entries.len(), 3);
}

#[test]
fn the_memory_of_a_result_is_that_of_its_values() {
    let head = parent(vec![child(1, "/list/-"), child(2, "/new")]);
    let data = document(format!(r#"{{"list":[{}0]}}"#, "0,".repeat(9_999)).into()).unwrap();
    let landing = Landing::new(head, data);
    let ended = |of: u8, state: TaskState| StoredTask {
        head: TaskHead {
            standing: state.into(),
            ..TaskHead::new(id(of), samples::workspace("w"), NOW)
        },
        data: format!(r#"{{"all":[{}0]}}"#, "0,".repeat(19_999)).into(),
        effects: Vec::new(),
        journal: 0,
    };
    let values = |count: u64| count * 96..count * 110;
    let new = landing.memory(&ended(2, TaskState::Done));
    assert!(values(40_000).contains(&new), "{new}");
    let beside_others = landing.memory(&ended(1, TaskState::Done));
    assert!(values(60_000).contains(&beside_others), "{beside_others}");
    let failed = landing.memory(&ended(2, TaskState::Error));
    assert!(failed < 1_000, "{failed}");
}
