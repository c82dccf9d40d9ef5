//! Servers that share the store.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use stepwell_api::{self as contract, Nodes};

use super::{Api, ApiError, json};
use crate::domain::clock::rfc3339;
use crate::domain::partition::Partition;
use crate::http::caller::{Admin, ServerCaller};
use crate::store::{Drain, Node};

/// The number of a server whose store is its own.
const ALONE: u64 = 1;

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    _caller: ServerCaller<Admin>,
) -> Result<Response<Body>, ApiError> {
    let nodes = nodes(&api).await?;
    Ok(json(StatusCode::OK, &Nodes { nodes }))
}

pub(in crate::http) async fn drain(
    State(api): State<Arc<Api>>,
    _caller: ServerCaller<Admin>,
    Path(node): Path<String>,
) -> Result<Response<Body>, ApiError> {
    set_draining(&api, &node, true).await
}

pub(in crate::http) async fn undrain(
    State(api): State<Arc<Api>>,
    _caller: ServerCaller<Admin>,
    Path(node): Path<String>,
) -> Result<Response<Body>, ApiError> {
    set_draining(&api, &node, false).await
}

async fn set_draining(api: &Api, node: &str, drains: bool) -> Result<Response<Body>, ApiError> {
    let no_such_node = || ApiError::NoSuchNode(node.chars().take(40).collect());
    let id: u64 = node.parse().map_err(|_| no_such_node())?;
    let drained = match api.store.cluster() {
        Some(cluster) => cluster.drain(id, drains).await?,
        None if id != ALONE => Drain::NoSuchNode,
        None if drains => Drain::NoOther,
        None => Drain::Begun,
    };
    match drained {
        Drain::Begun => {}
        Drain::NoSuchNode => return Err(no_such_node()),
        Drain::NoOther => return Err(ApiError::LastNode(id)),
    }
    let mut nodes = nodes(api).await?.into_iter();
    let shown = nodes.find(|shown| shown.id == id);
    Ok(json(StatusCode::OK, &shown.ok_or_else(no_such_node)?))
}

async fn nodes(api: &Api) -> Result<Vec<contract::Node>, ApiError> {
    let Some(cluster) = api.store.cluster() else {
        let load = api.engine.load();
        return Ok(vec![contract::Node {
            id: ALONE,
            url: api.base_url.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: rfc3339(api.started),
            state: "active".to_owned(),
            lease_ms: None,
            clock_ms: None,
            partitions: Partition::COUNT as u32,
            running: load.running,
            queued: load.queued,
            revision: load.revision,
            this: true,
        }]);
    };
    let nodes = cluster.nodes().await?;
    Ok(nodes.into_iter().map(shown).collect())
}

fn shown(node: Node) -> contract::Node {
    let state = match (node.lease_ms > 0, node.is_draining) {
        (false, _) => "gone",
        (true, true) => "draining",
        (true, false) => "active",
    };
    contract::Node {
        id: node.id,
        url: node.url,
        version: node.version,
        started: rfc3339(node.started),
        state: state.to_owned(),
        lease_ms: Some(u64::try_from(node.lease_ms).unwrap_or(0)),
        clock_ms: node.clock_ms,
        partitions: node.partitions,
        running: node.load.running,
        queued: node.load.queued,
        revision: node.load.revision,
        this: node.is_self,
    }
}
