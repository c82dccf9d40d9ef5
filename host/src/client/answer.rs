//! Answers of the server.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ClientError;

/// A response body, with the API type `T` that it should decode to.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// As the server sent it; `null` if the body was empty.
    document: Value,
    server_url: String,
    marker: PhantomData<fn() -> T>,
}

impl<T> Answer<T> {
    pub(super) fn new(document: Value, server_url: &str) -> Self {
        Self {
            document,
            server_url: server_url.to_owned(),
            marker: PhantomData,
        }
    }

    /// The document as it came, members that this version does not know included; `null` if the body was
    /// empty. For printing only; use [`Answer::read`] to interpret it.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Takes the document out.
    pub fn into_document(self) -> Value {
        self.document
    }
}

impl<T: DeserializeOwned> Answer<T> {
    /// Decodes the document.
    ///
    /// # Errors
    /// [`ClientError::BadAnswer`] if it does not match `T`.
    pub fn read(&self) -> Result<T, ClientError> {
        T::deserialize(&self.document).map_err(|error| ClientError::BadAnswer {
            url: self.server_url.clone(),
            reason: error.to_string(),
        })
    }
}
