//! Kinds of stored values, and how their versions are distinguished and read.

use serde::{Deserialize, Serialize};

use super::super::codec::damaged;
use crate::store::StoreError;

/// A kind of value that is stored. `'a` is how long the bytes live that it is read from.
pub(in super::super) trait Kind<'a>: Sized {
    /// Its name in errors, e.g. `a step`.
    const NAME: &'static str;
    /// The newest version that this build reads.
    const NEWEST: u8;

    /// Reads the bytes after the version byte, by the reader of that version and up the chain.
    fn of_version(version: u8, bytes: &'a [u8]) -> Result<Self, StoreError>;
}

/// One version of a kind: the layout of the bytes after the version byte.
pub(in super::super) trait Shape<'a>: Sized {
    /// Reads all of `bytes`; `kind` names the value in errors.
    fn parse(bytes: &'a [u8], kind: &'static str) -> Result<Self, StoreError>;
}

/// A value that is stored as bytes of its own, after a version byte. The oldest version that can hold it is written.
pub(in super::super) trait StoredValue {
    /// Appends the version byte and the bytes of that version.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError>;
}

/// Reads a value of any known version.
///
/// # Errors
/// [`StoreError::NewerValue`] for a version that this build does not know, else
/// [`StoreError::Damaged`]; both name the kind.
pub(in super::super) fn read<'a, T: Kind<'a>>(bytes: &'a [u8]) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((version, rest)) => {
            check_version(*version, T::NEWEST, T::NAME)?;
            T::of_version(*version, rest)
        }
        None => Err(damaged(T::NAME, "it is empty")),
    }
}

/// Refuses the version of a value if it is not one of 1 to `newest`.
pub(in super::super) fn check_version(
    version: u8,
    newest: u8,
    kind: &'static str,
) -> Result<(), StoreError> {
    match version {
        0 => Err(damaged(kind, "it has version 0")),
        version if version > newest => Err(StoreError::NewerValue {
            kind,
            found: version.into(),
            known: newest.into(),
        }),
        _ => Ok(()),
    }
}

/// Declares a kind with every version that was ever written, the oldest first:
/// `kind!('a, Domain, "a name", 1 => V1<'a>, 2 => V2<'a>)`.
///
/// Each is a [`Shape`]. A version is converted into the next one by `From`, and the newest into the
/// domain's type by `From` or `TryFrom`.
macro_rules! kind {
    ($life:lifetime, $domain:ty, $name:expr, $($version:literal => $shape:ty),+ $(,)?) => {
        impl<$life> $crate::store::shapes::kind::Kind<$life> for $domain {
            const NAME: &'static str = $name;
            const NEWEST: u8 = {
                let versions = [$($version),+];
                versions[versions.len() - 1]
            };

            fn of_version(
                version: u8,
                bytes: &$life [u8],
            ) -> Result<Self, $crate::store::StoreError> {
                $crate::store::shapes::kind::kind!(
                    @read version, bytes, $life, $domain, $name; $($version => $shape),+
                )
            }
        }
    };
    (
        @read $found:ident, $bytes:ident, $life:lifetime, $domain:ty, $name:expr;
        $version:literal => $shape:ty $(, $newer:literal => $next:ty)*
    ) => {
        if $found == $version {
            let value = <$shape as $crate::store::shapes::kind::Shape<$life>>::parse(
                $bytes, $name,
            )?;
            $(let value = <$next>::from(value);)*
            <$domain>::try_from(value).map_err(|error| {
                $crate::store::codec::damaged($name, &error.to_string())
            })
        } else {
            $crate::store::shapes::kind::kind!(
                @read $found, $bytes, $life, $domain, $name; $($newer => $next),*
            )
        }
    };
    (@read $found:ident, $bytes:ident, $life:lifetime, $domain:ty, $name:expr;) => {
        Err($crate::store::codec::damaged($name, &format!("it has version {}", $found)))
    };
}
pub(in super::super) use kind;

/// Makes structs shapes whose bytes are postcard. It does not describe itself: a field more or less, or
/// in another place, is another version. Bytes that are left over are refused, never dropped.
macro_rules! postcard_shapes {
    ($life:lifetime, $($shape:ty),+ $(,)?) => {$(
        impl<$life> $crate::store::shapes::kind::Shape<$life> for $shape {
            fn parse(
                bytes: &$life [u8],
                kind: &'static str,
            ) -> Result<Self, $crate::store::StoreError> {
                $crate::store::shapes::kind::from_postcard(bytes, kind)
            }
        }
    )+};
}
pub(in super::super) use postcard_shapes;

pub(in super::super) fn from_postcard<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    kind: &'static str,
) -> Result<T, StoreError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(damaged(
            kind,
            &format!("it goes on for {} bytes past its end", rest.len()),
        )),
        Err(error) => Err(damaged(kind, &error.to_string())),
    }
}

struct Sink<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Sink<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Appends a version byte and a shape as postcard.
pub(in super::super) fn push<S: Serialize>(
    out: &mut Vec<u8>,
    version: u8,
    shape: &S,
) -> Result<(), StoreError> {
    out.push(version);
    postcard::serialize_with_flavor(shape, Sink(out))
        .map_err(|error| StoreError::Refused(format!("a value cannot be encoded: {error}")))
}
