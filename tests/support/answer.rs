//! Answers of the API as the types of the contract.

use std::fmt;
use std::ops::Deref;

use serde::de::DeserializeOwned;
use serde_json::Value;
use stepwell_api::{Accepted, Problem};

/// An answer as its type, beside the JSON that it was read from, for tests of what the JSON looks like.
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

/// Reads an answer as its type; panics if it is another.
pub fn typed<T: DeserializeOwned>(answer: &Value) -> T {
    Answer::of(answer.clone()).answer
}

/// The task that a request to a webhook became; panics if it became none.
pub fn accepted_task(answer: &Value) -> String {
    typed::<Accepted>(answer).task
}

/// The problem that an answer is; panics if it is none.
pub fn refusal(answer: &Value) -> Problem {
    let problem: Problem = typed(answer);
    assert!(!problem.code.is_empty(), "no problem: {answer}");
    problem
}
