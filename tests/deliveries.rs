//! What came to webhooks and what became of it: listed, shown, sent again; over crashes, and bounded.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use crate::support::deliveries::{all, list, redeliver};
use crate::support::project::{Project, marks};
use crate::support::ran::{Ran, command};
use crate::support::senders::{
    self, BODY, Delivery, OTHER, SECRET, add, public_server, seconds, settings, url_of,
};
use crate::support::{Answer, PATIENCE, Server, only_on_sled, refusal, typed};
use reqwest::Method;
use serde_json::{Value, json};
use stepwell_api::report::Redeliveries;
use stepwell_api::{self as api, Accepted, Redelivered};

/// The text of a delivery's body, if one was recorded.
async fn body_of(server: &Server, id: &str) -> Option<String> {
    let path = server.path(&format!("deliveries/{id}"));
    let shown = server.get::<api::Delivery>(&path).await;
    Some(shown.body.as_ref()?.text.clone())
}

/// Sends a delivery again: the ids of its tasks.
async fn sent_again(server: &Server, id: &str, body: Value) -> Vec<String> {
    let (status, sent) = redeliver(server, id, body).await;
    assert_eq!(status, 201, "{sent}");
    let sent: Redelivered = typed(&sent);
    assert_eq!(sent.delivery, id);
    sent.tasks
}

fn verdicts(deliveries: &[Answer<api::Delivery>]) -> Vec<&str> {
    deliveries.iter().map(|one| one.verdict.as_str()).collect()
}

#[tokio::test]
async fn every_verdict_is_listed_with_its_reason() {
    let server = public_server().await;
    let stripe = add(&server, "Stripe", settings("stripe", SECRET)).await;
    let good = senders::stripe(SECRET, seconds(0), "", BODY);
    let (_, first) = good.answer(&server, url_of(&stripe)).await;
    let first = typed::<Accepted>(&first).task;
    let (_, repeat) = good.answer(&server, url_of(&stripe)).await;
    assert!(typed::<Accepted>(&repeat).duplicate);
    let forged = senders::stripe(OTHER, seconds(0), "", BODY);
    assert_eq!(forged.answer(&server, url_of(&stripe)).await.0, 401);
    let broken = senders::stripe(SECRET, seconds(0), "", "{\"a\": }");
    assert_eq!(broken.answer(&server, url_of(&stripe)).await.0, 400);
    let put = Delivery {
        method: Method::PATCH,
        ..good.clone()
    };
    assert_eq!(put.answer(&server, url_of(&stripe)).await.0, 405);

    let all = list(&server, "webhook=Stripe").await;
    assert_eq!(
        verdicts(&all),
        ["refused", "refused", "refused", "duplicate", "accepted"]
    );
    let refused = ["method-not-allowed", "bad-json", "signature-mismatch"];
    for (one, code) in all.iter().zip(refused) {
        assert_eq!(one.code.as_deref(), Some(code));
    }
    assert_eq!(all[2].status, Some(401));
    for (at, part) in [(2, "stripe-signature"), (1, "line 1, column 7")] {
        let detail = all[at].detail.as_deref();
        assert!(
            detail.is_some_and(|text| text.contains(part)),
            "{}",
            all[at]
        );
    }
    for one in &all[3..] {
        assert_eq!(one.task.as_ref(), Some(&first));
    }
    assert_eq!(all[4].id, first);
    for one in &all {
        assert_eq!(
            (one.webhook.as_str(), one.ip.as_str()),
            ("Stripe", "127.0.0.1")
        );
        assert_eq!(one.webhook_id, stripe.id);
        assert!(one.body.is_none());
        let text = one.to_string();
        assert!(!text.contains("t=") && !text.contains(SECRET), "{text}");
    }
    assert_eq!(all[2].headers["stripe-signature"], "***");
    // What was refused can be read again, byte for byte; what was read of none is not there.
    for (at, body) in [(2, Some(BODY)), (1, Some("{\"a\": }")), (0, None)] {
        assert_eq!(body_of(&server, &all[at].id).await.as_deref(), body);
    }
    let data = body_of(&server, &all[4].id).await.unwrap();
    let data: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(data, serde_json::from_str::<Value>(BODY).unwrap());

    // Another tenant sees nothing of it, and a URL that is no webhook's belongs to no tenant.
    let stranger = format!("{}/event/{}", server.url, "0".repeat(33));
    let plain = Delivery::post("{}", &[]);
    assert_eq!(plain.answer(&server, &stranger).await.0, 404);
    let mut server = server;
    server.enter("acme").await;
    assert!(list(&server, "").await.is_empty());
    let path = server.path(&format!("deliveries/{}", all[2].id));
    let (status, problem) = server.api(Method::GET, &path, None).await;
    assert_eq!(
        (status.as_u16(), refusal(&problem).code.as_str()),
        (404, "not-found")
    );
}

