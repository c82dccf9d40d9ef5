use std::fs;
use std::net::Ipv6Addr;
use std::sync::mpsc::channel;

use super::*;
use crate::domain::delivery::{Delivery, DeliveryBody, DeliveryQuery, Verdict};
use crate::domain::limits;
use crate::store::conformance::samples::{delivery, workspace};

/// A delivery of each verdict and with each kind of body.
pub(super) fn samples() -> Vec<Delivery> {
    let task = TaskId::derived(1_764_000_000_000, [1; 10]);
    let verdicts = [
        Verdict::Accepted,
        Verdict::Merged { task },
        Verdict::Duplicate { task },
        Verdict::Challenged,
        delivery(1, "w1").verdict,
    ];
    let bodies = [
        DeliveryBody::None,
        DeliveryBody::TooLarge(70_000),
        DeliveryBody::Kept(vec![0, 255]),
    ];
    let verdicts = verdicts.into_iter().enumerate();
    let of_verdict = verdicts.map(|(at, verdict)| Delivery {
        verdict,
        ip: Ipv6Addr::LOCALHOST.into(),
        query: None,
        headers: Vec::new(),
        ..delivery(at as u64, "w1")
    });
    let bodies = bodies.into_iter();
    let of_body = bodies.map(|body| Delivery {
        body,
        ..delivery(9, "w2")
    });
    of_verdict.chain(of_body).collect()
}

async fn found(store: &SledStore) -> Vec<Delivery> {
    let any = DeliveryQuery::default();
    let workspace = workspace("a");
    let found = store.recorded_deliveries(&workspace, &any).await;
    found.unwrap()
}

async fn record(store: &SledStore, deliveries: &[Delivery]) {
    let workspace = workspace("a");
    let recorded = store.record_deliveries(&workspace, 0, deliveries.to_vec());
    recorded.await.unwrap();
}

/// What a crash leaves half written is not read, and does not hide what is recorded afterwards.
#[tokio::test]
async fn an_incomplete_record_is_cut_off() {
    let directory = scratch();
    let path = directory.path().join("deliveries/a/current");
    let [first, second, third] = [1, 2, 3].map(|at| delivery(at, "w1"));
    for garbage in [&[1, 0][..], &[9, 0, 0, 0, 1, 2, 3, 4, 5], &[0; 64]] {
        let store = SledStore::open(small(directory.path())).unwrap();
        record(&store, std::slice::from_ref(&first)).await;
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(garbage);
        fs::write(&path, &bytes).unwrap();
        store.close().await;
        drop(store);
        let store = SledStore::open(small(directory.path())).unwrap();
        assert_eq!(found(&store).await, std::slice::from_ref(&first));
        record(&store, &[second.clone(), third.clone()]).await;
        let all = [third.clone(), second.clone(), first.clone()];
        assert_eq!(found(&store).await, all);
        store.close().await;
        drop(store);
        fs::remove_file(&path).unwrap();
    }
    fs::write(&path, b"something else").unwrap();
    let store = SledStore::open(small(directory.path())).unwrap();
    assert_eq!(found(&store).await, []);
    record(&store, std::slice::from_ref(&first)).await;
    assert_eq!(found(&store).await, [first]);
    store.close().await;
}

#[tokio::test]
async fn a_workspace_takes_two_files_and_a_webhook_shows_its_newest() {
    let directory = scratch();
    let store = SledStore::open(small(directory.path())).unwrap();
    let large = |at: u64| Delivery {
        body: DeliveryBody::Kept(vec![at as u8; 60_000]),
        ..delivery(at, "w1")
    };
    for at in 0..240 {
        record(&store, &[large(at)]).await;
    }
    let other = delivery(1_000, "w2");
    record(&store, std::slice::from_ref(&other)).await;
    let kept = found(&store).await;
    assert_eq!(kept[0], other);
    assert_eq!(kept[1], large(239));
    assert!(kept.len() > 60 && kept.len() < 140, "{}", kept.len());
    let files = directory.path().join("deliveries/a");
    let sizes = fs::read_dir(&files)
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len());
    let sizes: Vec<u64> = sizes.collect();
    assert_eq!(sizes.len(), 2);
    assert!(
        sizes.iter().all(|size| *size <= limits::DELIVERIES_BYTES),
        "{sizes:?}"
    );
    let many: Vec<Delivery> = (300..600).map(|at| delivery(at, "w3")).collect();
    record(&store, &many).await;
    let of_third = found(&store)
        .await
        .into_iter()
        .filter(|one| one.webhook == "w3");
    let expected = many.into_iter().rev().take(limits::DELIVERIES);
    assert!(of_third.eq(expected));
    // A week later nothing is left.
    let week = 1_000 * (86_400 * limits::DELIVERY_DAYS + 1);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_millis() as u64;
    for at in [now, now + week] {
        while !store.purge(at).await.unwrap().is_done {}
        let left = !found(&store).await.is_empty();
        assert_eq!(left, at == now);
    }
    store.close().await;
}

#[tokio::test]
async fn those_of_one_workspace_wait_for_those_of_no_other() {
    let directory = scratch();
    let store = SledStore::open(small(directory.path())).unwrap();
    let other = delivery(1, "w1");
    let b = workspace("b");
    // One of its writes is under way.
    let files = store.shared.deliveries.of(&workspace("a"));
    let ((holds, held), (release, released)) = (channel(), channel::<()>());
    let writer = std::thread::spawn(move || {
        let _held = files.lock();
        holds.send(()).unwrap();
        let _ = released.recv();
    });
    held.recv().unwrap();
    let recorded = store.record_deliveries(&b, 0, vec![other.clone()]);
    let in_time = std::time::Duration::from_secs(60);
    tokio::time::timeout(in_time, recorded)
        .await
        .unwrap()
        .unwrap();
    let any = DeliveryQuery::default();
    let found = tokio::time::timeout(in_time, store.recorded_deliveries(&b, &any));
    assert_eq!(found.await.unwrap().unwrap(), [other]);
    drop(release);
    writer.join().unwrap();
    store.close().await;
}
