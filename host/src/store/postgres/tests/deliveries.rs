//! Recorded deliveries: what is read of them, and what is kept.

use super::Session;
use super::server::PostgresServer;
use super::takeover::node;
use crate::domain::delivery::{Delivery, DeliveryBody, DeliveryQuery};
use crate::domain::ids::TaskId;
use crate::domain::limits;
use crate::store::conformance::owned::Owned as _;
use crate::store::conformance::samples::{delivery, workspace};
use crate::store::{Manage, Store, StoreError};

const PIECE: usize = 512 * 1024;

/// Each with a body that does not get smaller in the database, of its own webhook.
fn large(at: u64) -> Delivery {
    let mut body = vec![0; PIECE];
    rand::fill(&mut body[..]);
    Delivery {
        body: DeliveryBody::Kept(body),
        ..delivery(at, &format!("w{at}"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_has_a_bounded_number_of_bytes_of_them_and_a_page_is_read_alone() {
    let server = PostgresServer::start();
    let store = node(&server, std::time::Duration::from_secs(60)).await;
    let (a, b) = (workspace("a"), workspace("b"));
    for workspace in [&a, &b] {
        let add = Manage::AddWorkspace(workspace.clone());
        store.manage_now(add).await.unwrap();
    }
    let others = large(1);
    let recorded = store.record_deliveries(&b, u64::MAX, vec![others.clone()]);
    recorded.await.unwrap();
    let most = limits::DELIVERIES_STORED as usize / PIECE;
    let all: Vec<Delivery> = (0..2 * most as u64).map(large).collect();
    for some in all.chunks(4) {
        let recorded = store.record_deliveries(&a, u64::MAX, some.to_vec());
        recorded.await.unwrap();
    }
    let any = DeliveryQuery::default();
    let ids = |found: Vec<Delivery>| found.iter().map(|it| it.id).collect::<Vec<TaskId>>();
    let kept = ids(store.recorded_deliveries(&a, &any).await.unwrap());
    let newest: Vec<TaskId> = all.iter().rev().map(|it| it.id).collect();
    assert!(newest.starts_with(&kept), "the oldest ones go");
    // What a node records until it looks at all of them comes on top.
    assert!(
        (most - 2..=most + 2).contains(&kept.len()),
        "{}",
        kept.len()
    );
    let found = store.recorded_deliveries(&b, &any).await.unwrap();
    assert_eq!(found, [others], "of another workspace");
    let page = DeliveryQuery {
        at_once: Some(3),
        before: Some(newest[0]),
        ..any
    };
    let found = ids(store.recorded_deliveries(&a, &page).await.unwrap());
    assert_eq!(found, newest[1..4]);
    let one = DeliveryQuery {
        id: Some(newest[5]),
        ..DeliveryQuery::default()
    };
    let found = ids(store.recorded_deliveries(&a, &one).await.unwrap());
    assert_eq!(found, newest[5..6]);
    store.close().await;
}

/// Those of other workspaces use the same connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_records_does_not_wait_for_the_deletion_of_the_workspace() {
    let server = PostgresServer::start();
    let store = node(&server, std::time::Duration::from_secs(60)).await;
    let acme = workspace("acme");
    let add = Manage::AddWorkspace(acme.clone());
    store.manage_now(add).await.unwrap();
    let session = Session::open(&store.shared.settings).await.unwrap();
    let record = |at| store.record_deliveries(&acme, u64::MAX, vec![delivery(at, "w")]);
    let change = "begin; update setup set value = value where workspace = 'acme'";
    session.run(change).await.unwrap();
    record(1).await.unwrap();
    session.run("rollback").await.unwrap();
    let delete = "begin; delete from setup where workspace = 'acme'";
    session.run(delete).await.unwrap();
    let refused = record(2).await;
    assert!(
        matches!(refused, Err(StoreError::Erasing(_))),
        "{refused:?}"
    );
    session.run("rollback").await.unwrap();
    record(3).await.unwrap();
    let any = DeliveryQuery::default();
    let found = store.recorded_deliveries(&acme, &any).await.unwrap();
    assert_eq!(found.len(), 2);
    store.close().await;
}
