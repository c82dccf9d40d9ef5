//! Steps that are called after their files, and the names of those that the server has.

use std::collections::HashSet;

use super::super::sources::Steps;
use super::item::{Action, Item, Kind};
use super::present::Present;
use crate::build::naming;

/// Gives each step the name under which the server has it; the notes say where a name differs from
/// its file's.
pub(super) fn settle(steps: &mut Steps, present: &Present) -> Vec<String> {
    // A name that the manifest gives is that step's, whatever another file is called.
    let mut taken: HashSet<String> = steps
        .made
        .iter()
        .map(|step| step.name.to_string())
        .collect();
    let there = present.names(Kind::Step);
    let mut by_rule = std::collections::HashMap::<String, Vec<&str>>::new();
    for name in &there {
        let same = by_rule.entry(naming::normal(name)).or_default();
        same.push(name);
    }
    let mut notes = Vec::new();
    for step in &mut steps.made {
        let Some(derived) = &step.derived else {
            continue;
        };
        let same = by_rule.get(&derived.name).map_or(&[][..], Vec::as_slice);
        let free = same
            .iter()
            .filter(|name| **name == derived.name || !taken.contains(**name));
        let settled = naming::settle(derived, free.copied());
        notes.extend(naming::note(&step.source, derived, &settled));
        // It is one of the server's, so it is a name.
        if let Ok(name) = settled.parse() {
            taken.insert(settled);
            step.name = name;
        }
    }
    notes
}

/// Notes on steps that are added beside one that may be the same by another way.
pub(super) fn rivals(items: &[Item], gone: &[(Kind, Vec<String>)]) -> Vec<String> {
    let others = gone.iter().filter(|(kind, _)| *kind == Kind::Step);
    let others: Vec<&String> = others.flat_map(|(_, names)| names).collect();
    let added = items
        .iter()
        .filter(|item| item.kind == Kind::Step && item.action == Action::Create);
    added
        .flat_map(|item| {
            let rival = |other: &&String| naming::rival(&item.name, other);
            others.iter().filter_map(rival).take(1)
        })
        .collect()
}
