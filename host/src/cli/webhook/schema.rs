//! The schema of a webhook, as the command line takes it.

use std::fs;
use std::io::{self, Read};

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use stepwell_api::{OnMismatch, WebhookChange};

use crate::cli::exit::UsageError;
use crate::domain::limits;

/// The schema options of a webhook.
#[derive(Debug, Clone, Args)]
pub struct SchemaArgs {
    /// The JSON Schema that its documents are checked with: a JSON file, or - for stdin
    #[arg(long, value_name = "FILE")]
    schema: Option<String>,
    /// What happens to a document that does not fit the schema [default: refuse]
    #[arg(long, value_enum, value_name = "WHAT")]
    on_mismatch: Option<OnMismatchArg>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnMismatchArg {
    /// It is refused with 422
    Refuse,
    /// It becomes a task whose $via.schema says so
    Flag,
}

impl SchemaArgs {
    /// Adds the options that were given to a change.
    pub fn set(self, change: &mut WebhookChange) -> Result<()> {
        let schema = self.schema.as_deref().map(read).transpose()?;
        change.schema = schema.map(Some);
        change.on_mismatch = self.on_mismatch.map(|word| match word {
            OnMismatchArg::Refuse => OnMismatch::Refuse,
            OnMismatchArg::Flag => OnMismatch::Flag,
        });
        Ok(())
    }
}

fn read(path: &str) -> Result<Map<String, Value>> {
    // White space may make the file larger than the schema is. Larger ones are left to the server to refuse.
    let most = 4 * limits::SCHEMA_BYTES as u64;
    let mut text = String::new();
    let read = match path {
        "-" => io::stdin().lock().take(most).read_to_string(&mut text),
        path => fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut text)),
    };
    read.map_err(|error| UsageError::Path {
        path: path.to_owned(),
        error,
        wanted: "name a JSON file with a JSON Schema, e.g. {\"type\": \"object\", \"required\": [\"email\"]}",
    })?;
    serde_json::from_str(&text).map_err(|error| {
        UsageError::Value(format!("{path}: the schema is no JSON object: {error}")).into()
    })
}
