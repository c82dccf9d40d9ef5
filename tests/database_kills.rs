//! A PostgreSQL that is killed again and again under load, as `pg_ctl stop -m immediate` does it: webhooks get 503 meanwhile,
//! nothing that was acknowledged is lost or done twice, and the servers reach it again by themselves.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::cluster::is_ready;
use crate::support::storm::Storm;
use crate::support::{Cluster, PATIENCE, Server};

/// How often it is killed, unless the variable says so.
const KILLS: u32 = 4;
const VARIABLE: &str = "STEPWELL_DATABASE_KILLS";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_killed_under_load_loses_nothing_and_is_reached_again() {
    let kills = std::env::var(VARIABLE).map_or(KILLS, |text| text.parse().unwrap());
    let mut cluster = Cluster::start(2).await;
    let storm = Storm::begin(&cluster).await;
    let mut back = Vec::new();
    for kill in 0..kills {
        let taken = storm.acknowledged();
        let until = Instant::now() + PATIENCE;
        while storm.acknowledged() < taken + 20 {
            assert!(Instant::now() < until, "no events are taken");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..1_000))).await;
        let refused = storm.refused();
        cluster.database.kill();
        // Every fourth time for longer than a lease.
        let down = match kill % 4 {
            3 => 7_000,
            _ => rand::random_range(0..2_000),
        };
        tokio::time::sleep(Duration::from_millis(down)).await;
        while storm.refused() == refused {
            assert!(Instant::now() < until, "no event is answered 503");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        cluster.database.resume();
        let resumed = Instant::now();
        for server in &cluster.servers {
            while !is_ready(server).await {
                assert!(resumed.elapsed() < PATIENCE, "a server is not ready");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        back.push(resumed.elapsed());
    }
    let refused = storm.refused();
    let events = storm.end(&cluster.servers[0]).await;
    for server in &cluster.servers {
        server.is_well().await;
    }
    back.sort_unstable();
    let (middle, last) = (back[back.len() / 2], back[back.len() - 1]);
    println!(
        "{events} events, {kills} kills of the database, {refused} answers 503, 0 lost, 0 repeated; \
         ready after {middle:?}, at most {last:?}"
    );
}

/// The planned times that have tasks, the earliest first.
async fn planned(server: &Server) -> Vec<u64> {
    let mut times = Vec::new();
    for head in server.tasks("limit=500").await {
        let task = server.task(&head.id).await;
        times.extend(task.data["$via"]["scheduled"].as_u64());
    }
    times.sort_unstable();
    times
}

/// Waits until there is a task for a planned time after `after`.
async fn planned_after(server: &Server, after: u64) -> Vec<u64> {
    let until = Instant::now() + PATIENCE;
    loop {
        let times = planned(server).await;
        if times.last().is_some_and(|last| *last > after) {
            return times;
        }
        assert!(Instant::now() < until, "none after {after}: {times:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The server runs: it is late, and its schedule drops what is missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_planned_time_is_missed_because_the_database_is_away() {
    let mut cluster = Cluster::start(1).await;
    let path = cluster.servers[0].path("schedules/clock");
    let every = json!({"cron": "* * * * * *", "missed": "skip"});
    let put = cluster.servers[0].api(Method::PUT, &path, Some(every));
    let (status, answer) = put.await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let before = planned_after(&cluster.servers[0], 0).await;
    cluster.database.kill();
    // Longer than two looks, which come every 10 s at least.
    tokio::time::sleep(Duration::from_secs(25)).await;
    cluster.database.resume();
    let server = &cluster.servers[0];
    let until = Instant::now() + PATIENCE;
    while !is_ready(server).await {
        assert!(Instant::now() < until, "the server is not ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let times = planned_after(server, before[before.len() - 1] + 27_000).await;
    assert!(
        times.windows(2).all(|pair| pair[1] == pair[0] + 1_000),
        "a planned time has no task: {times:?}"
    );
}
