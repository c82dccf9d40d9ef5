//! Why steps run or do not: what their conditions lack of a task's data, and names in conditions that
//! nothing here has.

use std::sync::Arc;

use stepwell_condition::{Budget, Mismatch, Spent, nearest};

use super::matching::LiveStep;
use super::{Catalog, CatalogError, TooCostly};
use crate::domain::data::Document;
use crate::domain::ids::{StepName, WorkspaceName};
use crate::domain::limits::MATCHING_UNITS;

/// Work that explaining one task may take over all steps, beside finding those that match.
const UNITS: u64 = 2 * MATCHING_UNITS;
/// Names in one condition that are compared with the names that exist.
const NAMES: usize = 4;

/// How a step's condition compares with a task's data.
#[derive(Debug)]
pub enum Verdict {
    /// It matches.
    Matches,
    /// It does not, and this is the first part of it that fails.
    Differs(Mismatch),
    /// It takes more work than the conditions of all steps may take together, or most of that: no step is
    /// found for the data.
    TooCostly(TooCostly),
    /// It was not looked at to the end: the conditions before it took too much.
    Unknown,
}

impl Catalog {
    /// What the conditions of a workspace's steps, or of one of them, say to the data: the steps that
    /// match first, then those that are too costly, those that fail at more than how the task came in, and the
    /// rest, each by name.
    pub fn explain(
        &self,
        workspace: &WorkspaceName,
        only: Option<&StepName>,
        mut data: Arc<Document>,
    ) -> Result<Vec<(Arc<LiveStep>, Verdict)>, CatalogError> {
        let steps = match only {
            Some(name) => vec![self.step(workspace, name)?],
            None => self.steps(workspace)?,
        };
        // As the engine finds them.
        let found = self.matching(workspace, &mut data, &mut Budget::new(MATCHING_UNITS));
        let costly = found.err();
        let data = data.seen();
        let mut left = UNITS;
        let judged = steps.into_iter().map(|step| {
            let costliest = costly.clone();
            if let Some(costliest) = costliest.filter(|costly| costly.step == step.step.name) {
                return (step, Verdict::TooCostly(costliest));
            }
            let mut budget = Budget::new(left);
            let verdict = match step.pattern.mismatch(data, &mut budget) {
                Ok(Some(mismatch)) => Verdict::Differs(mismatch),
                Ok(None) => Verdict::Matches,
                Err(Spent) => Verdict::Unknown,
            };
            left = budget.left();
            (step, verdict)
        });
        let mut judged: Vec<_> = judged.collect();
        judged.sort_by_key(|(_, verdict)| match verdict {
            Verdict::Matches => 0,
            Verdict::TooCostly(_) => 1,
            Verdict::Differs(mismatch) if !mismatch.pointer.starts_with("/$via") => 2,
            Verdict::Differs(_) => 3,
            Verdict::Unknown => 4,
        });
        Ok(judged)
    }

    /// What is probably not meant in a step's condition: the name of a webhook or schedule that is not
    /// there, where one of nearly that name is.
    pub fn doubts(&self, workspace: &WorkspaceName, step: &LiveStep) -> Vec<String> {
        let Ok(workspace) = self.workspace(workspace) else {
            return Vec::new();
        };
        let kinds = step.pattern.texts_at(&["$via", "type"]);
        let comes_by = |kind| kinds.is_empty() || kinds.contains(&kind);
        let workspace = workspace.read();
        let webhooks = workspace
            .webhooks
            .keys()
            .map(|name| ("webhook", name.as_str()));
        let schedules = workspace
            .schedules
            .keys()
            .map(|name| ("schedule", name.as_str()));
        let there: Vec<_> = webhooks
            .chain(schedules)
            .filter(|(kind, _)| comes_by(kind))
            .collect();
        let named = step.pattern.texts_at(&["$via", "name"]);
        named
            .into_iter()
            .take(NAMES)
            .filter(|name| there.iter().all(|(_, other)| other != name))
            .filter_map(|name| {
                let meant = nearest(name, there.iter().map(|(_, name)| *name))?;
                let (kind, _) = there.iter().find(|(_, name)| *name == meant)?;
                Some(format!(
                    "the condition names the {kind} `{name}`, which is not there; did you mean `{meant}`?"
                ))
            })
            .collect()
    }
}
