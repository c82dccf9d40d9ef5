//! Checks a task's recorded history: a chain of versions, each of which stands on the one before.
//!
//! What is checked: no two entries have one place; every change finds the value that it says it found, from the data as it
//! is now back to what was sent; attempts of a run follow each other and one finishes it at most; a run that is over has
//! each of its calls once; and the task is at an end that its last entry brought.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stepwell_api::{Change, ChangeKind, Outcome, Task};

/// One entry that may have changed the data.
struct Step<'a> {
    seq: u64,
    what: String,
    changes: &'a [Change],
}

/// Why the history of a task is none of one task that has ended; `sent` is the data that was sent.
pub fn check(task: &Task, sent: &Value) -> Result<(), String> {
    if !task.state.is_final() {
        return Err(format!("it has not ended: it is {}", task.state.as_str()));
    }
    if !task.calls_under_way.is_empty() || task.earlier.is_some() {
        return Err("calls are left that are of no run, or entries".into());
    }
    let mut data = chain(task)?;
    if let Some(data) = data.as_object_mut() {
        data.remove("$via");
    }
    if data != *sent {
        return Err(format!("it began with {data}, and {sent} was sent"));
    }
    Ok(())
}

/// The data that a task began with, by its history, which has all entries.
fn chain(task: &Task) -> Result<Value, String> {
    let mut steps = steps(task);
    steps.sort_by_key(|step| step.seq);
    for pair in steps.windows(2) {
        if pair[0].seq == pair[1].seq {
            return Err(format!(
                "two entries at {}: {} and {}",
                pair[0].seq, pair[0].what, pair[1].what
            ));
        }
    }
    let mut data = task.data.clone();
    for step in steps.iter().rev() {
        for change in step.changes.iter().rev() {
            undo(&mut data, change).map_err(|why| format!("{}: {change:?}: {why}", step.what))?;
        }
    }
    runs(task)?;
    Ok(data)
}

/// Checks a task that some test reads, whatever it is about: its history is a chain, as far as the answer has all of it.
pub fn check_any(task: &Task) {
    if task.earlier.is_none() {
        chain(task).unwrap_or_else(|why| panic!("{}: {why}: {task:#?}", task.id));
    }
}

fn steps(task: &Task) -> Vec<Step<'_>> {
    let runs = task.runs.iter().map(|run| Step {
        seq: run.seq,
        what: format!("run {}.{} of {}", run.run, run.attempt, run.step),
        changes: &run.changes,
    });
    let moves = task.history.iter().map(|entry| Step {
        seq: entry.seq,
        what: format!("move to {}", entry.state.as_str()),
        changes: entry.changes.as_deref().unwrap_or_default(),
    });
    let ended = task.ended_subtasks.iter().map(|ended| Step {
        seq: ended.seq,
        what: format!("subtask {}", ended.task),
        changes: &ended.changes,
    });
    runs.chain(moves).chain(ended).collect()
}

fn runs(task: &Task) -> Result<(), String> {
    let mut attempts = BTreeMap::<u32, Vec<&stepwell_api::Run>>::new();
    for run in &task.runs {
        attempts.entry(run.run).or_default().push(run);
        let calls: BTreeSet<u32> = run.calls.iter().map(|call| call.call).collect();
        if calls.len() != run.calls.len() {
            return Err(format!("run {} has a call twice", run.run));
        }
    }
    let mut last = 0;
    for (number, mut runs) in attempts {
        runs.sort_by_key(|run| run.seq);
        let order: Vec<u32> = runs.iter().map(|run| run.attempt).collect();
        if !order.is_sorted_by(|one, next| one < next) {
            return Err(format!("the attempts of run {number} are {order:?}"));
        }
        let finished = runs.iter().filter(|run| run.outcome == Outcome::Finished);
        if finished.count() > 1 {
            return Err(format!("run {number} finished twice"));
        }
        if runs[0].seq < last {
            return Err(format!(
                "run {number} begins before the end of the one before"
            ));
        }
        last = runs[runs.len() - 1].seq;
    }
    Ok(())
}

/// Takes a change back, which must find what it left.
fn undo(data: &mut Value, change: &Change) -> Result<(), String> {
    let Some((parent, key)) = change.path.rsplit_once('/') else {
        return Err("it changes the root".into());
    };
    let parent = data.pointer_mut(parent).ok_or("its place is not there")?;
    let key = key.replace("~1", "/").replace("~0", "~");
    let there = match &*parent {
        Value::Array(items) => key.parse().ok().and_then(|at: usize| items.get(at)),
        other => other.get(&key),
    };
    match change.op {
        ChangeKind::Remove => {}
        _ if there == change.value.as_ref() => {}
        _ => return Err(format!("there is {there:?}")),
    }
    match (parent, &change.old, &change.op) {
        (Value::Object(map), _, ChangeKind::Add) => drop(map.remove(&key)),
        (Value::Object(map), Some(old), _) => drop(map.insert(key, old.clone())),
        (Value::Array(items), old, op) => {
            let at: usize = key.parse().map_err(|_| "it is at no place of the list")?;
            match (op, old) {
                (ChangeKind::Add, _) => drop(items.remove(at)),
                (ChangeKind::Remove, Some(old)) => items.insert(at, old.clone()),
                (_, Some(old)) => items[at] = old.clone(),
                _ => return Err("it does not say what was there".into()),
            }
        }
        _ => return Err("it does not say what was there".into()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(runs: Value, data: Value) -> Task {
        let task = json!({"id": "t", "state": "done", "created": "", "updated": "", "runs": runs, "data": data});
        serde_json::from_value(task).unwrap()
    }

    fn run(seq: u64, run: u32, attempt: u32, outcome: &str, changes: Value) -> Value {
        json!({"seq": seq, "run": run, "attempt": attempt, "step": "s", "at": "", "outcome": outcome, "changes": changes})
    }

    #[test]
    fn a_chain_is_one_and_what_is_none_is_found() {
        let add =
            |value: i32| json!([{"op": "replace", "path": "/n", "old": value - 1, "value": value}]);
        let data = json!({"n": 3, "$via": {"type": "api"}});
        let sent = json!({"n": 1});
        let good = json!([
            run(4, 1, 1, "retry", json!([])),
            run(7, 1, 2, "finished", add(2)),
            run(9, 2, 1, "finished", add(3)),
        ]);
        check(&task(good, data.clone()), &sent).unwrap();
        let twice = run(7, 1, 2, "finished", add(2));
        for (runs, why) in [
            (json!([twice, run(9, 2, 1, "finished", add(2))]), "there is"),
            (
                json!([twice, run(7, 2, 1, "finished", add(3))]),
                "two entries at 7",
            ),
            (json!([twice]), "there is"),
            (json!([run(9, 1, 1, "finished", add(3))]), "it began with"),
            (
                json!([
                    run(7, 1, 1, "finished", add(2)),
                    run(9, 1, 2, "finished", add(3))
                ]),
                "finished twice",
            ),
            (
                json!([
                    run(7, 1, 2, "retry", add(2)),
                    run(9, 1, 1, "finished", add(3))
                ]),
                "the attempts",
            ),
            (
                json!([
                    run(7, 2, 1, "finished", add(2)),
                    run(9, 1, 1, "finished", add(3))
                ]),
                "before the end",
            ),
        ] {
            let found = check(&task(runs, data.clone()), &sent).unwrap_err();
            assert!(found.contains(why), "{why}: {found}");
        }
    }
}