#[tokio::test]
async fn questions_and_changes_of_open_tasks_are_listed() {
    let server = public_server().await;
    let meta = json!({"provider": "meta", "secret": SECRET, "verify_token": "v3rify"});
    let meta = add(&server, "Meta", meta).await;
    let asks = Delivery::get("?hub.mode=subscribe&hub.verify_token=v3rify&hub.challenge=42");
    assert_eq!(asks.answer(&server, url_of(&meta)).await.1, json!(42));
    let wrong = Delivery::get("?hub.mode=subscribe&hub.verify_token=other&hub.challenge=42");
    assert_eq!(wrong.answer(&server, url_of(&meta)).await.0, 403);
    let all = list(&server, "webhook=Meta").await;
    assert_eq!(verdicts(&all), ["refused", "challenged"]);
    assert_eq!(all[0].code.as_deref(), Some("challenge-refused"));
    let query = all[1].query.as_deref().unwrap();
    assert!(!query.contains("v3rify"), "{}", all[1]);

    server
        .script(
            "parks",
            "export const condition = {p: true};
        export const content = async () => { task.park(3_600_000); };",
        )
        .await;
    let orders = add(&server, "Orders", json!({"correlate": "/task"})).await;
    let parked = Delivery::post("{\"p\": true}", &[])
        .answer(&server, url_of(&orders))
        .await
        .1;
    let id = &typed::<Accepted>(&parked).task;
    server.wait(id, "waiting").await;
    let change = Delivery::post(&json!({"task": id, "p": false}).to_string(), &[]);
    let (_, merged) = change.answer(&server, url_of(&orders)).await;
    assert_eq!(typed::<Accepted>(&merged).task, *id);
    let all = list(&server, "webhook=Orders").await;
    assert_eq!(verdicts(&all), ["merged", "accepted"]);
    assert_eq!(all[0].task.as_ref(), Some(id));
    assert_ne!(all[0].id, *id);
}

