//! The output of `serve --print-config --json`.

use serde_json::json;

use crate::settings::Settings;

/// Every setting with its value.
pub(super) fn document(settings: &Settings) -> serde_json::Value {
    json!({
        "listen": settings.listen.to_string(),
        "public_url": settings.public_url,
        "tls_cert": settings.tls.as_ref().map(|files| files.certificate.display().to_string()),
        "tls_key": settings.tls.as_ref().map(|files| files.key.display().to_string()),
        "trusted_proxy": settings.proxies.trusted.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "proxy_header": settings.proxies.header.as_str(),
        "data_dir": settings.data_dir.display().to_string(),
        "store": settings.store.as_ref().map(ToString::to_string),
        "files_dir": settings.files_dir.as_ref().map(|dir| dir.display().to_string()),
        "cache_dir": settings.cache_dir.as_ref().map(|dir| dir.display().to_string()),
        "discard_secrets": settings.discard_secrets,
        "egress_allow": settings.egress_allow,
        "concurrency": settings.concurrency,
        "cpu_weights": settings.cpu_weights.iter().map(|(name, weight)| (name.to_string(), *weight)).collect::<std::collections::BTreeMap<_, _>>(),
        "components": settings.components,
        "connections": settings.connections,
        "auth_failures": settings.auth_failures,
        "audit_entries": settings.audit.done,
        "audit_refused": settings.audit.refused,
        "audit_days": settings.audit.days,
        "body_bytes": settings.body_bytes,
        "bodies_bytes": settings.bodies_bytes,
        "upload_bytes": settings.uploads.request_bytes,
        "files_bytes": settings.uploads.workspace_bytes,
        "memory": settings.memory,
        "head_timeout_ms": settings.head_timeout.as_millis() as u64,
        "body_timeout_ms": settings.body_timeout.as_millis() as u64,
        "write_timeout_ms": settings.write_timeout.as_millis() as u64,
        "grace_ms": settings.grace.as_millis() as u64,
        "log": settings.log,
        "log_json": settings.log_json,
    })
}
