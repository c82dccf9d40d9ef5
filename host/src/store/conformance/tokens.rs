//! Checks of tokens.

use super::owned::Owned;
use super::samples::workspace;
use super::subject::Shaken;
use crate::domain::limits;
use crate::domain::principal::Scope;
use crate::domain::token::Token;
use crate::domain::workspace::WorkspaceSettings;
use crate::store::{Manage, StoreError};

fn token(of: Option<&str>, id: &str, name: &str) -> Token {
    Token {
        id: id.into(),
        name: name.parse().unwrap(),
        workspace: of.map(workspace),
        scopes: vec![Scope::Read, Scope::Admin],
        digest: [id.len() as u8; 32],
        added: 5,
        added_by: "admin".into(),
        expires: Some(9),
        used: None,
    }
}

pub(super) async fn tokens_are_of_a_workspace_or_of_the_server(mut store: Shaken<'_>) {
    let (a, b) = (workspace("a"), workspace("a-b"));
    for name in [&a, &b] {
        let new = Manage::NewWorkspace(name.clone(), WorkspaceSettings::default());
        store.get().await.manage_now(new).await.unwrap();
    }
    let before = store.get().await.registry().await.unwrap();
    assert_eq!(before.server_tokens, Some(Vec::new()));
    let (ours, theirs) = (token(Some("a"), "1", "ci"), token(Some("a-b"), "1", "ci"));
    let server = token(None, "1", "ci");
    for token in [&ours, &theirs, &server] {
        let put = Manage::PutToken(token.clone());
        store.get().await.manage_now(put).await.unwrap();
    }
    let there = store.get().await.registry().await.unwrap();
    assert_eq!(there.tokens, [ours.clone(), theirs.clone()]);
    assert_eq!(there.server_tokens, Some(vec![server.clone()]));
    // Another one's name is taken, and only there.
    for taken in [token(Some("a"), "2", "ci"), token(None, "2", "ci")] {
        let taken = store.get().await.manage_now(Manage::PutToken(taken)).await;
        assert!(matches!(taken, Err(StoreError::Taken { .. })), "{taken:?}");
    }
    // Nothing of the server was changed since, and of workspaces one.
    let put = Manage::PutToken(token(Some("a-b"), "22", "other"));
    store.get().await.manage_now(put).await.unwrap();
    let since = store.get().await.registry_since(there.revision).await;
    let since = since.unwrap();
    assert_eq!(
        (since.server_tokens, since.changed),
        (None, vec![b.clone()])
    );
    assert_eq!(since.tokens.len(), 2);
    // A last use only grows.
    let used = |at| {
        Manage::UseTokens(vec![
            (Some(a.clone()), "1".into(), at),
            (None, "1".into(), at + 1),
            (None, "never there".into(), at),
        ])
    };
    for at in [70, 300, 200] {
        store.get().await.manage_now(used(at)).await.unwrap();
    }
    let there = store.get().await.registry().await.unwrap();
    assert_eq!(there.tokens[0].used, Some(300));
    assert_eq!(there.tokens[1].used, None);
    assert_eq!(there.server_tokens.unwrap()[0].used, Some(301));
    // What is revoked is gone, also with its workspace, and a new one of that name has none.
    let gone = Manage::DeleteToken(None, "1".into());
    store.get().await.manage_now(gone).await.unwrap();
    let delete = Manage::DeleteWorkspace(b.clone());
    store.get().await.manage_now(delete).await.unwrap();
    let there = store.get().await.registry().await.unwrap();
    assert_eq!(
        (there.tokens.len(), there.server_tokens),
        (1, Some(Vec::new()))
    );
    let late = Manage::UseTokens(vec![(Some(b.clone()), "1".into(), 7)]);
    store.get().await.manage_now(late).await.unwrap();
    // One store does it to its end: each call goes on where the last one stopped.
    let current = store.get().await;
    while !current.purge(0).await.unwrap().is_done {}
    let new = Manage::NewWorkspace(b, WorkspaceSettings::default());
    store.get().await.manage_now(new).await.unwrap();
    let there = store.get().await.registry().await.unwrap();
    assert_eq!((there.workspaces.len(), there.tokens.len()), (2, 1));
}

pub(super) async fn tokens_are_bounded(store: Shaken<'_>) {
    let store = store.store;
    let put =
        |number: usize| Manage::PutToken(token(None, &format!("{number}"), &format!("n{number}")));
    for number in 0..limits::TOKENS {
        store.manage_now(put(number)).await.unwrap();
    }
    let more = store.manage_now(put(limits::TOKENS)).await;
    assert!(matches!(more, Err(StoreError::TooMany { .. })), "{more:?}");
    store.manage_now(put(0)).await.unwrap();
}
