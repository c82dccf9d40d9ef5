//! The name under which `step add` sends a step that is called after its file or crate.

use std::path::Path;

use anyhow::Result;
use stepwell_api::{Step, Steps};

use super::super::exit::UsageError;
use crate::build::naming::{self, Derived};
use crate::client::{Client, ClientError};
use crate::domain::ids::StepName;
use crate::terminal::output::Output;

/// The name by the rule, unless the server has the step under another spelling of it. A note is printed if
/// the name differs from the source's own, or if another step may be the same one.
pub(super) async fn name(
    client: &Client,
    source: &Path,
    derived: &Derived,
    output: Output,
) -> Result<StepName> {
    let by_rule: StepName = derived.name.parse().map_err(UsageError::Name)?;
    let mut settled = derived.name.clone();
    match client.get::<Step>(&["steps", by_rule.as_str()], &[]).await {
        Ok(_) => {}
        Err(ClientError::NotFound { .. }) => {
            let listed = client.get::<Steps>(&["steps"], &[]).await?.read()?;
            let there: Vec<&str> = listed.steps.iter().map(|one| one.name.as_str()).collect();
            settled = naming::settle(derived, there.iter().copied());
            if settled == derived.name {
                let rival = there
                    .iter()
                    .find_map(|other| naming::rival(&settled, other));
                if let Some(rival) = rival {
                    output.note(&format!("note: {rival}"));
                }
            }
        }
        Err(error) => return Err(error.into()),
    }
    let source = source.display().to_string();
    if let Some(note) = naming::note(&source, derived, &settled) {
        output.note(&format!("note: {note}"));
    }
    Ok(settled.parse().map_err(UsageError::Name)?)
}