/// After a crash accepted deliveries are there, as their tasks are; the others once they are in the file, which takes
/// about a second.
#[tokio::test]
async fn deliveries_survive_a_crash() {
    only_on_sled!("it looks into the store's files");
    let mut server = Server::start().await;
    let url = server.webhook("Form").await;
    server.send(&url, "application/json", "no").await;
    // The list writes what is pending.
    assert_eq!(list(&server, "").await.len(), 1);
    let file = server.data_dir().join("store/deliveries/default/current");
    let length = || std::fs::metadata(&file).unwrap().len();
    let before = length();
    server.send(&url, "application/json", "no").await;
    let until = Instant::now() + PATIENCE;
    while length() == before {
        assert!(Instant::now() < until, "the delivery is not written");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let task = server.post(&url, &json!({"n": 1})).await;
    server.restart().await;
    let all = list(&server, "").await;
    assert_eq!(verdicts(&all), ["accepted", "refused", "refused"]);
    assert_eq!(all[0].id, task);
    server.send(&url, "application/json", "no").await;
    server.stop();
    server.launch().await;
    assert_eq!(list(&server, "verdict=refused").await.len(), 3);
}

#[tokio::test]
async fn deliveries_are_filtered_and_paged() {
    let server = Server::start().await;
    let form = server.webhook("Form").await;
    let other = server.webhook("Other").await;
    for n in 0..6 {
        server.post(&form, &json!({"n": n})).await;
        server
            .send(&form, "application/json", format!("{{\"n\": {n}"))
            .await;
        server.send(&other, "multipart/form-data", "no").await;
    }
    let whole = list(&server, "limit=100").await;
    assert_eq!(whole.len(), 18);
    for (query, count) in [
        ("webhook=Form", 12),
        ("webhook=Form&verdict=refused", 6),
        ("verdict=accepted,refused", 18),
        ("verdict=duplicate", 0),
        ("since=2020-01-01T00:00:00Z", 18),
        ("since=2100-01-01T00:00:00Z", 0),
        ("where=%7B%22code%22%3A%22bad-json%22%7D", 6),
        ("where=%7B%22body%22%3A%7B%22n%22%3A3%7D%7D", 1),
        (
            "where=%7B%22headers%22%3A%7B%22content-type%22%3A%22multipart%2Fform-data%22%7D%7D",
            6,
        ),
    ] {
        let found = list(&server, &format!("{query}&limit=100")).await;
        assert_eq!(found.len(), count, "{query}");
    }
    // Pages have all of them, each once and in order.
    assert_eq!(all(&server, "limit=4").await, whole);
    for (query, part) in [
        ("limit=0", "1 to 100"),
        ("limit=101", "1 to 100"),
        (
            "verdict=lost",
            "accepted, merged, duplicate, challenged, refused",
        ),
        ("since=yesterday", "RFC 3339"),
        ("where=no", "not JSON"),
        ("webhooks=Form", "webhooks"),
    ] {
        let path = server.path(&format!("deliveries?{query}"));
        let (status, problem) = server.api(Method::GET, &path, None).await;
        assert_eq!(status, 400, "{query}");
        assert!(refusal(&problem).detail.contains(part), "{problem}");
    }
    let path = server.path("deliveries?webhook=None");
    assert_eq!(server.api(Method::GET, &path, None).await.0, 404);
}

#[tokio::test]
async fn a_refused_delivery_is_sent_again_without_its_signature() {
    let server = public_server().await;
    let github = json!({"provider": "github", "secret": SECRET});
    let github = add(&server, "GitHub", github).await;
    let forged = senders::github(OTHER, 0, "d1", "{\"ref\": \"main\", \"n\": 1.50}")
        .with("x-github-event", Some("push"));
    for _ in 0..2 {
        assert_eq!(forged.answer(&server, url_of(&github)).await.0, 401);
    }
    let refused = list(&server, "verdict=refused").await;
    let id = &refused[0].id;
    for _ in 0..2 {
        // Both make a task: a delivery that is sent again is no repeat.
        let tasks = sent_again(&server, id, json!({})).await;
        let task = server.wait(&tasks[0], "unmatched").await;
        let data = &task.data;
        assert_eq!(data["n"].to_string(), "1.50");
        let via = &data["$via"];
        assert_eq!(via["redeliveryOf"], *id);
        assert_eq!(via["headers"]["x-github-event"], "push");
        assert_eq!(via.get("verified"), None);
    }
    let tasks = sent_again(&server, id, json!({"body": "{\"n\": 2}"})).await;
    let task = server.wait(&tasks[0], "unmatched").await;
    assert_eq!(task.data["n"], 2);
    let (status, problem) = redeliver(&server, id, json!({"body": "{"})).await;
    assert_eq!((status, refusal(&problem).code.as_str()), (400, "bad-json"));
    assert_eq!(list(&server, "verdict=accepted").await.len(), 3);
}

#[tokio::test]
async fn an_accepted_delivery_is_sent_again_as_it_came() {
    let server = Server::start().await;
    server
        .script(
            "counts",
            "export const condition = {n: 1};
        export const content = async () => { data.n = 2; data.seen = true; };",
        )
        .await;
    let url = server.webhook("Form").await;
    let (_, answer) = server
        .send(
            &url,
            "application/x-www-form-urlencoded",
            "n=1&to[name]=Ada",
        )
        .await;
    let accepted: Accepted = typed(&answer);
    let unmatched = server.wait(&accepted.task, "unmatched").await;
    assert_eq!(unmatched.data["to"], json!({"name": "Ada"}));
    let task = server.post(&url, &json!({"n": 1})).await;
    server.wait(&task, "done").await;
    let tasks = sent_again(&server, &task, json!({})).await;
    let again = server.wait(&tasks[0], "done").await;
    assert_eq!(
        (&again.data["n"], &again.data["seen"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(again.data["$via"]["redeliveryOf"], task);
    let edited = json!({"body": "{\"n\": 5}"});
    let tasks = sent_again(&server, &task, edited).await;
    let edited = server.wait(&tasks[0], "unmatched").await;
    assert_eq!(edited.data["n"], 5);
    let (status, problem) = redeliver(&server, &task.replace('0', "1"), json!({})).await;
    assert_eq!(
        (status, refusal(&problem).code.as_str()),
        (404, "not-found")
    );
    // A copy of the task is no delivery.
    server.act(&task, "clone", None).await;
    assert_eq!(list(&server, "").await.len(), 4);
}

#[tokio::test]
async fn what_was_not_recorded_cannot_be_sent_again() {
    let server = Server::with(&["--body-bytes", "200000"]).await;
    let url = server.webhook("Form").await;
    let large = format!("\"{}", "x".repeat(100_000));
    server.send(&url, "application/json", large).await;
    let too_large = format!("\"{}", "x".repeat(300_000));
    server.send(&url, "application/json", too_large).await;
    let refused = list(&server, "").await;
    assert_eq!(refused[0].code.as_deref(), Some("body-too-large"));
    for (at, part) in [(0, "give one as `body`"), (1, "100001 bytes")] {
        let (status, problem) = redeliver(&server, &refused[at].id, json!({})).await;
        assert_eq!((status, refusal(&problem).code.as_str()), (409, "no-body"));
        assert!(refusal(&problem).detail.contains(part), "{problem}");
        let (status, _) = redeliver(&server, &refused[at].id, json!({"body": "{}"})).await;
        assert_eq!(status, 201);
    }
}

/// A flood of refusals is counted, and does not drive out another webhook's.
#[tokio::test]
async fn a_flood_is_bounded() {
    let server = Server::start().await;
    let quiet = server.webhook("Quiet").await;
    let loud = server.webhook("Loud").await;
    server.send(&quiet, "application/json", "no").await;
    let begun = Instant::now();
    for _ in 0..300 {
        server.send(&loud, "application/json", "no").await;
    }
    let recorded = all(&server, "webhook=Loud").await;
    // Fifty at once, and then one a second.
    let most = 51 + begun.elapsed().as_secs() as usize;
    assert!((50..=most).contains(&recorded.len()), "{}", recorded.len());
    assert_eq!(list(&server, "webhook=Quiet").await.len(), 1);
    // The next one that is recorded tells how many were left out before it.
    let until = Instant::now() + PATIENCE;
    for sent in 301.. {
        server.send(&loud, "application/json", "no").await;
        let recorded = all(&server, "webhook=Loud").await;
        let omitted = recorded.iter().map(|one| one.omitted);
        if omitted.sum::<u64>() + recorded.len() as u64 == sent {
            break;
        }
        assert!(Instant::now() < until, "{} are recorded", recorded.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Bodies are not recorded if the webhook says so, or if they hold the secret itself.
#[tokio::test]
async fn bodies_are_left_out_by_choice() {
    let server = Server::start().await;
    let quiet = add(&server, "Quiet", json!({"record_bodies": false})).await;
    let graph = json!({"provider": "microsoft-graph", "secret": SECRET});
    let graph = add(&server, "Graph", graph).await;
    let body = format!("{{\"value\": [{{\"clientState\": \"{SECRET}\"}}]");
    for webhook in [&quiet, &graph] {
        Delivery::post(&body, &[])
            .answer(&server, url_of(webhook))
            .await;
    }
    let refused = list(&server, "verdict=refused").await;
    assert_eq!(refused.len(), 2);
    for one in &refused {
        assert_eq!(body_of(&server, &one.id).await, None);
    }
    let record = ["webhook", "update", "Quiet", "--record-bodies", "true"];
    assert!(server.cli_json::<api::Webhook>(&record).record_bodies);
    Delivery::post(&body, &[])
        .answer(&server, url_of(&quiet))
        .await;
    let newest = &list(&server, "limit=1").await[0];
    assert_eq!(body_of(&server, &newest.id).await, Some(body));
    let off = "workspaces:\n- name: default\n  webhooks: [{name: Quiet, recordBodies: false}]\n";
    let project = Project::new(off);
    let run = || marks(&project.deploy(&server, &[]))[1].clone();
    assert_eq!(
        (run(), run()),
        ("~ webhook Quiet".into(), "= webhook Quiet".into())
    );
}

#[tokio::test]
async fn deliveries_go_with_their_workspace() {
    only_on_sled!("it looks into the store's files");
    let mut server = Server::start().await;
    server.enter("acme").await;
    let url = server.webhook("Form").await;
    server
        .send(&url, "application/json", "marked-by-the-test")
        .await;
    assert_eq!(list(&server, "").await.len(), 1);
    let recorded = server.data_dir().join("store/deliveries/acme/current");
    assert!(recorded.exists());
    assert!(
        server
            .cli(&["workspace", "delete", "acme", "--yes"])
            .status
            .success()
    );
    for _ in 0..600 {
        if !recorded.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{} is there", recorded.display());
}

#[tokio::test]
async fn the_command_line_lists_shows_and_sends_again() {
    let server = Server::start().await;
    let url = server.webhook("Form").await;
    for body in ["{\"n\": 1", "{\"n\": 2"] {
        server.send(&url, "application/json", body).await;
    }
    let text = |args: &[&str]| {
        let ran = server.cli(args);
        let out = String::from_utf8(ran.stdout).unwrap();
        (
            ran.status.code().unwrap(),
            out,
            String::from_utf8(ran.stderr).unwrap(),
        )
    };
    let (code, table, _) = text(&["delivery", "list", "--webhook", "Form", "--since", "1h"]);
    assert!(
        code == 0 && table.contains("bad-json: the body is not JSON"),
        "{table}"
    );
    let page: api::DeliveryPage = server.cli_json(&["delivery", "list", "--verdict", "refused"]);
    let id = page.deliveries[0].id.clone();
    let (_, sheet, _) = text(&["delivery", "show", &id]);
    assert!(
        sheet.contains("bad-json") && sheet.ends_with("{\"n\": 2\n"),
        "{sheet}"
    );
    let (code, _, said) = text(&["delivery", "redeliver", &id]);
    assert!(code == 1 && said.contains("not JSON"), "{said}");
    let (code, out, _) = text(&["delivery", "redeliver", &id, "--body", "{\"n\": 3}"]);
    assert!(code == 0 && out.contains("again: task "), "{out}");

    let editor = server.data_dir().join("editor");
    std::fs::write(&editor, "printf '}' >> \"$1\"").unwrap();
    let edit = ["delivery", "redeliver", &id, "--edit", "--json"];
    let editor = format!("sh {}", editor.display());
    let ran = Ran::of(command(&server, &edit).env("VISUAL", &editor));
    let Redeliveries { redelivered }: Redeliveries = ran.read();
    let task = &redelivered[0].tasks[0];
    assert_eq!(server.wait(task, "unmatched").await.data["n"], 2);
    let ran = Ran::of(command(&server, &edit).env("VISUAL", "false"));
    assert!(
        ran.code == Some(2) && ran.stderr.contains("nothing was sent"),
        "{ran:?}"
    );

    // By filter: first said, then done.
    let filter = [
        "delivery",
        "redeliver",
        "--where",
        "{\"code\": \"bad-json\"}",
        "--body",
        "{\"n\": 4}",
    ];
    let before = server.tasks("").await.len();
    let (code, out, said) = text(&filter);
    assert!(
        code == 2 && said.contains("--yes") && out.contains(&id),
        "{out}{said}"
    );
    assert_eq!(server.tasks("").await.len(), before);
    let (code, out, said) = text(&[&filter[..], &["--yes"]].concat());
    assert!(code == 0 && out.lines().count() == 2, "{out}{said}");
    assert_eq!(server.tasks("").await.len(), before + 2);
    assert_eq!(text(&["delivery", "redeliver"]).0, 2);
    let missing = ["delivery", "show", "00000000-0000-7000-8000-000000000000"];
    assert_eq!(text(&missing).0, 3);
}
