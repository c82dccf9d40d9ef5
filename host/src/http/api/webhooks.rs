//! Webhooks. Secrets are shown with a digest that only the token's holder can compare; they never come back.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value};
use stepwell_api::{
    self as contract, DedupSettings, NewWebhook, NewWebhookSecret, WebhookChange, WebhookRotation,
    WebhookSecrets, WebhookSettings,
};
use zeroize::Zeroizing;

use super::listed::listed;
use super::{Api, ApiError, bad, json, json_body, no_content, replies};
use crate::catalog::{
    AuthenticationChange, BadSchema, CatalogError, NewSecret, OtherSecrets, is_about,
};
use crate::domain::authentication::{networks, place};
use crate::domain::data::Pointer;
use crate::domain::dedup::DedupRule;
use crate::domain::ids::{WebhookName, check_new};
use crate::domain::intake::{Intake, IntakeChange, IntakeError, at_once};
use crate::domain::limits::KEY_OVERLAP_SECONDS;
use crate::domain::payload_schema::{OnMismatch, PayloadSchema, PayloadSchemaChange};
use crate::domain::rate::Rate;
use crate::domain::webhook::{Webhook, WebhookRules, WebhookRulesChange, correlation};
use crate::http::caller::{Caller, Deploy};
use crate::http::view;

fn pointer(text: Option<&str>) -> Result<Option<Pointer>, ApiError> {
    let pointer = text.map(correlation).transpose();
    pointer.map_err(ApiError::BadCorrelation)
}

fn dedup_rule(dedup: Option<DedupSettings>) -> Result<Option<DedupRule>, ApiError> {
    let rule = dedup.map(|dedup| {
        let (header, pointer) = (dedup.header.as_deref(), dedup.pointer.as_deref());
        DedupRule::new(header, pointer, dedup.window_ms)
    });
    rule.transpose().map_err(ApiError::BadDedup)
}

/// A rate within its bounds.
pub(super) fn rate(rate: contract::Rate) -> Result<Rate, IntakeError> {
    Ok(Rate::new(rate.requests.into(), rate.seconds.into())?)
}

/// A name that a webhook is to have.
fn new_name(text: &str) -> Result<WebhookName, ApiError> {
    let name: WebhookName = text.parse()?;
    check_new("webhook", name.as_str())?;
    Ok(name)
}

fn networks_of(texts: &[String]) -> Result<Vec<ipnet::IpNet>, ApiError> {
    networks(texts).map_err(|error| CatalogError::from(error).into())
}

/// A scheme as text, its members in their order.
fn text(scheme: Map<String, Value>) -> String {
    Value::Object(scheme).to_string()
}

fn on_mismatch(word: contract::OnMismatch) -> OnMismatch {
    match word {
        contract::OnMismatch::Refuse => OnMismatch::Refuse,
        contract::OnMismatch::Flag => OnMismatch::Flag,
    }
}

/// The schema of a new webhook.
fn new_schema(
    schema: Option<Map<String, Value>>,
    word: Option<contract::OnMismatch>,
) -> Result<Option<PayloadSchema>, ApiError> {
    let change = PayloadSchemaChange {
        text: schema.map(|schema| Some(text(schema).into())),
        on_mismatch: word.map(on_mismatch),
    };
    let mut schema = None;
    match change.apply(&mut schema) {
        Ok(()) => Ok(schema),
        Err(error) => Err(CatalogError::from(BadSchema::from(error)).into()),
    }
}

/// A webhook as it is shown.
fn shown(api: &Api, caller: &Caller<Deploy>, webhook: &Webhook) -> contract::Webhook {
    view::webhook(webhook, &api.base_url, api.clock.now(), |secret, sealed| {
        let text = api.catalog.webhook_secret(webhook, secret, sealed)?;
        let place = place(&webhook.id, secret).ok()?;
        Some(caller.digest(&place, &text))
    })
}

pub(in crate::http) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    let webhooks = api.catalog.webhooks(&caller.workspace)?;
    let bytes = webhooks.iter().map(|webhook| webhook.about_bytes()).sum();
    let (with, workspace) = (api.clone(), caller.workspace.clone());
    let webhooks = webhooks.into_iter();
    let webhooks = webhooks.map(move |webhook| shown(&with, &caller, &webhook));
    listed(&api, &workspace, ("webhooks", bytes), webhooks).await
}

pub(in crate::http) async fn add(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let mut new: NewWebhook<WebhookName> =
        json_body(&api, Some(&caller.workspace), &headers, body).await?;
    is_about(&format!("webhooks/{}", new.name));
    check_new("webhook", new.name.as_str()).map_err(|error| bad(&error.to_string()))?;
    let mut intake = Intake {
        rate: new.rate.map(rate).transpose()?,
        at_once: new.at_once.map(at_once).transpose()?,
        omits_bodies: new.record_bodies == Some(false),
        ..Intake::default()
    };
    IntakeChange::of(new.methods.as_deref(), new.headers.as_deref())?.apply(&mut intake);
    let rules = WebhookRules {
        replies: replies::of_new(&mut new)?,
        correlate: pointer(new.correlate.as_deref())?,
        dedup: dedup_rule(new.dedup)?,
        schema: new_schema(new.schema, new.on_mismatch)?,
        intake,
        is_disabled: new.disabled,
    };
    let authentication = AuthenticationChange {
        provider: new.provider,
        scheme: new.scheme.map(text),
        secret: new.secret.map(|text| NewSecret {
            text: Zeroizing::new(text),
            others: OtherSecrets::Stay,
        }),
        verify_token: new.verify_token.map(|text| Some(Zeroizing::new(text))),
        allow_ips: Some(networks_of(&new.allow_ips)?),
        tolerance_seconds: new.tolerance_seconds.map(Some),
    };
    let webhook = api
        .catalog
        .new_webhook(&caller.workspace, new.name, rules, authentication)
        .await?;
    Ok(json(StatusCode::CREATED, &shown(&api, &caller, &webhook)))
}

