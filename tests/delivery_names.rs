//! Deliveries of webhooks that were renamed.
#![allow(clippy::unwrap_used, reason = "a test")]

use reqwest::Method;
use serde_json::json;
use stepwell_api::{Delivery, DeliveryPage, Webhook};

use crate::support::deliveries::{all, list};
use crate::support::{Answer, Server};

#[tokio::test]
async fn a_renamed_webhook_is_found_by_its_names_with_the_deliveries_of_all() {
    let mut server = Server::start().await;
    let url = server.webhook("Form").await;
    let of = |deliveries: &[Answer<Delivery>]| {
        let of = deliveries
            .iter()
            .map(|one| format!("{} {}", one.webhook, one.verdict));
        of.collect::<Vec<_>>()
    };
    server.post(&url, &json!({"n": 1})).await;
    server.send(&url, "application/json", "{").await;
    assert!(
        server
            .cli(&["webhook", "rename", "Form", "Contact"])
            .status
            .success()
    );
    server.post(&url, &json!({"n": 2})).await;
    server.send(&url, "application/json", "{").await;
    // Another one has the name now and then, and deliveries of its own.
    let other = server.webhook("Other").await;
    server.post(&other, &json!({})).await;
    let all_of_it = [
        "Contact refused",
        "Contact accepted",
        "Form refused",
        "Form accepted",
    ];
    for name in ["Contact", "Form"] {
        let query = format!("webhook={name}");
        assert_eq!(of(&list(&server, &query).await), all_of_it, "{name}");
        assert_eq!(
            of(&all(&server, &format!("{query}&limit=1")).await),
            all_of_it,
            "{name}"
        );
        let listed: DeliveryPage = server.cli_json(&["delivery", "list", "--webhook", name]);
        assert_eq!(listed.deliveries.len(), 4, "{name}");
    }
    let again = server.webhook("Form").await;
    server.post(&again, &json!({"n": 3})).await;
    server.restart().await;
    assert_eq!(of(&list(&server, "webhook=Form").await), ["Form accepted"]);
    assert_eq!(of(&list(&server, "webhook=Contact").await), all_of_it);
    // Two had it, and none has it.
    assert!(
        server
            .cli(&["webhook", "rename", "Form", "Third"])
            .status
            .success()
    );
    let both = list(&server, "webhook=Form").await;
    assert_eq!(
        of(&both),
        ["Form accepted", "Form refused", "Form accepted"],
        "what came under that name"
    );
    let shown = server
        .get::<Webhook>(&server.path("webhooks/Contact"))
        .await;
    assert_eq!(shown.former_names, ["Form"]);
    let sheet = server.cli(&["webhook", "show", "Contact"]);
    assert!(
        String::from_utf8(sheet.stdout)
            .unwrap()
            .contains("formerly   Form")
    );
    let path = server.path("deliveries?webhook=Nobody");
    let (status, _) = server.api(Method::GET, &path, None).await;
    assert_eq!(status, 404);
}
