//! Values of the config in what steps say: logs, messages, errors, panics.
#![allow(clippy::unwrap_used, reason = "a test")]

use serde_json::json;

use crate::support::{Server, texts};

const SECRET: &str = "xoxb-4711-s3cret";

const LEAKS: &str = r#"
export const condition = {how: {$exists: true}};
export const content = async () => {
  const secret = task.config("TOKEN");
  console.log("the token is", secret, [secret]);
  console.error(JSON.stringify({ secret }));
  console.log(task.config("REGION"));
  if (data.how === "throws") throw new Error(`refused: ${secret}`);
  if (data.how === "fails") task.stop(`no such account: ${secret}`);
  data.length = secret.length;
};"#;

#[tokio::test]
async fn a_step_that_says_a_secret_shows_a_mask() {
    let server = Server::start().await;
    server.config("TOKEN", SECRET).await;
    server.config("REGION", "eu-west").await;
    let webhook = server.webhook("Form").await;
    server.script("leaks", LEAKS).await;
    for (how, state) in [("logs", "done"), ("throws", "error"), ("fails", "error")] {
        let id = server.post(&webhook, &json!({"how": how})).await;
        let task = loop {
            let task = server.task(&id).await;
            if task.state.is_final() || task.wake_at.is_some() {
                break task;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        };
        let whole = task.json().to_string();
        assert!(!whole.contains(SECRET), "{how}: {task:#}");
        assert!(whole.contains("the token is ***"), "{how}: {task:#}");
        assert!(
            whole.contains("eu-west"),
            "short values are words: {task:#}"
        );
        if state == "error" {
            let fault = serde_json::to_string(&task.runs[0]).unwrap();
            assert!(fault.contains(": ***"), "{how}: {task:#}");
        } else {
            assert_eq!(
                task.data["length"],
                SECRET.len(),
                "the step has the value itself"
            );
        }
        let shown = texts(&server.cli(&["task", "log", &id, "--full"])).0;
        assert!(shown.contains("***") && !shown.contains(SECRET), "{shown}");
    }
}
