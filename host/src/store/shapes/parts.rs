//! The parts of shapes: texts, bytes, ids and lists that are written as they lie in the domain's
//! values, without a copy, and read from the stored bytes.

use std::borrow::Cow;
use std::convert::Infallible;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::authentication::AuthenticationError;
use crate::domain::ids::{
    IdError, ScheduleName, StepName, TaskId, TokenName, WebhookName, WorkspaceName,
};
use crate::domain::intake::IntakeError;
use crate::domain::rate::Rate;
use crate::domain::token::TokenError;

/// Why a shape that was read is no value of the domain.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum ShapeError {
    /// It contains an invalid name.
    #[error(transparent)]
    Name(#[from] IdError),
    /// It contains an invalid network.
    #[error(transparent)]
    Network(#[from] AuthenticationError),
    /// It contains an invalid method or rate.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// It contains an invalid scope.
    #[error(transparent)]
    Scope(#[from] TokenError),
    /// It contains an invalid digest.
    #[error("a token's digest has not 32 bytes")]
    Digest,
    /// It contains an invalid change of data.
    #[error("a change of a task's data cannot be read")]
    Edit,
}

impl From<Infallible> for ShapeError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// A rate of requests.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RateShape {
    requests: u32,
    seconds: u32,
}

impl From<Rate> for RateShape {
    fn from(Rate { requests, seconds }: Rate) -> Self {
        Self { requests, seconds }
    }
}

impl TryFrom<RateShape> for Rate {
    type Error = ShapeError;

    fn try_from(shape: RateShape) -> Result<Self, ShapeError> {
        let rate = Self::new(shape.requests.into(), shape.seconds.into());
        Ok(rate.map_err(IntakeError::from)?)
    }
}

/// Text: its length in bytes, then UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    /// As the name that it is.
    pub(super) fn name<N: FromStr<Err = IdError>>(&self) -> Result<N, ShapeError> {
        Ok(self.0.parse()?)
    }
}

/// As the name that it is, if it is there.
pub(super) fn name<N: FromStr<Err = IdError>>(
    text: Option<Text<'_>>,
) -> Result<Option<N>, ShapeError> {
    text.map(|text| text.name()).transpose()
}

/// Text that may not be there.
pub(super) fn text(text: &Option<String>) -> Option<Text<'_>> {
    text.as_ref().map(Text::from)
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

macro_rules! texts {
    ($($name:ty),+) => {$(
        impl<'a> From<&'a $name> for Text<'a> {
            fn from(name: &'a $name) -> Self {
                Self(Cow::Borrowed(name.as_str()))
            }
        }
    )+};
}
texts!(
    String,
    StepName,
    WorkspaceName,
    WebhookName,
    ScheduleName,
    TokenName
);

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        text.0.into_owned()
    }
}

impl TryFrom<Text<'_>> for StepName {
    type Error = ShapeError;

    fn try_from(text: Text<'_>) -> Result<Self, ShapeError> {
        text.name()
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de str>::deserialize(deserializer).map(Self::from)
    }
}

/// Bytes: their number, then they.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Bytes<'a>(pub Cow<'a, [u8]>);

impl<'a> From<&'a [u8]> for Bytes<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Cow::Borrowed(bytes))
    }
}

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de [u8]>::deserialize(deserializer).map(Self::from)
    }
}

/// A task's id: the number 16, then its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Id(pub TaskId);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0.as_bytes())
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&'de [u8]>::deserialize(deserializer)?;
        let bytes = bytes
            .try_into()
            .map_err(|_| D::Error::custom("a task's id has not 16 bytes"))?;
        Ok(Self(TaskId::from_bytes(bytes)))
    }
}

/// A list: the number of its items, then they. `T` is the domain's type of an item, `S` its shape.
#[derive(Debug)]
pub(in super::super) enum List<'a, T, S> {
    /// To be written.
    Domain(&'a [T]),
    /// As it was read.
    Read(Vec<S>),
}

impl<'a, T, S> List<'a, T, S> {
    /// The domain's list.
    pub(super) fn into_domain(self) -> Result<Vec<T>, ShapeError>
    where
        S: From<&'a T>,
        T: TryFrom<S>,
        ShapeError: From<T::Error>,
    {
        match self {
            Self::Domain(all) => all
                .iter()
                .map(|one| Ok(T::try_from(S::from(one))?))
                .collect(),
            Self::Read(all) => all.into_iter().map(|one| Ok(T::try_from(one)?)).collect(),
        }
    }
}

impl<'a, T, S: Serialize + From<&'a T>> Serialize for List<'a, T, S> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        match self {
            Self::Domain(all) => serializer.collect_seq(all.iter().map(S::from)),
            Self::Read(all) => serializer.collect_seq(all),
        }
    }
}

impl<'de, T, S: Deserialize<'de>> Deserialize<'de> for List<'_, T, S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::Read)
    }
}
