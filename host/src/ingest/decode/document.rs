//! A document: what one task is made of.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::ingest::fit::Fit;

/// The text of a task's data before `$via` is put to it.
#[derive(Debug, Clone)]
pub struct Document {
    /// JSON, or a body that was sent as such.
    pub text: Bytes,
    /// Lines of the body before it, so that a refusal names the body's line.
    pub line: usize,
    /// The attributes of the CloudEvent that it was the data of.
    pub event: Option<Arc<Map<String, Value>>>,
    /// The result of the schema check, if the task is to have it.
    pub fit: Option<Arc<Fit>>,
}

/// The documents of a body.
#[derive(Debug, Clone)]
pub enum Decoded {
    /// One document.
    One(Document),
    /// As many as there are: the content type is one of several documents, if only of one or none.
    Many(Vec<Document>),
}

impl Document {
    /// A document on the first line of its body.
    pub fn new(text: Bytes) -> Self {
        Self {
            text,
            line: 0,
            event: None,
            fit: None,
        }
    }
}

impl Decoded {
    /// The same as data of a CloudEvent.
    pub(super) fn with_event(mut self, event: &Map<String, Value>) -> Self {
        let documents = match &mut self {
            Self::One(document) => std::slice::from_mut(document),
            Self::Many(documents) => documents,
        };
        let event = Arc::new(event.clone());
        for document in documents {
            document.event = Some(event.clone());
        }
        self
    }
}
