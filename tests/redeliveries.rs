//! What a delivery that is sent again says of its sender.
#![allow(clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use stepwell_api::Redelivered;

use crate::support::deliveries::redeliver;
use crate::support::senders::{self, SECRET, add, public_server, url_of};
use crate::support::{accepted_task, typed};

/// A step that wants a verified sender runs again on what came from one, and on nothing that a person wrote.
#[tokio::test]
async fn what_was_verified_stays_so_when_it_is_sent_again_as_it_came() {
    let server = public_server().await;
    let github = json!({"provider": "github", "secret": SECRET});
    let github = add(&server, "GitHub", github).await;
    let sent = senders::github(SECRET, 0, "d1", "{\"n\": 1}");
    let (status, answer) = sent.answer(&server, url_of(&github)).await;
    assert_eq!(status, 200, "{answer}");
    let first = accepted_task(&answer);
    for (body, expected) in [
        (json!({}), json!("github")),
        (json!({"body": "{\"n\": 1}"}), Value::Null),
    ] {
        let (status, sent) = redeliver(&server, &first, body).await;
        assert_eq!(status, 201, "{sent}");
        let sent: Redelivered = typed(&sent);
        let task = server.wait(&sent.tasks[0], "unmatched").await;
        let via = &task.data["$via"];
        assert_eq!(
            (&via["verified"], &via["redeliveryOf"]),
            (&expected, &json!(first))
        );
    }
}
