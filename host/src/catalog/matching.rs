//! The steps of one workspace by their conditions: the one place that knows the condition index.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use stepwell_condition::{Budget, Index, Memory, Pattern, Spent};

use super::error::CatalogError;
use crate::domain::data::Document;
use crate::domain::ids::StepName;
use crate::domain::limits;
use crate::domain::step::Step;

/// How much work a look-up in the index may take, in units; some 3 ms. The workspace cannot be changed meanwhile. Beyond
/// it every condition is tried.
const INDEX_UNITS: u64 = 200_000;
/// Bytes of JSON text that are parsed for one unit of matching.
const PARSED_BYTES: u64 = 8;

/// A step whose condition is parsed. Its component is loaded when it is first run.
#[derive(Debug)]
pub struct LiveStep {
    /// The step.
    pub step: Arc<Step>,
    /// Its condition.
    pub pattern: Pattern,
    memory: Memory,
}

impl LiveStep {
    pub(super) fn new(step: Step) -> Result<Arc<Self>, CatalogError> {
        let pattern = pattern(&step.condition)?;
        let step = Arc::new(step);
        let memory = pattern.memory();
        Ok(Arc::new(Self {
            step,
            pattern,
            memory,
        }))
    }

    /// Refuses a condition that takes too much memory. A step that an older version took is used as it is.
    pub(super) fn check_memory(&self) -> Result<(), CatalogError> {
        let (bytes, most) = (self.memory.bytes(), limits::CONDITION_MEMORY);
        if bytes > most {
            let step = self.step.name.clone();
            return Err(CatalogError::ConditionTooLarge { step, bytes, most });
        }
        Ok(())
    }
}

/// A step whose condition matches a task's data.
#[derive(Debug, Clone)]
pub struct Match {
    /// The step.
    pub step: Arc<LiveStep>,
    /// A digest of what its condition observes in the data.
    pub observed: u64,
}

/// Which steps match is not known, since it takes more work than it may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "condition too costly: finding the steps for this task's data takes more than {budget} units of matching, and the condition of step `{step}` takes most, at least {units}; name values at fewer elements, or make the data smaller"
)]
pub struct TooCostly {
    /// The step whose condition took most.
    pub step: StepName,
    /// The work that its condition took, as far as it was evaluated.
    pub units: u64,
    /// What all of them may take.
    pub budget: u64,
}

/// The steps of `candidates` that match the data.
///
/// # Errors
/// The budget is spent before that is known.
pub(super) fn matches(
    candidates: Vec<Arc<LiveStep>>,
    data: &Value,
    budget: &mut Budget,
) -> Result<Vec<Match>, TooCostly> {
    let whole = budget.left();
    let mut matches = Vec::new();
    let mut most: Option<(Arc<LiveStep>, u64)> = None;
    for step in candidates {
        let before = budget.left();
        let judged = judge(&step.pattern, data, budget);
        let units = before - budget.left();
        if most.as_ref().is_none_or(|(_, most)| units > *most) {
            most = Some((step.clone(), units));
        }
        match judged {
            Ok(None) => {}
            Ok(Some(observed)) => matches.push(Match { step, observed }),
            Err(Spent) => {
                let (step, units) = most.unwrap_or((step, units));
                return Err(TooCostly {
                    step: step.step.name.clone(),
                    units,
                    budget: whole,
                });
            }
        }
    }
    Ok(matches)
}

/// The part of the data that a matching condition observes, as a digest.
fn judge(pattern: &Pattern, data: &Value, budget: &mut Budget) -> Result<Option<u64>, Spent> {
    if !pattern.matches_within(data, budget)? {
        return Ok(None);
    }
    pattern.observed_within(data, budget).map(Some)
}

/// Has the document see the members of these names.
pub(super) fn look(document: &mut Arc<Document>, roots: &Roots, budget: &mut Budget) {
    // Most workspaces' conditions look at few members: to compare is then quicker than to hash.
    let is_wanted = |name: &str| match roots.len() {
        ..8 => roots.keys().any(|root| **root == *name),
        _ => roots.contains_key(name),
    };
    if document.has_unseen(is_wanted) {
        let parsed = Arc::make_mut(document).parse_members(is_wanted);
        budget.charge(parsed as u64 / PARSED_BYTES);
    }
}

