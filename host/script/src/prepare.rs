//! From a step file to packages.

use crate::error::ScriptError;
use crate::files::Files;
use crate::graph::Reader;
use crate::module::{self, Language};
use crate::package::Package;

/// One step of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Which of the file's steps, from 1.
    pub part: usize,
    /// How many steps the file has.
    pub parts: usize,
    /// The step.
    pub package: Package,
}

/// Reads a step file, and all that it imports, into the packages of its steps.
///
/// Refused is whatever an engine would refuse, or could not do as it is written; the
/// [manual](crate) has the list.
pub fn prepare(entry: &str, files: &dyn Files) -> Result<Vec<Script>, ScriptError> {
    let language = match Language::of(entry) {
        Some(language) if language != Language::Json => language,
        _ => {
            return Err(ScriptError::file(
                entry,
                "a step file is a `.js`, `.mjs`, `.ts` or `.mts` file",
            ));
        }
    };
    let source = module::source(files, entry)?
        .ok_or_else(|| ScriptError::file(entry, "there is no such file"))?;
    let steps = module::steps(&source, language)?;
    let parts = steps.len();
    let mut reader = Reader::new(files);
    let scripts = steps.into_iter().enumerate().map(|(index, step)| {
        let package = reader.package(step)?;
        Ok(Script {
            part: index + 1,
            parts,
            package,
        })
    });
    scripts.collect()
}

/// The name of a step by its file: `steps/Contact_Form.ts` is `contact-form`, or `contact-form-2`
/// if it is the second of several.
pub fn name_of(entry: &str, part: usize, parts: usize) -> String {
    let file = entry.rsplit('/').next().unwrap_or(entry);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    part_name(&step_name(stem), part, parts)
}

/// What a file or crate called `text` makes a step's name: lower case, with `-` for `_` and for white
/// space. Names that differ in nothing else come out equal, so that one source has one step,
/// whichever way it takes to the server.
pub fn step_name(text: &str) -> String {
    let dashed = |c: char| match c == '_' || c.is_whitespace() {
        true => '-',
        false => c,
    };
    text.to_lowercase().chars().map(dashed).collect()
}

/// The name of the step with the number `part`, from 1, of a file that makes `parts` steps.
pub fn part_name(name: &str, part: usize, parts: usize) -> String {
    if parts > 1 {
        format!("{name}-{part}")
    } else {
        name.to_owned()
    }
}

/// Whether a source declares a step, which is to export `condition`; other files beside steps are
/// their modules. A source with a syntax error is one if it looks like one, so that the error is reported.
pub fn is_step_source(text: &str) -> bool {
    module::exports_condition(text)
}
