//! The bounds that no setting moves.

use crate::domain::limits;

/// The bounds that are not settings: name, value, what it bounds.
pub(super) fn fixed() -> [(&'static str, u64, &'static str); 28] {
    [
        ("json-depth", limits::JSON_DEPTH as u64, "of a webhook body"),
        ("data-depth", limits::DATA_DEPTH as u64, "of a task's data"),
        ("data-bytes", limits::DATA_BYTES as u64, "of a task's data"),
        (
            "component-bytes",
            limits::COMPONENT_BYTES as u64,
            "of a component",
        ),
        (
            "condition-bytes",
            limits::CONDITION_BYTES as u64,
            "of a condition",
        ),
        (
            "compile-seconds",
            limits::COMPILE_SECONDS,
            "of processor time, of one compilation",
        ),
        ("compile-bytes", limits::COMPILE_BYTES, "of one compilation"),
        ("runs-per-task", limits::RUNS_PER_TASK.into(), ""),
        ("log-bytes", limits::LOG_BYTES as u64, "kept of one run"),
        ("log-lines", limits::LOG_LINES as u64, "kept of one run"),
        (
            "calls-per-run",
            limits::CALLS_PER_RUN.into(),
            "connector calls",
        ),
        ("calls-at-once", limits::CALLS_AT_ONCE as u64, "of one run"),
        (
            "request-bytes",
            limits::REQUEST_BYTES as u64,
            "of one connector call",
        ),
        (
            "response-bytes",
            limits::RESPONSE_BYTES as u64,
            "of one connector call",
        ),
        (
            "hostcall-bytes",
            limits::HOSTCALL_BYTES as u64,
            "from guest to host in one call",
        ),
        (
            "text-bytes",
            limits::TEXT_BYTES as u64,
            "of a name, tag or failure message",
        ),
        ("tags", limits::TAGS as u64, "of a task"),
        ("workspaces", limits::WORKSPACES as u64, "of this server"),
        (
            "tokens",
            limits::TOKENS as u64,
            "of a workspace, and of the server",
        ),
        ("webhooks", limits::WEBHOOKS as u64, "of a workspace"),
        ("steps", limits::STEPS as u64, "of a workspace"),
        (
            "step-versions",
            limits::STEP_VERSIONS as u64,
            "kept of a step",
        ),
        (
            "notice-attempts",
            limits::NOTICE_ATTEMPTS.into(),
            "of a failure notice",
        ),
        (
            "notice-timeout-ms",
            limits::NOTICE_TIMEOUT_MS,
            "of one of them",
        ),
        (
            "notices-at-once",
            limits::NOTICES_AT_ONCE as u64,
            "of this server",
        ),
        (
            "notices-of-workspace",
            limits::NOTICES_OF_WORKSPACE as u64,
            "of them",
        ),
        ("config-keys", limits::CONFIG_KEYS as u64, "of a workspace"),
        (
            "config-bytes",
            limits::CONFIG_BYTES as u64,
            "of a config value",
        ),
    ]
}