pub(in crate::http) async fn show(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    let webhook = api
        .catalog
        .look_up(|catalog| catalog.webhook(&caller.workspace, &caller.name))
        .await?;
    Ok(json(StatusCode::OK, &shown(&api, &caller, &webhook)))
}

pub(in crate::http) async fn change(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let WebhookSettings { correlate, dedup } =
        json_body(&api, Some(&caller.workspace), &headers, body).await?;
    let (correlate, dedup) = (pointer(correlate.as_deref())?, dedup_rule(dedup)?);
    let webhook = api
        .catalog
        .change_webhook(&caller.workspace, &caller.name, correlate, dedup)
        .await?;
    Ok(json(StatusCode::OK, &shown(&api, &caller, &webhook)))
}

pub(in crate::http) async fn patch(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let mut change: WebhookChange =
        json_body(&api, Some(&caller.workspace), &headers, body).await?;
    let correlate = change.correlate.take();
    let correlate = correlate.map(|text| pointer(text.as_deref()));
    let rules = WebhookRulesChange {
        replies: replies::of_change(&mut change)?,
        correlate: correlate.transpose()?,
        dedup: change.dedup.map(dedup_rule).transpose()?,
        intake: IntakeChange {
            rate: change
                .rate
                .map(|set| set.map(rate).transpose())
                .transpose()?,
            at_once: change
                .at_once
                .map(|set| set.map(at_once).transpose())
                .transpose()?,
            omits_bodies: change.record_bodies.map(|records| !records),
            ..IntakeChange::of(change.methods.as_deref(), change.headers.as_deref())?
        },
        schema: PayloadSchemaChange {
            text: (change.schema).map(|schema| schema.map(|schema| text(schema).into())),
            on_mismatch: change.on_mismatch.map(on_mismatch),
        },
        name: change.name.as_deref().map(new_name).transpose()?,
        is_disabled: change.disabled,
    };
    let overlap = change.overlap_seconds.unwrap_or(0);
    let networks = change.allow_ips.as_deref().map(networks_of).transpose()?;
    let authentication = AuthenticationChange {
        provider: change.provider,
        scheme: change.scheme.map(text),
        secret: change.secret.map(|text| NewSecret {
            text: Zeroizing::new(text),
            others: OtherSecrets::Expire(overlap),
        }),
        verify_token: change.verify_token.map(|text| text.map(Zeroizing::new)),
        allow_ips: networks,
        tolerance_seconds: change.tolerance_seconds,
    };
    let is_renamed = rules.name.is_some();
    let (before, webhook) = api
        .catalog
        .set_webhook(&caller.workspace, &caller.name, rules, authentication)
        .await?;
    let mut webhook = shown(&api, &caller, &webhook);
    if is_renamed {
        let before = before.name.as_str();
        let warnings = api
            .catalog
            .left_behind(&caller.workspace, before, &webhook.name);
        webhook.warnings = Some(warnings);
    }
    Ok(json(StatusCode::OK, &webhook))
}

pub(in crate::http) async fn rotate(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let WebhookRotation { overlap_seconds } =
        json_body(&api, Some(&caller.workspace), &headers, body).await?;
    let overlap = overlap_seconds.unwrap_or(KEY_OVERLAP_SECONDS);
    let webhook = api
        .catalog
        .rotate_webhook(&caller.workspace, &caller.name, overlap)
        .await?;
    Ok(json(StatusCode::OK, &shown(&api, &caller, &webhook)))
}

pub(in crate::http) async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    api.catalog
        .delete_webhook(&caller.workspace, &caller.name)
        .await?;
    Ok(no_content())
}

pub(in crate::http) async fn secrets(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    let webhook = api
        .catalog
        .look_up(|catalog| catalog.webhook(&caller.workspace, &caller.name))
        .await?;
    let secrets = shown(&api, &caller, &webhook).secrets;
    Ok(json(StatusCode::OK, &WebhookSecrets { secrets }))
}

pub(in crate::http) async fn add_secret(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let new: NewWebhookSecret = json_body(&api, Some(&caller.workspace), &headers, body).await?;
    let secret = NewSecret {
        text: Zeroizing::new(new.secret),
        others: new
            .overlap_seconds
            .map_or(OtherSecrets::Stay, OtherSecrets::Expire),
    };
    let (webhook, id) = api
        .catalog
        .add_secret(&caller.workspace, &caller.name, secret)
        .await?;
    let secrets = shown(&api, &caller, &webhook).secrets;
    let added = secrets.into_iter().find(|secret| secret.id == id);
    Ok(json(StatusCode::CREATED, &added))
}

pub(in crate::http) async fn delete_secret(
    State(api): State<Arc<Api>>,
    caller: Caller<Deploy>,
) -> Result<Response<Body>, ApiError> {
    api.catalog
        .delete_secret(&caller.workspace, &caller.parent, &caller.name)
        .await?;
    Ok(no_content())
}
