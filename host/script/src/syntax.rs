//! The parser, with its messages as ours, on a stack that the bound on nesting fits.

use std::io;
use std::panic::resume_unwind;
use std::thread;

use oxc_allocator::Allocator;
use oxc_ast::ast::Program;
use oxc_diagnostics::{Diagnostics, OxcDiagnostic, Severity};
use oxc_parser::Parser;
use oxc_semantic::{Scoping, SemanticBuilder};
use oxc_span::SourceType;

use crate::error::{ScriptError, Source};
use crate::nesting;

/// What recursion over [`nesting::CHAIN`] links takes, several times over; only what is touched
/// takes memory.
const STACK_BYTES: usize = 256 << 20;

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// TypeScript, which is read again once it is JavaScript.
    TypeScript,
    /// JavaScript in which sections may declare and export the same names.
    Sections,
    /// JavaScript as an engine will read it.
    Strict,
}

/// Runs what recurses as deeply as sources nest.
pub fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)?;
        Ok(thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// Refuses a source that nests too deeply to be parsed.
pub fn bound(source: &Source) -> Result<(), ScriptError> {
    match nesting::too_deep(&source.text) {
        Some((offset, message)) => Err(source.error(offset, message)),
        None => Ok(()),
    }
}

/// Parses a text, whose lines and columns are the source's, and hands its tree and names on.
pub fn parse<T>(
    source: &Source,
    text: &str,
    reading: Reading,
    then: impl FnOnce(&Program, &Scoping) -> Result<T, ScriptError>,
) -> Result<T, ScriptError> {
    let kind = match reading {
        Reading::TypeScript => SourceType::ts(),
        Reading::Sections | Reading::Strict => SourceType::unambiguous(),
    };
    let arena = Allocator::default();
    let parsed = Parser::new(&arena, text, kind).parse();
    // The one fault that a file of several steps must have.
    let twice = |fault: &OxcDiagnostic| {
        reading != Reading::Strict && fault.message.starts_with("Duplicated export")
    };
    refuse(source, text, &parsed.diagnostics, twice)?;
    let built = SemanticBuilder::new()
        .with_check_syntax_error(reading == Reading::Strict)
        .build(&parsed.program);
    if reading == Reading::Strict {
        refuse(source, text, &built.diagnostics, |_| false)?;
    }
    then(&parsed.program, built.semantic.scoping())
}

/// The first fault in the text, if there is one.
fn refuse(
    source: &Source,
    text: &str,
    faults: &Diagnostics,
    passes: impl Fn(&OxcDiagnostic) -> bool,
) -> Result<(), ScriptError> {
    let errors = faults
        .iter()
        .filter(|fault| fault.severity == Severity::Error && !passes(fault));
    let place = |fault: &OxcDiagnostic| {
        fault
            .labels
            .iter()
            .map(|label| label.offset() as usize)
            .max()
            .unwrap_or(0)
    };
    let Some(first) = errors.min_by_key(|fault| place(fault)) else {
        return Ok(());
    };
    let message = first.message.trim_end_matches('.');
    let message = match &first.help {
        Some(help) => format!("{message}; {}", help.trim_end_matches('.')),
        None => message.to_owned(),
    };
    Err(source.error_in(text, place(first), message))
}
