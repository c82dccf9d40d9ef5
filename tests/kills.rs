//! The suites that kill processes, in one program: servers that end at any instant, stores that die at any
//! write, disks that fail or are full. `cargo test --test kills MODULE` runs one of them.

mod support;

mod crash;
mod database_kills;
mod dedup_kills;
mod effects;
mod faults;
mod interrupted;
mod nodes_kills;
mod replay;
mod schedule_deaths;
mod storage_full;
mod upload_kills;
