//! Recorded deliveries.

use super::owned::Owned;
use super::samples::{delivery, workspace};
use super::subject::Shaken;
use crate::domain::delivery::{Delivery, DeliveryQuery};
use crate::store::{Manage, StoreError};

pub(super) async fn deliveries_are_recorded_newest_first(mut store: Shaken<'_>) {
    let (a, b) = (workspace("a"), workspace("b"));
    for workspace in [&a, &b] {
        let add = Manage::AddWorkspace(workspace.clone());
        store.get().await.manage_now(add).await.unwrap();
    }
    let all: Vec<Delivery> = (0..6)
        .map(|at| delivery(at, ["w1", "w2"][at as usize % 2]))
        .collect();
    for part in all.chunks(2) {
        let recorded = store
            .get()
            .await
            .record_deliveries(&a, u64::MAX, part.to_vec());
        recorded.await.unwrap();
    }
    let newest = |wanted: &dyn Fn(&Delivery) -> bool| {
        let wanted = all.iter().rev().filter(|delivery| wanted(delivery));
        wanted.cloned().collect::<Vec<_>>()
    };
    let cases: [(DeliveryQuery, Vec<Delivery>); 6] = [
        (DeliveryQuery::default(), newest(&|_| true)),
        (
            DeliveryQuery {
                webhook: Some("w1".into()),
                ..DeliveryQuery::default()
            },
            newest(&|delivery| delivery.webhook == "w1"),
        ),
        (
            DeliveryQuery {
                before: Some(all[3].id),
                ..DeliveryQuery::default()
            },
            newest(&|delivery| delivery.id < all[3].id),
        ),
        (
            DeliveryQuery {
                since: Some(all[4].at),
                ..DeliveryQuery::default()
            },
            newest(&|delivery| delivery.at >= all[4].at),
        ),
        (
            DeliveryQuery {
                id: Some(all[1].id),
                ..DeliveryQuery::default()
            },
            newest(&|delivery| delivery.id == all[1].id),
        ),
        (
            DeliveryQuery {
                id: Some(all[1].id),
                since: Some(all[2].at),
                ..DeliveryQuery::default()
            },
            Vec::new(),
        ),
    ];
    for (query, expected) in cases {
        let found = store.get().await.recorded_deliveries(&a, &query).await;
        assert_eq!(found.unwrap(), expected, "{query:?}");
    }
    // However many are read at once, each is read once.
    let mut query = DeliveryQuery {
        at_once: Some(4),
        ..DeliveryQuery::default()
    };
    let mut read = Vec::new();
    loop {
        let found = store.get().await.recorded_deliveries(&a, &query).await;
        let found = found.unwrap();
        query.before = found.last().map(|last| last.id);
        let is_last = found.len() < 4;
        read.extend(found);
        if is_last {
            break;
        }
    }
    assert_eq!(read, newest(&|_| true));
    let any = DeliveryQuery::default();
    let others = store.get().await.recorded_deliveries(&b, &any).await;
    assert_eq!(others.unwrap(), []);
    let delete = Manage::DeleteWorkspace(a.clone());
    store.get().await.manage_now(delete).await.unwrap();
    let gone = store.get().await.recorded_deliveries(&a, &any).await;
    assert_eq!(gone.unwrap(), []);
    let late = store.get().await.record_deliveries(&a, u64::MAX, all).await;
    assert!(matches!(late, Err(StoreError::Erasing(_))), "{late:?}");
}

pub(super) async fn a_delivery_does_not_come_into_a_later_workspace_of_the_same_name(
    mut store: Shaken<'_>,
) {
    // The server that has it does not end meanwhile.
    let store = store.get().await;
    let a = workspace("a");
    let add = || store.manage_now(Manage::AddWorkspace(a.clone()));
    add().await.unwrap();
    let old = store.registry().await.unwrap().revision;
    let own = vec![delivery(0, "w1")];
    store.record_deliveries(&a, old, own).await.unwrap();
    let delete = Manage::DeleteWorkspace(a.clone());
    store.manage_now(delete).await.unwrap();
    loop {
        store.purge(0).await.unwrap();
        match add().await {
            Ok(()) => break,
            Err(StoreError::Erasing(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let new = store.registry().await.unwrap().revision;
    for known in [0, old] {
        let late = store.record_deliveries(&a, known, vec![delivery(1, "w1")]);
        let late = late.await;
        assert!(matches!(late, Err(StoreError::Erasing(_))), "{late:?}");
    }
    let any = DeliveryQuery::default();
    assert_eq!(store.recorded_deliveries(&a, &any).await.unwrap(), []);
    let own = vec![delivery(2, "w1")];
    store.record_deliveries(&a, new, own.clone()).await.unwrap();
    assert_eq!(store.recorded_deliveries(&a, &any).await.unwrap(), own);
}
