//! The ordinary suites, in one program: each module is one, `cargo test --test suite MODULE` runs it.
//! The suites that kill processes and break disks are in `kills.rs`.

mod support;

mod actions;
mod architecture;
mod audit;
mod blobs;
mod bodies;
mod cli;
mod cli_meant;
mod cli_webhooks;
mod components;
mod contract;
mod dedup;
mod deliveries;
mod delivery_names;
mod deploy;
mod deploy_prune;
mod deploy_refused;
mod deploy_sources;
mod deploy_webhooks;
mod docs;
mod docs_facts;
mod docs_guides;
mod docs_providers;
mod docs_text;
mod erasure;
mod examples;
mod explain;
mod fuzz;
mod half_open;
mod hostile;
mod hostile_calls;
mod hostile_components;
mod hostile_corpus;
mod hostile_cpu;
mod hostile_files;
mod hostile_journal;
mod hostile_memory;
mod hostile_setup;
mod hostile_timers;
mod hostile_uploads;
mod idempotency;
mod ingest;
mod ingest_challenges;
mod ingest_limits;
mod ingest_verified;
mod javascript;
mod javascript_compiled;
mod listing;
mod masks;
mod nodes;
mod nodes_interrupted;
mod notices;
mod old_stores;
mod pauses;
mod payload_schemas;
mod payloads;
mod policy;
mod postgres;
mod postgres_bad_input;
mod published_keys;
mod readme;
mod redeliveries;
mod replay_dry;
mod replies;
mod replies_given;
mod replies_waited;
mod retention;
mod schedules;
mod seed;
mod startup;
mod store_damage;
mod store_migrate;
mod store_moved;
mod subtasks;
mod task_api;
mod timeline;
mod tls;
mod token_scopes;
mod tokens;
mod toolchains;
mod uploads;
mod versions;
mod webhook_samples;
mod webhook_settings;
mod webhook_urls;

#[path = "attack/tests.rs"]
mod attack;
#[path = "load/tests.rs"]
mod load;
#[path = "test262/tests.rs"]
mod test262;
#[path = "wpt/tests.rs"]
mod wpt;
