//! Checks of tokens.

use super::*;
use crate::domain::config_digest::token_digest;
use crate::domain::principal::{Principal, Scope};
use crate::domain::token::TokenError;

fn new(workspace: Option<&str>, name: &str, seconds: Option<u64>) -> NewToken {
    NewToken {
        workspace: workspace.map(|name| name.parse().unwrap()),
        name: name.parse().unwrap(),
        scopes: vec![Scope::Read],
        expires_in_seconds: seconds,
    }
}

/// A catalog with a clock of its own.
async fn with_clock(store: &Arc<dyn Store>) -> (Arc<Catalog>, Arc<SimulatedClock>) {
    let clock = Arc::new(SimulatedClock::at(1_000));
    let catalog = open_with(store, 'a', clock.clone()).await;
    (catalog.unwrap(), clock)
}

#[tokio::test]
async fn a_token_is_known_by_its_text_until_it_ends() {
    let (catalog, clock) = with_clock(&store()).await;
    let admin = Principal::admin();
    let add = |new| catalog.add_token(new, &admin);
    let (_, ours) = add(new(Some("default"), "ci", Some(10))).await.unwrap();
    let (_, server) = add(new(None, "ci", None)).await.unwrap();
    let who = async |text: &str| {
        let found = catalog.principal(&token_digest(text.as_bytes())).await;
        found.unwrap()
    };
    let found = who(&ours).await.unwrap();
    assert_eq!(found.workspace.as_ref().unwrap().as_str(), "default");
    assert!(who(&server).await.unwrap().workspace.is_none());
    assert!(who(&ours[1..]).await.is_none());
    clock.advance(9_999);
    assert!(who(&ours).await.is_some());
    clock.advance(1);
    assert!(who(&ours).await.is_none(), "it has expired");
    catalog.revoke_token(None, "ci").await.unwrap();
    assert!(who(&server).await.is_none(), "it was revoked");
    let again = catalog.revoke_token(None, "ci").await;
    assert!(matches!(again, Err(CatalogError::NotFound { .. })));
}

#[tokio::test]
async fn what_may_not_be_is_refused() {
    let (catalog, _) = with_clock(&store()).await;
    let admin = Principal::admin();
    let passing = Principal {
        expires: Some(catalog.clock.now() + 60_000),
        ..admin.clone()
    };
    let none = NewToken {
        scopes: Vec::new(),
        ..new(None, "a", None)
    };
    for (new, by, wanted) in [
        (new(None, "admin", None), &admin, TokenError::Reserved),
        (none, &admin, TokenError::NoScope),
        (new(None, "a", Some(0)), &admin, TokenError::Expiry),
        (new(None, "a", Some(u64::MAX)), &admin, TokenError::Expiry),
        (new(None, "a", Some(61)), &passing, TokenError::Outlives(60)),
        (new(None, "a", None), &passing, TokenError::Outlives(60)),
    ] {
        let refused = catalog.add_token(new, by).await.unwrap_err();
        assert!(
            matches!(&refused, CatalogError::Token(error) if *error == wanted),
            "{refused}"
        );
    }
    catalog
        .add_token(new(None, "a", Some(60)), &passing)
        .await
        .unwrap();
    let taken = catalog.add_token(new(None, "a", None), &admin).await;
    assert!(matches!(taken, Err(CatalogError::Exists { .. })));
}

#[tokio::test]
async fn last_uses_are_written_once_and_taken_in_by_others() {
    let store = store();
    let (catalog, _) = with_clock(&store).await;
    let default = "default".parse().unwrap();
    let mut texts = Vec::new();
    for of in [Some("default"), None] {
        let added = catalog
            .add_token(new(of, "ci", None), &Principal::admin())
            .await;
        texts.push(added.unwrap().1);
    }
    let other = with_clock(&store).await.0;
    for text in &texts {
        let digest = token_digest(text.as_bytes());
        assert!(other.principal(&digest).await.unwrap().is_some());
    }
    let revision = async || store.registry_since(0).await.unwrap().revision;
    let before = revision().await;
    for _ in 0..2 {
        other.write_token_uses().await.unwrap();
        assert_eq!(revision().await, before + 1, "one write, and no second one");
    }
    catalog.refresh().await.unwrap();
    for of in [Some(&default), None] {
        let live = catalog.token(of, "ci").unwrap();
        assert_eq!(live.used(), Some(catalog.clock.now()));
    }
    // What one server revokes, another one does not take any more.
    catalog.revoke_token(Some(&default), "ci").await.unwrap();
    other.refresh().await.unwrap();
    let digest = token_digest(texts[0].as_bytes());
    assert!(other.principal(&digest).await.unwrap().is_none());
}
