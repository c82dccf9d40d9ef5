//! What the attack harness's figures rest on, and its upstream, tested apart from it: a benchmark has no test runner.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "figures.rs"]
mod figures;
#[path = "fixtures.rs"]
mod fixtures;
#[path = "upstream.rs"]
mod upstream;
#[allow(dead_code)]
#[path = "urgency.rs"]
mod urgency;

use std::time::Duration;

use figures::{IN_A_ROW, Sample, back, between, longest_gap, quantile, ratio};

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn quantiles_are_of_what_was_measured() {
    let times: Vec<Duration> = (1..=101).rev().map(ms).collect();
    assert_eq!(quantile(&times, 0.5), Some(ms(51)));
    assert_eq!(quantile(&times, 0.99), Some(ms(100)));
    assert_eq!(quantile(&[], 0.5), None);
    let samples = [(0, Some(ms(1))), (10, None), (20, Some(ms(2)))];
    let samples = samples.map(|(sent, took)| Sample {
        sent: ms(sent),
        took,
    });
    assert_eq!(between(&samples, ms(5), ms(21), ms(99)), [ms(99), ms(2)]);
    assert_eq!(ratio(Some(ms(3)), Some(ms(2))), Some(1.5));
    assert_eq!(ratio(Some(ms(3)), Some(ms(0))), None);
    assert_eq!(ratio(None, Some(ms(2))), None);
}

/// Tasks one every 10 ms, which took as long as `took` says of each.
fn row(count: usize, took: impl Fn(usize) -> Option<u64>) -> Vec<Sample> {
    let sample = |place: usize| Sample {
        sent: ms(place as u64 * 10),
        took: took(place).map(ms),
    };
    (0..count).map(sample).collect()
}

#[test]
fn a_tenant_is_back_with_the_first_of_many_tasks_that_are_as_before() {
    let idle: Vec<Duration> = (0..100).map(|_| ms(4)).collect();
    let at_once = row(IN_A_ROW + 5, |_| Some(5));
    assert_eq!(back(&at_once, ms(50), &idle), Some(ms(0)));
    let slow_at_first = row(100, |place| Some(if place < 30 { 500 } else { 4 }));
    assert_eq!(back(&slow_at_first, ms(100), &idle), Some(ms(200)));
    let one_outlier = row(60, |place| Some(if place == 15 { 9 } else { 4 }));
    assert_eq!(back(&one_outlier, ms(0), &idle), Some(ms(160)));
    let one_lost = row(60, |place| (place != 25).then_some(4));
    assert_eq!(back(&one_lost, ms(100), &idle), Some(ms(160)));
    for never in [row(100, |_| Some(7)), row(IN_A_ROW - 1, |_| Some(4))] {
        assert_eq!(back(&never, ms(0), &idle), None);
    }
}

#[test]
fn the_longest_gap_is_between_two_ends() {
    let samples = row(10, |place| (place != 4).then_some(1));
    assert_eq!(longest_gap(&samples, ms(0), ms(91)), ms(20));
    assert_eq!(longest_gap(&samples, ms(0), ms(200)), ms(109));
    assert_eq!(longest_gap(&[], ms(5), ms(9)), ms(4));
}

/// A thread for each of its connections would have taken the server's processors from the honest tenant.
#[tokio::test]
async fn the_upstream_serves_all_its_connections_on_one_thread_behind_all_others() {
    let upstream = upstream::start().unwrap();
    let http = format!("http://{}", upstream.http);
    let hangs: Vec<_> = (0..20)
        .map(|_| tokio::spawn(reqwest::get(format!("{http}/hang"))))
        .collect();
    let authority = std::fs::read(fixtures::fixture("authority-localhost.pem")).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&authority).unwrap()])
        .build()
        .unwrap();
    let tls = format!("https://localhost:{}/", upstream.tls.port());
    let answers = (0..12).map(|_| {
        let answer = client.get(&tls).send();
        tokio::spawn(async { answer.await.unwrap() })
    });
    let answers: Vec<_> = answers.collect();
    let mut open = Vec::new();
    for answer in answers {
        open.push(answer.await.unwrap());
    }
    // None of their bodies is read yet.
    let stats: Vec<String> = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok())
        .filter(|stat| stat.contains("(attack-upstream)"))
        .collect();
    let [stat] = &*stats else { panic!("{stats:?}") };
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split(' ').collect();
    // proc_pid_stat(5): the fields 19, nice, and 41, policy.
    let (nice, policy) = (fields[17], fields[39]);
    assert!(nice == "19" || policy == "5", "{stat}");
    for answer in open {
        assert_eq!(answer.bytes().await.unwrap().len(), 2_000_000);
    }
    let much = reqwest::get(format!("{http}/much")).await.unwrap();
    assert_eq!(much.bytes().await.unwrap().len(), 60_000);
    assert!(hangs.iter().all(|hangs| !hangs.is_finished()));
    for hangs in hangs {
        hangs.abort();
    }
}
