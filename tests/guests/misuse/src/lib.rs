//! Uses the SDK and the standard library as they are not to be used: `"how"` says in which way.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use stepwell_sdk::__private::stepwell::step::data as host;
use stepwell_sdk::prelude::*;

#[step(condition = { how: String })]
async fn misuse() -> Result {
    let how: String = data::require("/how")?;
    let zero = how.len() - black_box(how.len());
    match how.as_str() {
        "index" => {
            black_box([1, 2, 3][black_box(zero + 7)]);
        }
        "slice" => drop(black_box(how[black_box(1)..black_box(zero)].to_owned())),
        "none" => {
            black_box(black_box(None::<u32>).unwrap());
        }
        "divide" => {
            black_box(black_box(7) / zero);
        }
        "capacity" => drop(black_box(Vec::<u8>::with_capacity(usize::MAX / 4))),
        "leak" => loop {
            black_box(Box::leak(vec![1_u8; 1 << 16].into_boxed_slice()));
        },
        "churn" => loop {
            drop(black_box(vec![0_u8; 1 << 10]));
        },
        "abort" => std::process::abort(),
        "thread" => drop(std::thread::spawn(|| loop {}).join()),
        "sleep" => std::thread::sleep(Duration::from_secs(3_600)),
        "instant" => {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(1) {}
        }
        "system-time" => {
            let begun = SystemTime::now();
            while begun.elapsed().unwrap_or_default() < Duration::from_millis(1) {}
        }
        "stdout" => loop {
            println!("x");
        },
        "environment" => loop {
            black_box(std::env::vars().count());
        },
        "files" => loop {
            drop(black_box(std::fs::read("/etc/passwd")));
        },
        "hash-seeds" => loop {
            black_box(std::hash::RandomState::new());
            drop(black_box(host::get("/none")));
        },
        "poll-nothing" => std::future::pending::<()>().await,
        "no-json" => host::set("/a", "{").map_err(Failure::stop)?,
        "two-values" => host::set("/a", "1 2").map_err(Failure::stop)?,
        "no-pointer" => host::set("a", "1").map_err(Failure::stop)?,
        "half-pair" => host::set("/a", r#""\ud800""#).map_err(Failure::stop)?,
        "deep" => host::set("/a", &("[".repeat(500) + &"]".repeat(500))).map_err(Failure::stop)?,
        "far" => host::set("/list/4294967296", "1").map_err(Failure::stop)?,
        "no-object" => host::set("", "7").map_err(Failure::stop)?,
        "remove-all" => host::remove("").map_err(Failure::stop)?,
        "via" => host::remove("/$via").map_err(Failure::stop)?,
        "park" => task::park(Duration::MAX).map_err(Failure::stop)?,
        "name" => task::set_name("").map_err(Failure::stop)?,
        "tags" => task::set_tags((0..10_000).map(|n| n.to_string())).map_err(Failure::stop)?,
        "subtasks" => {
            for _ in 0..101 {
                task::subtask("part", 7).create().map_err(Failure::stop)?;
            }
        }
        "connector" => drop(
            connectors::call("none", "x", 1)
                .await
                .map_err(Failure::stop)?,
        ),
        "drop" => {
            struct Loops;
            impl Drop for Loops {
                fn drop(&mut self) {
                    loop {
                        drop(black_box(host::get("/how")));
                    }
                }
            }
            drop(Loops);
        }
        "panic-in-drop" => {
            struct Panics;
            impl Drop for Panics {
                fn drop(&mut self) {
                    panic!("again");
                }
            }
            let _panics = Panics;
            panic!("first");
        }
        _ => return Err(Failure::stop(format!("there is no way `{how}`"))),
    }
    Ok(())
}
