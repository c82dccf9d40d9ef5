//! Checks and compiles the schemas of webhooks before they are stored.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use stepwell_schema::Schema;

use super::bad_schema::BadSchema;
use super::compiled_schemas::compiled;
use super::error::CatalogError;
use super::verifier::LiveWebhook;
use super::workspace::Workspace;
use crate::domain::blocking::spawn_blocking;
use crate::domain::limits;
use crate::domain::webhook::Webhook;

/// Compiles a webhook's new schema on a thread that does not answer requests. As long as the caller holds the result,
/// opening the webhook finds it and does not compile again.
pub(super) async fn prepared(text: Option<Arc<str>>) -> Result<Option<Arc<Schema>>, CatalogError> {
    let Some(text) = text else { return Ok(None) };
    check_size(text.len())?;
    let compiling = spawn_blocking(move || compiled(&text));
    match compiling.await {
        Ok(compiled) => Ok(Some(compiled.map_err(BadSchema::from)?.1)),
        Err(_) => Err(CatalogError::Interrupted),
    }
}

fn check_size(size: usize) -> Result<(), CatalogError> {
    let most = limits::SCHEMA_BYTES;
    match size > most {
        true => Err(CatalogError::TooLarge {
            what: "schema",
            size,
            most,
        }),
        false => Ok(()),
    }
}

/// Checks that a webhook can have a schema: its size, and that it compiles.
///
/// # Errors
/// [`CatalogError::TooLarge`], or the error of the schema with its place.
pub fn check(schema: &Value) -> Result<(), CatalogError> {
    check_size(schema.to_string().len())?;
    Schema::compile(schema).map_err(BadSchema::from)?;
    Ok(())
}

/// Checks that a workspace has memory for the schema of a webhook that is to be added or changed:
/// [`limits::SCHEMAS_MEMORY`] bytes for all its schemas.
pub(super) fn check_memory(
    workspace: &Workspace,
    webhook: &Webhook,
    new: Option<&Arc<Schema>>,
) -> Result<(), CatalogError> {
    let Some(new) = new else { return Ok(()) };
    let others = workspace.webhooks.values();
    let others = others.filter(|other| other.id != webhook.id);
    let mut all: HashMap<*const Schema, usize> = others
        .filter_map(|other| Some((Arc::as_ptr(other.compiled_schema.as_ref()?), bytes(other)?)))
        .collect();
    let text = webhook
        .schema
        .as_ref()
        .map_or(0, |schema| schema.text.len());
    all.insert(Arc::as_ptr(new), new.bytes() + text);
    let (bytes, most) = (all.values().sum(), limits::SCHEMAS_MEMORY);
    match bytes > most {
        true => Err(BadSchema::TooMuch { bytes, most }.into()),
        false => Ok(()),
    }
}

fn bytes(webhook: &LiveWebhook) -> Option<usize> {
    let compiled = webhook.compiled_schema.as_ref()?.bytes();
    Some(compiled + webhook.schema.as_ref()?.text.len())
}
