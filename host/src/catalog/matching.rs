//! The steps of one workspace by their conditions: the one place that knows the condition index.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use stepwell_condition::{Index, Pattern};

use super::error::CatalogError;
use crate::domain::data::Document;
use crate::domain::step::Step;

/// A step whose condition is parsed. Its component is loaded when it is first run.
#[derive(Debug)]
pub struct LiveStep {
    /// The step.
    pub step: Arc<Step>,
    /// Its condition.
    pub pattern: Pattern,
}

impl LiveStep {
    pub(super) fn new(step: Step) -> Result<Arc<Self>, CatalogError> {
        let pattern = pattern(&step.condition)?;
        let step = Arc::new(step);
        Ok(Arc::new(Self { step, pattern }))
    }
}

/// Parses a condition as a component returned it.
pub(super) fn pattern(condition: &str) -> Result<Pattern, CatalogError> {
    let value: Value =
        serde_json::from_str(condition).map_err(|error| CatalogError::ConditionNotJson {
            line: error.line(),
            column: error.column(),
            message: {
                let mut message = error.to_string();
                if let Some(end) = message.rfind(" at line ") {
                    message.truncate(end);
                }
                message
            },
        })?;
    Pattern::parse(&value).map_err(CatalogError::BadCondition)
}

/// Finds the steps that match without looking at all of them.
#[derive(Default)]
pub(super) struct Matching {
    index: Index,
    /// Members of the root that conditions look at: how many times.
    roots: HashMap<Box<str>, u32>,
    slots: Vec<Option<Arc<LiveStep>>>,
    free: Vec<u32>,
}

impl Matching {
    /// Adds a step and returns its slot.
    pub(super) fn insert(&mut self, step: Arc<LiveStep>) -> u32 {
        // A workspace has far fewer steps than u32 has numbers (`limits::STEPS`).
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        self.index.insert(slot, &step.pattern);
        for root in step.pattern.roots() {
            *self.roots.entry(root.into()).or_default() += 1;
        }
        match self.slots.get_mut(slot as usize) {
            Some(place) => *place = Some(step),
            None => self.slots.push(Some(step)),
        }
        slot
    }

    /// Removes the step in a slot.
    pub(super) fn remove(&mut self, slot: u32) {
        if let Some(place) = self.slots.get_mut(slot as usize)
            && let Some(step) = place.take()
        {
            for root in step.pattern.roots() {
                if let Some(times) = self.roots.get_mut(root) {
                    *times -= 1;
                    if *times == 0 {
                        self.roots.remove(root);
                    }
                }
            }
            self.index.remove(slot);
            self.free.push(slot);
        }
    }

    /// The steps whose condition matches, in no particular order. What any of them looks at is seen
    /// in the document then.
    pub(super) fn matching(&self, document: &mut Arc<Document>) -> Vec<Arc<LiveStep>> {
        // Most workspaces' conditions look at few members: to compare is then quicker than to hash.
        let is_wanted = |name: &str| match self.roots.len() {
            ..8 => self.roots.keys().any(|root| **root == *name),
            _ => self.roots.contains_key(name),
        };
        if document.has_unseen(is_wanted) {
            Arc::make_mut(document).look(is_wanted);
        }
        let data = document.seen();
        let mut slots = Vec::new();
        self.index.candidates(data, &mut slots);
        slots
            .into_iter()
            .filter_map(|slot| self.slots.get(slot as usize)?.as_ref())
            .filter(|step| step.pattern.matches(data))
            .cloned()
            .collect()
    }
}
