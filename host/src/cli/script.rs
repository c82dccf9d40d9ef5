//! JavaScript and TypeScript steps: from a file, with what it imports, to what the server takes.

use std::path::{Path, PathBuf};

use anyhow::Result;
use stepwell_script::{Folder, prepare};

use super::UsageError;
use super::naming::Derived;

/// A step made from a script file.
#[derive(Debug)]
pub struct ScriptStep {
    /// What it is called after its file, with a number if the file has several steps.
    pub derived: Derived,
    /// The package, as it is uploaded.
    pub package: Vec<u8>,
}

/// Whether a path is a script by its ending.
pub fn is_script(path: &Path) -> bool {
    path.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| matches!(ending, "js" | "mjs" | "cjs" | "ts" | "mts"))
}

/// Reads the steps of a script file. Imports are looked for in the file's folder, or below `root`
/// if it is given.
///
/// # Errors
/// The file is not below `root`, or it is no step; the message names file, line and column.
pub fn steps(file: &Path, root: Option<&Path>) -> Result<Vec<ScriptStep>> {
    let unreadable = |error| UsageError::Path {
        path: file.display().to_string(),
        error,
        wanted: "name a script (FILE.js or FILE.ts)",
    };
    let whole = file.canonicalize().map_err(unreadable)?;
    let root: PathBuf = match root {
        Some(root) => root.canonicalize().map_err(unreadable)?,
        None => whole.parent().unwrap_or(Path::new("/")).to_owned(),
    };
    let entry = whole.strip_prefix(&root).map_err(|_| {
        UsageError::Value(format!(
            "{} is not in the folder {}",
            file.display(),
            root.display()
        ))
    })?;
    let entry = entry.to_string_lossy().replace('\\', "/");
    let folder = Folder::new(&root).map_err(unreadable)?;
    let scripts = prepare(&entry, &folder)?;
    // As it was named: a link has a name of its own.
    let called = Derived::of_file(Path::new(file.file_name().unwrap_or_default()));
    Ok(scripts
        .into_iter()
        .map(|script| ScriptStep {
            derived: called.part(script.part, script.parts),
            package: script.package.to_json().into_bytes(),
        })
        .collect())
}
