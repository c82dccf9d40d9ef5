//! The result of a schema check: as `$via.schema` of the task, and as the refusal for the sender.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use stepwell_schema::Violation;

/// The result of checking a document with a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It fits.
    Fits,
    /// It does not, in these places.
    Fails(Vec<Violation>),
    /// To find out takes more work than a check may.
    Unknown,
}

/// A document does not fit its webhook's schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", text(self))]
pub struct Mismatch {
    /// Where it does not fit; nowhere if that takes too much work to find out.
    pub violations: Vec<Violation>,
    /// Its number among those of its request, from 1; none if it is the only one.
    pub document: Option<usize>,
}

fn text(mismatch: &Mismatch) -> String {
    let which = match mismatch.document {
        Some(number) => format!("document {number} of the body"),
        None => "the body".to_owned(),
    };
    let Some(first) = mismatch.violations.first() else {
        return format!(
            "checking {which} with the webhook's schema takes more work than it may; a simpler schema, shorter texts or fewer items take less"
        );
    };
    let Violation {
        instance,
        schema,
        message,
    } = first;
    let place = match instance.as_str() {
        "" => "it".to_owned(),
        instance => format!("`{instance}`"),
    };
    let others = match mismatch.violations.len() {
        1 => String::new(),
        many => format!(", and {} more", many - 1),
    };
    format!(
        "{which} does not fit the webhook's schema: {place} {message} (`{schema}` of the schema){others}"
    )
}

/// As `$via.schema` has it.
impl Serialize for Fit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("valid", &(*self == Self::Fits))?;
        let errors: Vec<ViolationView<'_>> = match self {
            Self::Fits => Vec::new(),
            Self::Fails(violations) => violations.iter().map(ViolationView::of).collect(),
            Self::Unknown => vec![ViolationView {
                instance: "",
                schema: "",
                message: "checking it takes more work than it may",
            }],
        };
        if !errors.is_empty() {
            map.serialize_entry("errors", &errors)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct ViolationView<'v> {
    instance: &'v str,
    schema: &'v str,
    message: &'v str,
}

impl<'v> ViolationView<'v> {
    fn of(violation: &'v Violation) -> Self {
        Self {
            instance: &violation.instance,
            schema: &violation.schema,
            message: &violation.message,
        }
    }
}
