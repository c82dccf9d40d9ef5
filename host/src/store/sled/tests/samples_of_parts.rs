//! The values of tokens and of the store's own files of which golden files are kept.

use super::super::catalog_frame::Frame;
use super::super::marks::StoreMarks;
use super::super::scan::generation::Tag;
use super::samples::{AT, workspace};
use crate::domain::audit::AuditEntry;
use crate::domain::principal::Scope;
use crate::domain::token::Token;

/// Tokens of a workspace and of the server, with and without an end and a last use.
pub(super) fn tokens() -> Vec<Token> {
    let token = |workspace, scopes, expires, used| Token {
        id: "2Xk9".into(),
        name: "ci.deploy_1".parse().unwrap(),
        workspace,
        scopes,
        digest: [9; 32],
        added: AT,
        added_by: "admin".into(),
        expires,
        used,
    };
    vec![
        token(Some(workspace()), vec![Scope::Read], None, None),
        token(None, Scope::ALL.to_vec(), Some(AT + 1), Some(AT + 2)),
    ]
}

pub(super) fn noted() -> Vec<StoreMarks> {
    let full = StoreMarks {
        tag: Tag([1, 2, 3, 4, 5, 6, 7, 255]),
        generation: 1 << 40,
        tree_bytes: u64::MAX,
        slots: [(0, 8 << 20), (7, 1 << 33)].into(),
        segments: [(1, 16), (u32::MAX, 128 << 20)].into(),
    };
    vec![StoreMarks::default(), full]
}

pub(super) fn frames() -> Vec<Frame> {
    let put = (b"q/default\0plain".to_vec(), Some(vec![1, 0, 0, 0, 0, 200]));
    let removed = (b"g/default\0KEY".to_vec(), None);
    vec![
        Frame {
            revision: 0,
            seed: Some([7; 32]),
            changes: Vec::new(),
        },
        Frame {
            revision: 1 << 40,
            seed: None,
            changes: vec![put, removed],
        },
    ]
}

/// A change by a token, and a refused attempt by the admin token.
pub(super) fn audit_entries() -> Vec<AuditEntry> {
    let entry = |workspace, token, outcome: &str| AuditEntry {
        at: 1_764_000_000_123,
        workspace,
        who: "ci".to_owned(),
        token,
        ip: "192.0.2.7".to_owned(),
        what: "setConfig".to_owned(),
        target: "config/CRM_TOKEN".to_owned(),
        outcome: outcome.to_owned(),
    };
    vec![
        entry(
            "sales-automation".parse().ok(),
            Some("2Xk9".to_owned()),
            "done",
        ),
        entry(None, None, "forbidden"),
    ]
}
