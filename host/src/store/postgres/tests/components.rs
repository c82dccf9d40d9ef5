//! A text that several components have is in the database once, and whole in each where a server runs that knows of no parts.

use super::server::PostgresServer;
use super::takeover::node;
use super::*;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::{digest, package, step, workspace};
use crate::store::{Manage, StoreError};

/// Whole components, components in parts, texts and their bytes, and which text is in which.
const COUNTS: &str = "select (select count(*) from components)::text || ' ' \
    || (select count(*) from component_parts)::text || ' ' || (select count(*) from component_texts)::text || ' ' \
    || (select coalesce(sum(length(content)), 0) from component_texts)::text || ' ' \
    || (select count(*) from component_uses)::text";

async fn counts(session: &Session) -> String {
    session.query(COUNTS, &[]).await.unwrap()[0].get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_is_in_the_database_once_if_all_servers_know_of_parts() {
    let server = PostgresServer::start();
    let store = node(&server, std::time::Duration::from_secs(60)).await;
    let session = Session::open(&store.shared.settings).await.unwrap();
    let library = "x".repeat(95_000);
    let scripts = ["one", "two"].map(|name| (name, package(name, &library)));
    let put = async |of: &[(&str, Arc<[u8]>)]| {
        for (name, bytes) in of {
            let change = Manage::PutStep(workspace("acme"), step(name, bytes), bytes.clone());
            store.manage_now(change).await.unwrap();
        }
    };
    let delete = async |name: &str| {
        let change = Manage::DeleteStep(workspace("acme"), step(name, b"").name);
        store.manage_now(change).await.unwrap();
    };
    put(&scripts).await;
    assert_eq!(counts(&session).await, "0 2 1 95010 2");
    delete("one").await;
    assert_eq!(counts(&session).await, "0 1 1 95010 1");
    delete("two").await;
    assert_eq!(counts(&session).await, "0 0 0 0 0");

    // While one runs that does not, it finds them whole.
    session
        .run("insert into nodes (version, lease_until) values ('0', clock_timestamp() + interval '1 day')")
        .await
        .unwrap();
    put(&scripts[..1]).await;
    // It may come back as long as its row is there.
    for change in [
        "update nodes set lease_until = clock_timestamp() - interval '1 hour' where version = '0'",
        "delete from nodes where version = '0'",
    ] {
        session.run(change).await.unwrap();
        put(&scripts).await;
        let expected = match change.contains("lease") {
            true => "2 0 0 0 0",
            false => "1 1 1 95010 1",
        };
        assert_eq!(counts(&session).await, expected, "{change}");
        delete("two").await;
    }
    assert_eq!(counts(&session).await, "1 0 0 0 0");
    put(&scripts).await;
    assert_eq!(counts(&session).await, "1 1 1 95010 1");
    for (_, bytes) in &scripts {
        let found = store.component(&digest(bytes)).await.unwrap();
        assert_eq!(found.as_ref(), Some(bytes));
    }
    let [whole, parts] = scripts.map(|(_, bytes)| digest(&bytes));
    for harm in [
        "update component_texts set content = content || 'x'",
        "delete from component_texts",
    ] {
        session.run(harm).await.unwrap();
        assert!(store.component(&whole).await.unwrap().is_some());
        let found = store.component(&parts).await;
        assert!(
            matches!(found, Err(StoreError::Damaged(_))),
            "{harm}: {found:?}"
        );
    }
    store.close().await;
}
