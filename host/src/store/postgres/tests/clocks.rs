//! A node whose clock is not the database's.

use super::server::PostgresServer;
use super::skew::Skew;
use super::*;
use crate::clock::system_now;
use crate::domain::audit::{AuditEntry, AuditQuery, DONE};
use crate::domain::clock::Millis;
use crate::store::{Cluster as _, Store};

const HOUR: i64 = 3_600_000;

fn an_hour_ahead() -> Millis {
    system_now() + HOUR as Millis
}

fn an_hour_behind() -> Millis {
    system_now() - HOUR as Millis
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_wrong_is_shown_and_takes_no_ids_along() {
    let server = PostgresServer::start();
    let mut nodes = Vec::new();
    for now in [system_now as fn() -> Millis, an_hour_ahead, an_hour_behind] {
        let folder = std::env::temp_dir().join("stepwell-no-files");
        let settings = PostgresSettings {
            now,
            lease: std::time::Duration::from_secs(2),
            drain: std::time::Duration::ZERO,
            ..PostgresSettings::new(&server.url(), folder).unwrap()
        };
        nodes.push(PostgresStore::open(settings).await.unwrap());
    }
    let mut shown = Vec::new();
    for _ in 0..500 {
        shown = nodes[0].nodes().await.unwrap();
        if shown.iter().all(|node| node.clock_ms.is_some()) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let ahead: Vec<i64> = shown.iter().filter_map(|node| node.clock_ms).collect();
    assert_eq!(ahead.len(), 3, "{shown:?}");
    for (ahead, expected) in ahead.iter().zip([0, HOUR, -HOUR]) {
        assert!((ahead - expected).abs() < 5_000, "{shown:?}");
    }
    // Each notes with its own time what it does.
    for (place, target) in [(1, "first"), (2, "second"), (0, "third")] {
        let entry = AuditEntry {
            at: (nodes[place].shared.settings.now)(),
            workspace: None,
            who: "ci".into(),
            token: None,
            ip: "192.0.2.7".into(),
            what: "setConfig".into(),
            target: target.into(),
            outcome: DONE.into(),
        };
        nodes[place].record_audit(vec![entry]).await.unwrap();
    }
    let all = AuditQuery {
        limit: 9,
        ..AuditQuery::default()
    };
    let page = nodes[0].audit(&all).await.unwrap();
    let targets: Vec<&str> = page
        .entries
        .iter()
        .map(|(_, it)| it.target.as_str())
        .collect();
    assert_eq!(targets, ["third", "second", "first"]);
    for (id, entry) in &page.entries {
        assert!(id.time().abs_diff(system_now()) < 60_000, "{entry:?}");
        assert!(entry.at < system_now() + 60_000, "{entry:?}");
    }
    for node in nodes {
        node.close().await;
    }
}

#[test]
fn a_clock_is_wrong_only_beyond_the_time_that_the_answer_took() {
    let at = 1_764_000_000_000_u64;
    let measured = |(before, after): (u64, u64)| {
        let mut skew = Skew::default();
        skew.measure((at + before, at + after), at as i64);
        (skew.ms.unwrap(), skew.is_reported)
    };
    assert_eq!(measured((0, 0)), (0, false));
    assert_eq!(measured((5_000, 5_000)), (5_000, false));
    assert_eq!(measured((5_001, 5_001)), (5_001, true));
    // The database may have said so up to 4 s before it was heard.
    assert_eq!(measured((4_000, 8_000)), (6_000, false));
    assert_eq!(measured((6_000, 8_000)), (7_000, true));
    let mut skew = Skew::default();
    for (database, is_reported) in [(at + 9_000, true), (at + 9_000, true), (at, false)] {
        skew.measure((at, at), database as i64);
        assert_eq!(skew.is_reported, is_reported);
    }
}
