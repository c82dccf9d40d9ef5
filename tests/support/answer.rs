//! Answers of the API as the types of the contract.

use std::fmt;
use std::ops::{Deref, Index};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// An answer as its type, beside the JSON that it was read from. Members are fields of the type; an index
/// reads the JSON, for tests of what the JSON looks like.
#[derive(Clone)]
pub struct Answer<T> {
    answer: T,
    json: Value,
}

impl<T: DeserializeOwned> Answer<T> {
    /// Reads an answer; panics if it is not of the type.
    pub fn of(json: Value) -> Self {
        match serde_json::from_value(json.clone()) {
            Ok(answer) => Self { answer, json },
            Err(error) => panic!("{error}: {json:#}"),
        }
    }
}

impl<T> Answer<T> {
    /// The JSON as it came.
    pub fn json(&self) -> &Value {
        &self.json
    }
}

impl<T> Deref for Answer<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.answer
    }
}

impl<T> Index<&str> for Answer<T> {
    type Output = Value;

    fn index(&self, member: &str) -> &Value {
        &self.json[member]
    }
}

impl<T> PartialEq for Answer<T> {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.json, f)
    }
}

impl<T> fmt::Display for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.json, f)
    }
}
