//! Stepwell: a self-hosted webhook automation server. Webhooks are stored durably as tasks; steps,
//! compiled to WebAssembly components, run on them in a sandbox.
//!
//! The modules form floors; each imports only from lower ones (`docs/architecture.md`).
#![allow(
    missing_docs,
    reason = "a program and no library: what a name says needs no comment; the SDK, the API and the other crates document every item"
)]

pub mod app;
pub mod build;
pub mod catalog;
pub mod cli;
pub mod client;
pub mod clock;
pub mod coding;
pub mod connectors;
pub mod deploy;
pub mod domain;
pub mod engine;
pub mod http;
pub mod ingest;
pub mod machine;
pub mod private_file;
pub mod sandbox;
pub mod settings;
pub mod store;
pub mod telemetry;
pub mod terminal;
pub mod vault;
