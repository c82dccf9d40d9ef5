//! Steps read the files of their tasks, and no others.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::upload::{FORM, form};
use crate::support::{Server, accepted_task};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Sends a file; its task has no step yet. Returns the task and the file's digest.
async fn sent(server: &Server, webhook: &str, content: &[u8]) -> (String, String) {
    let body = form(&[("name=f; filename=f", content)]);
    let (status, answer) = server.send(webhook, FORM, body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let task = accepted_task(&answer);
    let data = server.wait(&task, "unmatched").await.data.clone();
    (task, data["f"]["digest"].as_str().unwrap().to_owned())
}

/// Has a task read these parts, and gives what it keeps of each, or the error.
async fn read(
    server: &Server,
    task: &str,
    parts: &[(&str, u64, u64)],
    state: &str,
) -> (Vec<Value>, Option<String>) {
    let program = parts.iter().enumerate().map(|(at, (digest, from, length))| {
        json!({"read": digest, "from": from, "length": length, "into": format!("/r{at}")})
    });
    let patch = json!({"base": "", "at": 0, "program": program.collect::<Vec<_>>()});
    let (status, answer) = server
        .act(task, "update", Some(json!({"patch": patch})))
        .await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let task = server.wait(task, state).await;
    let kept = (0..parts.len()).map(|at| task.data[format!("r{at}")].clone());
    let runs = &task.runs;
    (kept.collect(), runs.last().unwrap().error.clone())
}

#[tokio::test]
async fn a_step_reads_its_tasks_files_in_parts() {
    let mut server = Server::start().await;
    server.step("program").await;
    let webhook = server.webhook("w").await;
    let content: String = (0..500_000).map(|n| format!("{:06}", n)).collect();
    let (task, digest) = sent(&server, &webhook, content.as_bytes()).await;
    let (other, others) = sent(&server, &webhook, b"of another task").await;
    let parts = [
        (&*digest, 0, 12),
        (&*digest, 2_999_994, 100),
        (&*digest, 3_000_000, 1),
        (&*digest, u64::MAX, 1),
        // More than the server gives at once.
        (&*digest, 600_000, 1_200_006),
    ];
    server.restart().await;
    let (kept, error) = read(&server, &task, &parts, "done").await;
    assert_eq!(error, None);
    for (kept, text) in kept.iter().zip([
        &content[..12],
        &content[2_999_994..],
        "",
        "",
        &content[600_000..1_800_006],
    ]) {
        assert_eq!(kept["size"], 3_000_000);
        assert!(kept["text"] == *text, "{} bytes", text.len());
    }
    for (digest, part) in [
        (&*others, "has no file"),
        (&"0".repeat(64), "has no file"),
        ("../../f", "`../../f` is no digest of a file"),
        (&digest.to_uppercase(), "is no digest of a file"),
    ] {
        let (task, _) = sent(&server, &webhook, &content.as_bytes()[..9]).await;
        let (_, error) = read(&server, &task, &[(digest, 0, 1)], "error").await;
        let error = error.unwrap();
        assert!(error.contains(part), "{part}: {error}");
    }
    let (kept, _) = read(&server, &other, &[(&others, 3, 7)], "done").await;
    assert_eq!(kept[0], json!({"size": 15, "text": "another"}));
}

#[tokio::test]
async fn what_is_read_is_paid_for_with_fuel() {
    let server = Server::start().await;
    let program = crate::support::guest("program");
    server.step_with("program", &program, "fuel=30000000").await;
    let webhook = server.webhook("w").await;
    let (task, digest) = sent(&server, &webhook, &vec![b'x'; 1_000_000]).await;
    let parts = vec![(&*digest, 0, 1_000_000); 60];
    let (_, error) = read(&server, &task, &parts, "error").await;
    let error = error.unwrap();
    assert!(error.contains("fuel"), "{error}");
    let (task, digest) = sent(&server, &webhook, b"small").await;
    let (kept, _) = read(&server, &task, &[(&digest, 0, 9)], "done").await;
    assert_eq!(kept[0]["text"], "small");
}

#[tokio::test]
async fn a_script_has_a_file_of_the_web() {
    let server = Server::start().await;
    let script = "export const condition = {f: {digest: {$exists: true}}, seen: null};
export const content = async () => {
  const file = blobs.get(data.f);
  const errors = [() => blobs.get('0'.repeat(64)), () => blobs.get('x'), () => blobs.read(7), () => blobs.size({})];
  data.seen = {
    is: file instanceof File, name: file.name, type: file.type, size: file.size, at: file.lastModified,
    text: (await file.text()).slice(-6), sum: blobs.size(data.f.digest),
    part: new TextDecoder().decode(blobs.read(data.f, 6, 6)),
    end: blobs.read(data.f, 2_999_999).length, behind: blobs.read(data.f, 3e6).length,
    first: blobs.read(data.f, -5, -5).length, whole: blobs.read(data.f, 0, Infinity).length,
    errors: errors.map((read) => { try { return read(); } catch (error) { return `${error}`; } }),
  };
};";
    server.script("reads", script).await;
    let webhook = server.webhook("w").await;
    let content: String = (0..500_000).map(|n| format!("{n:06}")).collect();
    let head = "name=f; filename=\"n.txt\"\r\ncontent-type: text/plain";
    let body = form(&[(head, content.as_bytes())]);
    let (status, answer) = server.send(&webhook, FORM, body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let task = &accepted_task(&answer);
    let seen = server.wait(task, "done").await.data["seen"].clone();
    let errors = seen["errors"].as_array().unwrap();
    for (error, part) in errors
        .iter()
        .zip(["has no file", "is no digest", "a number", "undefined"])
    {
        assert!(
            error.as_str().unwrap().contains(part) || part == "undefined",
            "{error}"
        );
    }
    assert_eq!(errors.len(), 4);
    let mut seen = seen;
    seen.as_object_mut().unwrap().remove("errors");
    assert_eq!(
        seen,
        json!({"is": true, "name": "n.txt", "type": "text/plain", "size": 3_000_000, "at": 0, "text": "499999",
            "sum": 3_000_000, "part": "000001", "end": 1, "behind": 0, "first": 0, "whole": 3_000_000})
    );
}
