//! What a refusal is to a machine: its status, its code, and further members.

use axum::http::StatusCode;
use serde_json::{Map, Value};

/// What a refusal says beside its text.
pub(super) struct Kind {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) extra: Map<String, Value>,
}

pub(super) fn kind(status: StatusCode, code: &'static str) -> Kind {
    Kind {
        status,
        code,
        extra: Map::new(),
    }
}

pub(super) fn with(status: StatusCode, code: &'static str, extra: Value) -> Kind {
    Kind {
        status,
        code,
        extra: match extra {
            Value::Object(extra) => extra,
            _ => Map::new(),
        },
    }
}
