//! The engine natively, in one program: `cargo test MODULE` runs one suite.

mod common;

mod absent;
mod calls;
mod condition;
mod config;
mod data;
mod faults;
mod files;
mod hostile;
mod http;
mod intl;
mod modules;
mod numbers;
mod places;
mod printing;
mod regex;
mod seed;
mod standards;
mod subtasks;
mod surrogates;
mod unread;
mod waiting;
mod web;