/// Members of the root that conditions look at: how many times.
pub(super) type Roots = HashMap<Box<str>, u32>;

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

/// A condition, which is JSON, without white space that says nothing: it is kept in memory for each step.
pub(super) fn compact(condition: &str) -> String {
    let mut text = String::with_capacity(condition.len());
    let (mut is_in_text, mut is_escaped) = (false, false);
    for letter in condition.chars() {
        if is_in_text {
            is_in_text = is_escaped || letter != '"';
            is_escaped = !is_escaped && letter == '\\';
        } else if matches!(letter, ' ' | '\t' | '\n' | '\r') {
            continue;
        } else {
            is_in_text = letter == '"';
        }
        text.push(letter);
    }
    text.shrink_to_fit();
    text
}

/// Finds the steps that match without looking at all of them.
#[derive(Default)]
pub(super) struct Matching {
    index: Index,
    roots: Arc<Roots>,
    slots: Vec<Option<Arc<LiveStep>>>,
    free: Vec<u32>,
    memory: InUse,
}

/// The memory that the conditions of a workspace take.
#[derive(Debug, Clone, Default)]
struct InUse {
    bytes: usize,
    /// Expressions by their numbers, with the number of steps that have them.
    expressions: HashMap<u64, u32>,
}

impl InUse {
    fn add(&mut self, memory: &Memory) {
        self.bytes += memory.own;
        for (number, bytes) in &memory.expressions {
            let times = self.expressions.entry(*number).or_default();
            *times += 1;
            if *times == 1 {
                self.bytes += bytes;
            }
        }
    }

    fn remove(&mut self, memory: &Memory) {
        self.bytes -= memory.own;
        for (number, bytes) in &memory.expressions {
            if let Some(times) = self.expressions.get_mut(number) {
                *times -= 1;
                if *times == 0 {
                    self.expressions.remove(number);
                    self.bytes -= bytes;
                }
            }
        }
    }
}

impl Matching {
    /// Refuses a step with which the conditions would take more than `most` bytes. One with which
    /// they take no more than before is not refused.
    pub(super) fn check_memory(
        &self,
        new: &LiveStep,
        old: Option<&LiveStep>,
        most: usize,
    ) -> Result<(), CatalogError> {
        let mut then = self.memory.clone();
        if let Some(old) = old {
            then.remove(&old.memory);
        }
        let without = then.bytes;
        then.add(&new.memory);
        if then.bytes > most && then.bytes > self.memory.bytes {
            return Err(CatalogError::ConditionsTooLarge {
                step: new.step.name.clone(),
                bytes: then.bytes - without,
                all: then.bytes,
                most,
            });
        }
        Ok(())
    }

    /// Adds a step and returns its slot.
    pub(super) fn insert(&mut self, step: Arc<LiveStep>) -> u32 {
        // A workspace has far fewer steps than u32 has numbers (`limits::STEPS`).
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        self.index.insert(slot, &step.pattern);
        self.memory.add(&step.memory);
        let roots = Arc::make_mut(&mut self.roots);
        for root in step.pattern.roots() {
            *roots.entry(root.into()).or_default() += 1;
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
            self.memory.remove(&step.memory);
            let roots = Arc::make_mut(&mut self.roots);
            for root in step.pattern.roots() {
                if let Some(times) = roots.get_mut(root) {
                    *times -= 1;
                    if *times == 0 {
                        roots.remove(root);
                    }
                }
            }
            self.index.remove(slot);
            self.free.push(slot);
        }
    }

    /// The members of the root that conditions look at.
    pub(super) fn roots(&self) -> Arc<Roots> {
        self.roots.clone()
    }

    /// The steps that can match, and as few others as the index finds out without much work; in no
    /// particular order.
    pub(super) fn candidates(&self, data: &Value, budget: &mut Budget) -> Vec<Arc<LiveStep>> {
        let mut look = Budget::new(INDEX_UNITS);
        let mut slots = Vec::new();
        let found = self.index.candidates_within(data, &mut look, &mut slots);
        budget.charge(INDEX_UNITS - look.left());
        match found {
            Ok(()) => slots
                .into_iter()
                .filter_map(|slot| self.slots.get(slot as usize)?.clone())
                .collect(),
            Err(Spent) => self.slots.iter().flatten().cloned().collect(),
        }
    }
}
