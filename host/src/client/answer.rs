//! What the server answered.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ClientError;

/// What the server answered: the document as it came, and the type of the contract that it is.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    document: Value,
    /// The server's address.
    url: String,
    is: PhantomData<fn() -> T>,
}

impl<T> Answer<T> {
    pub(super) fn new(document: Value, url: &str) -> Self {
        Self {
            document,
            url: url.to_owned(),
            is: PhantomData,
        }
    }

    /// The document as it came, members that this version does not know included. It is for printing:
    /// what is to be understood is read.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The same without a copy.
    pub fn into_document(self) -> Value {
        self.document
    }
}

impl<T: DeserializeOwned> Answer<T> {
    /// The answer as its type.
    ///
    /// # Errors
    /// [`ClientError::BadAnswer`] if it is none.
    pub fn read(&self) -> Result<T, ClientError> {
        T::deserialize(&self.document).map_err(|error| ClientError::BadAnswer {
            url: self.url.clone(),
            reason: error.to_string(),
        })
    }
}
