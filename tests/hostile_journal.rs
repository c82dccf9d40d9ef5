//! Journals that grow without end: they are bounded in bytes, and showing them costs what is shown.
#![allow(clippy::unwrap_used, reason = "a test")]

use crate::support::ran::cli;
use crate::support::{Receiver, Server, receiver::Reply};
use serde_json::json;
use stepwell_api::Task;

const MIB: u64 = 1024 * 1024;

/// Bytes of memory that the server's process has resident.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_records_without_end_fails_and_is_shown_at_small_cost() {
    let upstream = Receiver::start().await;
    let mut reply = Reply::status(200);
    reply.body = vec![b'x'; 60_000];
    upstream.reply("/", reply);
    let server = Server::start().await;
    let source = format!(
        "export const condition = {{n: Number}};
         export const content = async () => {{
           for (let at = 0; at < 180; at += 30) {{
             const calls = Array.from({{length: 30}}, (_, k) => fetch('{}/?' + (at + k)));
             await Promise.all(calls);
           }}
           data.n += 1;
         }};\n",
        upstream.url
    );
    server.script("record", &source).await;
    let webhook = server.webhook("w").await;
    let id = server.post(&webhook, &json!({"n": 0})).await;
    let task = server.wait(&id, "error").await;
    let run = task.runs.last().unwrap();
    assert_eq!(run.outcome.as_str(), "limit", "{run:#?}");
    let error = run.error.as_deref().unwrap();
    assert!(error.contains("at most 67108864 are kept"), "{error}");
    // 11 MB of answers each.
    assert!((5..10).contains(&task.runs.len()), "{}", task.runs.len());
    assert_eq!(task.runs[0].calls.len(), 180);
    assert_eq!(task.earlier, None);
    let before = resident(&server);
    let shown = (0..16).map(|_| server.task(&id));
    for again in futures_util::future::join_all(shown).await {
        assert_eq!(again.runs.len(), task.runs.len());
    }
    let grown = resident(&server).saturating_sub(before);
    // All that the runs were answered, 16 times, would be more than 1,000.
    assert!(grown < 256 * MIB, "{} MiB", grown / MIB);
    server.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_is_shown_in_pages() {
    let server = Server::start().await;
    let source = "export const condition = {n: Number};
        export const content = async () => {
          data.text = String(data.n).repeat(2 * 1024 * 1024);
          data.n += 1;
          if (data.n === 6) task.complete();
        };\n";
    server.script("rewrite", source).await;
    let webhook = server.webhook("w").await;
    let id = server.post(&webhook, &json!({"n": 0})).await;
    let newest = server.wait(&id, "done").await;
    let mut runs: Vec<u32> = newest.runs.iter().map(|run| run.run).collect();
    let mut earlier = newest.earlier;
    assert!(earlier.is_some() && runs.len() < 6, "{runs:?}");
    while let Some(before) = earlier {
        let path = server.path(&format!("tasks/{id}?before={before}"));
        let page = server.get::<Task>(&path).await;
        assert_eq!(page.data, newest.data);
        let older = page.runs.iter().map(|run| run.run);
        runs.splice(0..0, older);
        assert!(page.earlier.is_none_or(|next| next < before));
        earlier = page.earlier;
    }
    assert_eq!(runs, [1, 2, 3, 4, 5, 6]);
    // The command line shows the same, and how to go on.
    let (mut shown, mut before) = (Vec::new(), None::<String>);
    loop {
        let mut words = vec!["task", "log", &id];
        if let Some(before) = &before {
            words.extend(["--before", before.as_str()]);
        }
        let page = cli(&server, &words).ok().to_owned();
        let older = page.lines().find_map(|line| {
            let (_, place) = line.split_once("older entries: stepwell task log ")?;
            Some(place.split_once(" --before ")?.1.to_owned())
        });
        let is_newest = before.is_none();
        assert_eq!(
            page.contains("accepted by webhook"),
            is_newest || older.is_none()
        );
        assert_eq!(page.contains(" after it came in"), is_newest, "{page}");
        let runs = page
            .lines()
            .filter_map(|line| line.split_once("  run ")?.1.split(' ').next());
        let runs: Vec<String> = runs.map(str::to_owned).collect();
        shown.splice(0..0, runs);
        match older {
            Some(place) => before = Some(place),
            None => break,
        }
    }
    assert_eq!(shown, ["1", "2", "3", "4", "5", "6"]);
    let sheet = cli(&server, &["task", "show", &id, "--before", "1"])
        .ok()
        .to_owned();
    assert!(
        sheet.contains("state    done") && !sheet.contains(" after it came in"),
        "{sheet}"
    );
    cli(
        &server,
        &["task", "log", &id, "--follow", "--before", "1", "--json"],
    )
    .refusal(2);
    let (status, problem) = server
        .api(
            reqwest::Method::GET,
            &server.path(&format!("tasks/{id}?before=x")),
            None,
        )
        .await;
    assert_eq!(status, 400, "{problem}");
}
