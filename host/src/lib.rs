//! Stepwell: a self-hosted webhook automation server. Webhooks are stored durably as tasks; steps,
//! compiled to WebAssembly components, run on them in a sandbox.
//!
//! The modules form floors; each imports only from lower ones (`docs/architecture.md`).

pub mod app;
pub mod build;
pub mod catalog;
pub mod cli;
pub mod client;
pub mod connectors;
pub mod deploy;
pub mod domain;
pub mod engine;
pub mod http;
pub mod ingest;
pub mod private_file;
pub mod sandbox;
pub mod settings;
pub mod store;
pub mod telemetry;
pub mod terminal;
pub mod vault;
