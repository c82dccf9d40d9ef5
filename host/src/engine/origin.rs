//! How a task came in, by its head. A run cannot write `$via`; in a task of an older version one may have: then what the
//! head says counts, and not the data.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::data::{Document, VIA};
use crate::domain::task::TaskHead;

/// Puts right a `$via` that says something else than the head does. The head knows of a webhook its name, of a subtask its
/// parent, and of other tasks that they are neither.
pub(super) fn put_right(head: &TaskHead, data: &mut Arc<Document>) {
    // No run, no change; and no reading.
    if head.runs == 0 {
        return;
    }
    let Some(said) = data.member(VIA) else {
        return;
    };
    let says = |member: &str| said.get(member)?.as_str();
    let known = match (&head.webhook, &head.parent) {
        (Some(webhook), _) => {
            if says("type") == Some("webhook") && says("name") == Some(webhook.as_str()) {
                return;
            }
            json!({"type": "webhook", "name": webhook.as_str()})
        }
        (None, Some(parent)) => {
            let task = parent.task.to_string();
            if says("type") == Some("subtask") && says("parent") == Some(&task) {
                return;
            }
            json!({"type": "subtask", "parent": task, "depth": parent.depth})
        }
        // A copy of a subtask is no subtask, and says whose copy it is.
        (None, None) if says("type") != Some("webhook") => return,
        (None, None) => Value::Object(Default::default()),
    };
    Arc::make_mut(data).put(vec![(VIA.to_owned(), Some(known))]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::TaskId;
    use crate::domain::subtask::Parent;

    #[test]
    fn what_the_head_says_counts() {
        let id = TaskId::new();
        let head = |webhook: Option<&str>, parent: bool, runs| TaskHead {
            webhook: webhook.map(|name| name.parse().unwrap()),
            parent: parent.then_some(Parent { task: id, depth: 1 }),
            runs,
            ..TaskHead::new(TaskId::new(), "w".parse().unwrap(), 1)
        };
        let own = json!({"type": "subtask", "name": "part", "parent": id.to_string(), "depth": 1});
        let webhook = json!({"type": "webhook", "name": "Orders"});
        let by_head = json!({"type": "subtask", "parent": id.to_string(), "depth": 1});
        let cron = json!({"type": "cron", "name": "Orders"});
        for (head, via, after) in [
            (head(Some("Orders"), false, 1), webhook.clone(), &webhook),
            (
                head(Some("Orders"), false, 1),
                json!({"type": "webhook", "name": "Payments"}),
                &webhook,
            ),
            (head(Some("Orders"), false, 1), cron.clone(), &webhook),
            (head(Some("Orders"), false, 1), json!(7), &webhook),
            // What no run has seen is as it came in.
            (head(Some("Orders"), false, 0), cron.clone(), &cron),
            (head(None, true, 2), own.clone(), &own),
            (head(None, true, 2), webhook.clone(), &by_head),
            (head(None, false, 2), cron.clone(), &cron),
            (head(None, false, 2), own.clone(), &own),
            (head(None, false, 2), webhook.clone(), &json!({})),
        ] {
            let text = json!({"a": 1, "$via": via}).to_string();
            let mut data = Arc::new(Document::parse(text.into()).unwrap());
            put_right(&head, &mut data);
            assert_eq!(data.member(VIA).as_deref(), Some(after), "{head:?} {via}");
            assert_eq!(data.member("a").as_deref(), Some(&json!(1)));
        }
        // Nothing is said, and nothing believed.
        let mut data = Arc::new(Document::parse("{}".into()).unwrap());
        put_right(&head(Some("Orders"), false, 1), &mut data);
        assert_eq!(data.member(VIA), None);
    }
}
