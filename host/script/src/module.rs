//! One source file, read: stripped, checked as an engine will check it, and outlined.

use serde::de::IgnoredAny;

use crate::error::{ScriptError, Source};
use crate::files::Files;
use crate::outline::Outline;
use crate::package::{MODULE_BYTES, fault_of};
use crate::split::split;
use crate::strip::strip;
use crate::syntax::{Reading, bound, deep, parse};

/// A module as it goes into a package.
#[derive(Debug)]
pub struct Module {
    pub source: Source,
    /// JavaScript with the source's lines and columns; or JSON.
    pub text: String,
    pub outline: Outline,
}

/// What a file holds, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    JavaScript,
    TypeScript,
    Json,
}

impl Language {
    /// By a file's ending.
    pub fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "js" | "mjs" => Some(Self::JavaScript),
            "ts" | "mts" => Some(Self::TypeScript),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Reads a file; none if there is no such file.
pub fn source(files: &dyn Files, name: &str) -> Result<Option<Source>, ScriptError> {
    if let Some(fault) = fault_of(name) {
        return Err(ScriptError::file(
            name,
            format!("not a file of a step: {fault}"),
        ));
    }
    let text = files
        .read(name)
        .map_err(|error| ScriptError::file(name, format!("cannot be read: {error}")))?;
    let Some(text) = text else { return Ok(None) };
    let source = Source::new(name, &text);
    if source.text.len() > MODULE_BYTES {
        let message = format!(
            "it has {} bytes; a module has at most {MODULE_BYTES}",
            source.text.len()
        );
        return Err(ScriptError::file(name, message));
    }
    Ok(Some(source))
}

/// A module that is imported.
pub fn helper(source: Source, language: Language) -> Result<Module, ScriptError> {
    if language == Language::Json {
        json(&source)?;
        return Ok(Module {
            text: source.text.clone(),
            source,
            outline: Outline::default(),
        });
    }
    guarded(&source, || {
        let text = javascript(&source, language)?;
        checked(&source, text)
    })
}

/// The modules of an entry's steps.
pub fn steps(source: &Source, language: Language) -> Result<Vec<Module>, ScriptError> {
    guarded(source, || {
        let text = javascript(source, language)?;
        let outline = parse(source, &text, Reading::Sections, |program, names| {
            Ok(Outline::of(program, names))
        })?;
        let texts = split(source, &text, &outline)?;
        texts
            .into_iter()
            .map(|text| checked(source, text))
            .collect()
    })
}

/// Whether a source exports `condition`. One that cannot be read does if it looks as if.
pub fn exports_condition(text: &str) -> bool {
    let source = Source::new("step.ts", text);
    let exports = |reading| {
        let found = parse(&source, &source.text, reading, |program, names| {
            Ok(Outline::of(program, names))
        });
        found.map(|outline| outline.exports("condition").next().is_some())
    };
    let read = guarded(&source, || {
        exports(Reading::TypeScript).or_else(|_| exports(Reading::Sections))
    });
    read.unwrap_or_else(|_| {
        text.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some("export") && words.any(|word| word.starts_with("condition"))
        })
    })
}

/// Runs what recurses as deeply as the source nests, which is bounded first.
fn guarded<T: Send>(
    source: &Source,
    work: impl FnOnce() -> Result<T, ScriptError> + Send,
) -> Result<T, ScriptError> {
    bound(source)?;
    deep(work).unwrap_or_else(|error| {
        Err(ScriptError::file(
            &source.name,
            format!("cannot be parsed: {error}"),
        ))
    })
}

/// A source's JavaScript. The author of TypeScript under a JavaScript name learns so.
fn javascript(source: &Source, language: Language) -> Result<String, ScriptError> {
    if language == Language::TypeScript {
        return strip(source);
    }
    let parses = |reading| parse(source, &source.text, reading, |_, _| Ok(()));
    parses(Reading::Sections).map_err(|mut error| {
        if parses(Reading::TypeScript).is_ok() {
            error.message = "this is TypeScript; name the file `.ts`".into();
        }
        error
    })?;
    Ok(source.text.clone())
}

fn checked(source: &Source, text: String) -> Result<Module, ScriptError> {
    let outline = parse(source, &text, Reading::Strict, |program, names| {
        Ok(Outline::of(program, names))
    })?;
    if let Some((offset, message)) = outline.fault {
        return Err(source.error_in(&text, offset, message));
    }
    Ok(Module {
        source: source.clone(),
        text,
        outline,
    })
}

fn json(source: &Source) -> Result<(), ScriptError> {
    let Err(error) = serde_json::from_str::<IgnoredAny>(&source.text) else {
        return Ok(());
    };
    let lines = source
        .text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1));
    let line: usize = lines.map(str::len).sum();
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or("");
    Err(source.error(
        line + error.column().saturating_sub(1),
        format!("not JSON: {message}"),
    ))
}
