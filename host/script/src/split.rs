//! A file of several steps, each from its `export const condition` up to the next, as one text for
//! each step. What stands before the first belongs to all of them; so do functions, which JavaScript
//! hoists. All else of other steps is blanked.

use std::collections::BTreeSet;

use crate::blank::Blanks;
use crate::error::{ScriptError, Source};
use crate::outline::{Item, Outline};

const NO_STEP: &str = "a step file exports `condition` and `content`";
const NO_CONDITION: &str = "this step has no `condition`; add `export const condition = { … }`";
const NO_CONTENT: &str =
    "this step has no `content`; add `export const content = async () => { … }`";
const TWO_CONTENTS: &str = "a second `content` of one step; each step begins with its `export const condition`, and has one `content`";
const NO_PATTERN: &str = "`condition` is an object of patterns, not a function";
const FOREIGN: &str = "is declared by one step of this file and used by another; \
                       declare it above the first `export const condition`";

/// The texts of a file's steps.
pub fn split(source: &Source, text: &str, outline: &Outline) -> Result<Vec<String>, ScriptError> {
    let starts: Vec<usize> = outline
        .items
        .iter()
        .filter(|item| item.begins_step)
        .map(|item| item.span.start)
        .collect();
    let place = |(offset, message)| -> ScriptError { source.error_in(text, offset, message) };
    if let Some(export) = outline.exports("condition").find(|export| export.function) {
        return Err(place((export.offset, NO_PATTERN.to_owned())));
    }
    if outline.exports("condition").next().is_none() {
        return Err(match outline.exports("content").next() {
            Some(content) => place((content.offset, NO_CONDITION.to_owned())),
            None => ScriptError::file(&source.name, NO_STEP),
        });
    }
    if starts.len() < 2 {
        one_content(outline.items.iter()).map_err(place)?;
        return Ok(vec![text.to_owned()]);
    }
    (0..starts.len())
        .map(|part| {
            Part {
                text,
                outline,
                starts: &starts,
                part,
            }
            .cut()
            .map_err(place)
        })
        .collect()
}

/// Checks that a step has exactly one `content`.
fn one_content<'a>(items: impl Iterator<Item = &'a Item> + Clone) -> Result<(), (usize, String)> {
    let exports = |wanted: &'static str| {
        let all = items.clone().flat_map(|item| &item.exports);
        all.filter(move |export| export.name == wanted)
            .map(|export| export.offset)
    };
    let mut contents = exports("content");
    match (contents.next(), contents.next()) {
        (None, _) => Err((
            exports("condition").next().unwrap_or(0),
            NO_CONTENT.to_owned(),
        )),
        (_, Some(second)) => Err((second, TWO_CONTENTS.to_owned())),
        _ => Ok(()),
    }
}

/// One step of several.
struct Part<'a> {
    text: &'a str,
    outline: &'a Outline,
    /// Where each step begins.
    starts: &'a [usize],
    part: usize,
}

impl Part<'_> {
    /// Whether what stands at an offset is this step's own, or stands before the first step.
    fn owns(&self, offset: usize) -> bool {
        let end = self
            .starts
            .get(self.part + 1)
            .copied()
            .unwrap_or(self.text.len());
        offset < self.starts[0] || (self.starts[self.part]..end).contains(&offset)
    }

    fn cut(&self) -> Result<String, (usize, String)> {
        one_content(
            self.outline
                .items
                .iter()
                .filter(|item| self.owns(item.span.start)),
        )?;
        let declared = &self.outline.declared;
        let own = declared
            .iter()
            .filter(|name| self.owns(name.offset))
            .map(|name| name.name.as_str());
        let mut names: BTreeSet<&str> = own.collect();
        // A function of another step is kept unless this step has its name for something else.
        let kept: Vec<&Item> = self
            .outline
            .items
            .iter()
            .filter(|item| !self.owns(item.span.start))
            .filter(|item| {
                item.function
                    .as_deref()
                    .is_some_and(|name| name != "content" && names.insert(name))
            })
            .collect();
        self.reach(&kept, |name| {
            !names.contains(name) && declared.iter().any(|other| other.name == name)
        })?;
        let mut blanks = Blanks::default();
        for (other, &start) in self
            .starts
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != self.part)
        {
            let end = self
                .starts
                .get(other + 1)
                .copied()
                .unwrap_or(self.text.len());
            let mut from = start;
            for item in kept
                .iter()
                .filter(|item| (start..end).contains(&item.span.start))
            {
                blanks.blank(from, item.span.start);
                from = item.span.end;
            }
            blanks.blank(from, end);
        }
        Ok(blanks.apply(self.text))
    }

    /// Refuses what this step, or a function that it reaches, uses of another step.
    fn reach(&self, kept: &[&Item], foreign: impl Fn(&str) -> bool) -> Result<(), (usize, String)> {
        let mut reached: Vec<&Item> = Vec::new();
        loop {
            let before = reached.len();
            for used in &self.outline.used {
                let offset = used.offset;
                if !self.owns(offset) && !reached.iter().any(|item| item.span.contains(&offset)) {
                    continue;
                }
                if foreign(&used.name) {
                    return Err((offset, format!("`{}` {FOREIGN}", used.name)));
                }
                let known = |item: &&&Item| reached.iter().all(|other| other.span != item.span);
                let of_name = kept
                    .iter()
                    .filter(|item| item.function.as_deref() == Some(&used.name));
                let new: Vec<&Item> = of_name.filter(known).copied().collect();
                reached.extend(new);
            }
            if reached.len() == before {
                return Ok(());
            }
        }
    }
}
