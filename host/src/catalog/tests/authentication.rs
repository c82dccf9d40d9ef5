use stepwell_signature::{Request, verify};
use zeroize::Zeroizing;

use super::*;

fn secret(text: &str, others: OtherSecrets) -> NewSecret {
    NewSecret {
        text: Zeroizing::new(text.to_owned()),
        others,
    }
}

/// Whether the webhook `W` takes a bearer token at a time.
fn takes(catalog: &Catalog, token: &str, now: u64) -> bool {
    let webhook = catalog.webhook(&default(), "W").unwrap();
    let verifier = webhook.verifier.as_ref().unwrap();
    let value = format!("Bearer {token}");
    let request = Request {
        method: "POST",
        url: "https://hooks.example.com/",
        headers: &[("authorization", value.as_bytes())],
        body: b"",
    };
    verify(&verifier.scheme, verifier.secrets(now), &request, 0).is_ok()
}

#[tokio::test]
async fn all_times_share_the_secrets_that_are_valid_then() {
    let store = store();
    let catalog = open(&store, 'a').await.unwrap();
    let change = AuthenticationChange {
        provider: Some("bearer".to_owned()),
        secret: Some(secret("one", OtherSecrets::Stay)),
        ..AuthenticationChange::default()
    };
    let added = catalog
        .new_webhook(&default(), name("W"), WebhookRules::default(), change)
        .await;
    let id = added.unwrap().id.clone();
    for (text, seconds) in [("two", 60), ("three", 40), ("four", 20)] {
        let new = secret(text, OtherSecrets::Expire(seconds));
        catalog.add_secret(&default(), &id, new).await.unwrap();
    }
    let webhook = catalog.webhook(&default(), "W").unwrap();
    let verifier = webhook.verifier.as_ref().unwrap();
    let newest = |now| std::ptr::from_ref(verifier.secrets(now).first().unwrap());
    assert_eq!(newest(1_000), newest(30_000));
    assert_eq!(newest(1_000), newest(u64::MAX));
}

#[tokio::test]
async fn a_secret_is_valid_until_it_expires_and_not_a_millisecond_longer() {
    let store = store();
    // Its clock stands at 1,000.
    let catalog = open(&store, 'a').await.unwrap();
    let change = AuthenticationChange {
        provider: Some("bearer".to_owned()),
        secret: Some(secret("one", OtherSecrets::Stay)),
        ..AuthenticationChange::default()
    };
    let added = catalog
        .new_webhook(&default(), name("W"), WebhookRules::default(), change)
        .await;
    let id = added.unwrap().id.clone();
    let other = open(&store, 'a').await.unwrap();
    for (text, seconds) in [("two", 60), ("three", 20)] {
        let new = secret(text, OtherSecrets::Expire(seconds));
        catalog.add_secret(&default(), &id, new).await.unwrap();
    }
    other.refresh().await.unwrap();
    let again = open(&store, 'a').await.unwrap();
    for catalog in [&catalog, &other, &again] {
        for (token, now, taken) in [
            ("one", 20_999, true),
            ("one", 21_000, false),
            ("two", 20_999, true),
            // The shorter overlap counts.
            ("two", 21_000, false),
            ("three", 20_999, true),
            ("three", u64::MAX, true),
            ("four", 1_000, false),
        ] {
            assert_eq!(takes(catalog, token, now), taken, "{token} at {now}");
        }
    }
    // They open under no other key.
    assert!(matches!(
        open(&store, 'b').await,
        Err(CatalogError::Vault(_))
    ));
}
