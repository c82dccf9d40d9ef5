//! Planned times of schedules, by a simulated clock, with processes that die at each of their writes: no
//! planned time has two tasks, and what fell due while no process ran follows the schedule's policy.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use crate::support::dying::Cut;
use crate::support::simulated::{START, Simulated, workspace};
use serde_json::Value;
use stepwell::domain::clock::{Clock, Millis};
use stepwell::domain::schedule::{Missed, ScheduleSettings};
use stepwell::store::Store;

const SECOND: Millis = 1_000;
/// For how long no process runs after one has died.
const DOWN: Millis = 3_200;
const NAMES: [(&str, Missed); 3] = [
    ("skip", Missed::Skip),
    ("once", Missed::Once),
    ("all", Missed::All),
];

/// The planned times that have tasks, by schedule.
async fn fired(world: &Simulated) -> BTreeMap<String, Vec<Millis>> {
    let mut fired: BTreeMap<String, Vec<Millis>> = BTreeMap::new();
    for head in world.tasks().await {
        let task = world.store.load(&workspace(), head.id).await.unwrap();
        let data: Value = serde_json::from_str(&task.unwrap().data).unwrap();
        let name = data["$via"]["name"].as_str().unwrap().to_owned();
        let at = data["$via"]["scheduled"].as_u64().unwrap();
        fired.entry(name).or_default().push(at);
    }
    for times in fired.values_mut() {
        times.sort_unstable();
    }
    fired
}

/// Seconds pass one by one, each with its planned times, until so many have or the process is dead.
async fn live(world: &Simulated, seconds: u64) {
    for _ in 0..seconds {
        world.clock.advance(SECOND);
        for (name, _) in NAMES {
            world.settled(&name.parse().unwrap()).await;
        }
        if world.dying.is_dead() {
            return;
        }
    }
}

/// One life that dies at `cut`, and one after it. Returns false if the first had fewer writes.
async fn two_lives(cut: Cut) -> bool {
    let home = tempfile::tempdir().unwrap();
    let first = Simulated::on(home.path(), START, None).await;
    for (name, missed) in NAMES {
        let settings = ScheduleSettings {
            cron: "* * * * * *".into(),
            timezone: "UTC".into(),
            missed,
            data: serde_json::Map::new(),
        };
        let name = name.parse().unwrap();
        let workspace = workspace();
        let put = first.catalog.put_schedule(&workspace, name, settings);
        put.await.unwrap();
    }
    first.end().await;
    let dying = Simulated::on(home.path(), START, Some(cut)).await;
    live(&dying, 4).await;
    let died = dying.dying.is_dead();
    let killed = dying.clock.now();
    dying.end().await;

    let launched = killed + DOWN;
    let last = Simulated::on(home.path(), launched, None).await;
    for (name, _) in NAMES {
        last.settled(&name.parse().unwrap()).await;
    }
    live(&last, 3).await;
    let fired = fired(&last).await;
    for (name, times) in &fired {
        let doubled = times.windows(2).any(|pair| pair[0] == pair[1]);
        assert!(
            !doubled,
            "{cut:?}: {name} fired twice for one time: {times:?}"
        );
    }
    let all = &fired["all"];
    let seconds: Vec<Millis> = (1..).map(|n| START + n * SECOND).take(all.len()).collect();
    assert_eq!(all, &seconds, "{cut:?}: a planned time is lost");
    assert!(*all.last().unwrap() >= launched + 2 * SECOND, "{all:?}");
    let down = |name: &str| {
        let times = fired[name].iter();
        times
            .filter(|at| (killed + 1..launched).contains(*at))
            .count()
    };
    assert_eq!(down("all"), 3, "{cut:?}: {fired:?}");
    assert_eq!(down("skip"), 0, "{cut:?}: {fired:?}");
    assert!(down("once") <= 1, "{cut:?}: {fired:?}");
    assert!(
        fired["once"].len() > fired["skip"].len(),
        "{cut:?}: {fired:?}"
    );
    last.end().await;
    died
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deaths_make_nothing_twice_and_what_is_missed_follows_the_policy() {
    let mut deaths = 0;
    for after in [false, true] {
        for write in 0.. {
            if !two_lives(Cut { write, after }).await {
                break;
            }
            deaths += 1;
        }
    }
    assert!(deaths > 20, "{deaths}");
}
