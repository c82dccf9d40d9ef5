//! Words that mean something to programs, as open enumerations.

/// The words of an open enumeration in a schema. JSON Schema's `enum` would be a promise that there will be no
/// others.
pub const OPEN_ENUM: &str = "x-extensible-enum";

/// An enumeration of words that is open: a word that this version does not know is kept as it is.
macro_rules! words {
    (
        $(#[doc = $doc:literal])*
        $name:ident { $($(#[doc = $of:literal])* $variant:ident = $word:literal),* $(,)? }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[doc = $of])* $variant,)*
            /// A word of a newer server.
            Other(String),
        }

        impl $name {
            /// Every word that this version knows.
            pub const WORDS: &[&str] = &[$($word),*];

            /// The word as it stands in JSON.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)*
                    word => Self::Other(word.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(|word| Self::from(word.as_str()))
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let lines = [$(concat!("- `", $word, "`:", $($of, "\n"),*)),*];
                let about = [$($doc),*].map(str::trim).join("\n");
                let words = utoipa::openapi::extensions::Extensions::builder()
                    .add(crate::word::OPEN_ENUM, Self::WORDS.to_vec())
                    .build();
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(format!(
                        "{about} A newer server may have more words.\n\n{}",
                        lines.concat().trim_end()
                    )))
                    .extensions(Some(words))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}
pub(crate) use words;

/// Tells `null` from what is not named at all.
pub(crate) fn named<'de, D, T>(value: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de>,
{
    serde::Deserialize::deserialize(value).map(Some)
}

#[cfg(test)]
mod tests {
    use crate::TaskState;

    #[test]
    fn a_word_of_a_newer_server_is_kept() {
        let read = |text: &str| serde_json::from_str::<TaskState>(text).unwrap();
        assert_eq!(read("\"done\""), TaskState::Done);
        let newer = read("\"paused\"");
        assert_eq!(newer, TaskState::Other("paused".into()));
        assert_eq!(serde_json::to_string(&newer).unwrap(), "\"paused\"");
        assert_eq!(format!("{:<9}|", newer), "paused   |");
        assert!(serde_json::from_str::<TaskState>("1").is_err());
    }
}
