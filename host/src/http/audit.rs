//! The audit of requests: who asked for which change, and the outcome.
//!
//! A change of the catalog writes its entry itself, in the same record. An action on a task, and a refused request,
//! is written here, before the answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawPathParams, Request};
use axum::http::Response;
use axum::middleware::Next;
use axum::response::IntoResponse;
use percent_encoding::percent_decode_str;

use super::Api;
use super::caller::Authenticated;
use super::problem::{ApiError, Refused};
use super::route::Audit;
use crate::catalog::{CatalogError, audited};
use crate::domain::audit::{AuditEntry, DONE};
use crate::domain::ids::WorkspaceName;

/// What paths of the API begin with.
const API: &str = "/api/v1/";

/// Answers a request of a route that changes something.
pub(super) async fn record(
    api: Arc<Api>,
    what: &'static str,
    kind: Audit,
    params: RawPathParams,
    request: Request,
    next: Next,
) -> Response<Body> {
    let Some(who) = request.extensions().get::<Authenticated>().cloned() else {
        return next.run(request).await;
    };
    let workspace = params.iter().find(|(name, _)| *name == "workspace");
    let workspace = workspace.and_then(|(_, title)| WorkspaceName::titled(title).ok());
    let entry = AuditEntry {
        at: api.clock.now(),
        // Of a workspace that is deleted there is no log any more.
        workspace: workspace.clone().filter(|_| kind != Audit::OfServer),
        who: who.principal.name.to_string(),
        token: who.principal.token.as_deref().map(str::to_owned),
        ip: who.ip.to_string(),
        what: what.to_owned(),
        target: target(request.uri().path(), kind),
        outcome: DONE.to_owned(),
    };
    // It comes to its end even if the client goes away.
    let work = tokio::spawn(async move {
        let (response, left) = audited(entry, next.run(request)).await;
        if let Some(entry) = left {
            let refused = response.extensions().get::<Refused>().cloned();
            finish(&api, kind, &who, workspace, entry, refused).await;
        }
        response
    });
    match work.await {
        Ok(response) => response,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => ApiError::from(CatalogError::Interrupted).into_response(),
    }
}

/// Writes the entry of a request that no change of the catalog has written.
async fn finish(
    api: &Api,
    kind: Audit,
    who: &Authenticated,
    workspace: Option<WorkspaceName>,
    mut entry: AuditEntry,
    refused: Option<Refused>,
) {
    match refused {
        // Nothing was to be changed.
        None if !matches!(kind, Audit::Task | Audit::Server) => return,
        None => {}
        Some(Refused(code)) => {
            entry.outcome = code;
            // What a tenant tried elsewhere is in its own log. A workspace that is not there has none.
            let own = who.principal.workspace.clone();
            let there = workspace.filter(|name| api.catalog.check_workspace(name).is_ok());
            entry.workspace = own.or(there);
            if !api.refusals.take(&entry.workspace, entry.at / 60_000) {
                return;
            }
        }
    }
    if let Err(error) = api.catalog.record_audit(entry).await {
        tracing::error!(%error, "an entry of the audit log could not be written");
    }
}

/// The path below the workspace, decoded; below the API for requests about the server.
fn target(path: &str, kind: Audit) -> String {
    let below = path.strip_prefix(API).unwrap_or(path);
    let below = match below.strip_prefix("workspaces/") {
        Some(rest) if kind != Audit::OfServer => rest.split_once('/').map_or("", |(_, rest)| rest),
        _ => below,
    };
    AuditEntry::target(&percent_decode_str(below).decode_utf8_lossy())
}
