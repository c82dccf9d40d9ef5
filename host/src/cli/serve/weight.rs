//! The flag of `serve` about shares of the processors.

use crate::domain::ids::{IdError, WorkspaceName};

/// The greatest weight of a workspace: beyond it the others would all but stand still.
const MOST_WEIGHT: u32 = 1_000;

pub(super) fn parse_weight(text: &str) -> Result<(WorkspaceName, u32), String> {
    let wrong = || {
        format!(
            "it must be a workspace's name and a whole number from 1 to {MOST_WEIGHT}, e.g. acme=3"
        )
    };
    let (name, weight) = text.split_once('=').ok_or_else(wrong)?;
    let weight = weight.parse().ok();
    let weight = weight.filter(|weight| (1..=MOST_WEIGHT).contains(weight));
    Ok((
        name.parse().map_err(|error: IdError| error.to_string())?,
        weight.ok_or_else(wrong)?,
    ))
}
