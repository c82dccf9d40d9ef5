//! Values that the vault sealed: config values and connectors' settings. To the store they are bytes; what is
//! sealed has a version of its own, see [`crate::vault`].

use std::borrow::Cow;

use super::kind::{StoredValue, kind, postcard_shapes, push};
use super::parts::Bytes;
use crate::store::StoreError;

macro_rules! sealed {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(in super::super) struct $name<'a>(pub Cow<'a, [u8]>);

        kind!('a, $name<'a>, $kind, 1 => Bytes<'a>);

        impl<'a> From<Bytes<'a>> for $name<'a> {
            fn from(bytes: Bytes<'a>) -> Self {
                Self(bytes.0)
            }
        }

        impl StoredValue for $name<'_> {
            fn write(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
                push(out, 1, &Bytes::from(&*self.0))
            }
        }

        impl<'a> From<&'a [u8]> for $name<'a> {
            fn from(sealed: &'a [u8]) -> Self {
                Self(Cow::Borrowed(sealed))
            }
        }
    };
}

postcard_shapes!('a, Bytes<'a>);
sealed!(
    /// A sealed config value.
    SealedConfig,
    "a config value"
);
sealed!(
    /// A connector's sealed settings.
    SealedConnector,
    "a connector"
);
