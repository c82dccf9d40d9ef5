//! The ground floor: what the words mean. No I/O, no async runtime, nothing of the store, the
//! network or Wasm; every other module may import from here.

pub mod audit;
pub mod authentication;
pub mod blocking;
pub mod budget;
pub mod clock;
pub mod config;
pub mod config_digest;
pub mod connector;
pub mod data;
pub mod dedup;
pub mod delivery;
pub mod effect;
pub mod ids;
pub mod inbox;
pub mod intake;
pub mod journal;
pub mod limits;
pub mod moment;
pub mod partition;
pub mod payload_schema;
pub mod places;
pub mod principal;
pub mod rate;
pub mod reply;
pub mod retention;
pub mod run;
pub mod schedule;
pub mod standing;
pub mod step;
pub mod subtask;
pub mod task;
pub mod task_state;
pub mod token;
pub mod webhook;
pub mod workspace;
