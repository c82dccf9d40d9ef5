//! The output of `serve --print-config --json`.

use std::path::Path;
use std::time::Duration;

use stepwell_api::report::ServeSettings;

use crate::settings::Settings;

/// Every setting with its value.
pub(super) fn document(settings: &Settings) -> ServeSettings {
    let path = |path: &Path| path.display().to_string();
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let (tls, proxies) = (settings.tls.as_ref(), &settings.proxies);
    let weights = settings.cpu_weights.iter();
    ServeSettings {
        listen: settings.listen.to_string(),
        public_url: settings.public_url.clone(),
        tls_cert: tls.map(|files| path(&files.certificate)),
        tls_key: tls.map(|files| path(&files.key)),
        trusted_proxy: proxies.trusted.iter().map(ToString::to_string).collect(),
        proxy_header: proxies.header.as_str().to_owned(),
        data_dir: path(&settings.data_dir),
        store: settings.store.as_ref().map(ToString::to_string),
        files_dir: settings.files_dir.as_deref().map(path),
        cache_dir: settings.cache_dir.as_deref().map(path),
        discard_secrets: settings.discard_secrets,
        egress_allow: settings.egress_allow.clone(),
        concurrency: settings.concurrency,
        cpu_weights: weights
            .map(|(name, weight)| (name.to_string(), *weight))
            .collect(),
        components: settings.components,
        connections: settings.connections,
        connections_per_address: settings.connections_of_one(),
        auth_failures: settings.auth_failures,
        audit_entries: settings.audit.done,
        audit_refused: settings.audit.refused,
        audit_days: settings.audit.days,
        body_bytes: settings.body_bytes,
        bodies_bytes: settings.bodies_bytes,
        upload_bytes: settings.uploads.request_bytes,
        files_bytes: settings.uploads.workspace_bytes,
        memory: settings.memory,
        head_timeout_ms: millis(settings.head_timeout),
        body_timeout_ms: millis(settings.body_timeout),
        write_timeout_ms: millis(settings.write_timeout),
        grace_ms: millis(settings.grace),
        log: settings.log.clone(),
        log_json: settings.log_json,
    }
}
