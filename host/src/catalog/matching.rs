//! The steps of one workspace by their conditions: the one place that knows the condition index.

use std::sync::Arc;

use serde_json::Value;
use stepwell_condition::{Index, Pattern};

use super::error::CatalogError;
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
    slots: Vec<Option<Arc<LiveStep>>>,
    free: Vec<u32>,
}

impl Matching {
    /// Adds a step and returns its slot.
    pub(super) fn insert(&mut self, step: Arc<LiveStep>) -> u32 {
        // A workspace has far fewer steps than u32 has numbers (`limits::STEPS`).
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        self.index.insert(slot, &step.pattern);
        match self.slots.get_mut(slot as usize) {
            Some(place) => *place = Some(step),
            None => self.slots.push(Some(step)),
        }
        slot
    }

    /// Removes the step in a slot.
    pub(super) fn remove(&mut self, slot: u32) {
        if let Some(place) = self.slots.get_mut(slot as usize)
            && place.take().is_some()
        {
            self.index.remove(slot);
            self.free.push(slot);
        }
    }

    /// The steps whose condition matches, in no particular order.
    pub(super) fn matching(&self, data: &Value) -> Vec<Arc<LiveStep>> {
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
