//! JavaScript and TypeScript steps: from a file, with what it imports, to what the server takes.

use std::path::{Path, PathBuf};

use anyhow::Result;
use stepwell_script::{Folder, prepare};

use super::exit::UsageError;
use crate::build::naming::Derived;

/// A step made from a script file.
#[derive(Debug)]
pub struct ScriptStep {
    /// What it is called after its file, with a number if the file has several steps.
    pub derived: Derived,
    /// The package, as it is uploaded.
    pub package: Vec<u8>,
}

/// The endings of scripts.
const ENDINGS: [&str; 5] = ["js", "ts", "mjs", "cjs", "mts"];

/// Whether a path is a script by its ending.
pub fn is_script(path: &Path) -> bool {
    path.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| ENDINGS.contains(&ending))
}

/// The script of a folder that `step new --lang js|ts` made: the one that has the folder's name. Any
/// other path as it is.
pub fn of_folder(path: PathBuf) -> PathBuf {
    if !path.is_dir() || path.join("Cargo.toml").exists() {
        return path;
    }
    // The folder may be given as `.`.
    let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
    let Some(name) = whole.file_name().and_then(|name| name.to_str()) else {
        return path;
    };
    let scripts = ENDINGS.map(|ending| path.join(format!("{name}.{ending}")));
    scripts
        .into_iter()
        .find(|script| script.is_file())
        .unwrap_or(path)
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
    let derived = Derived::of_file(Path::new(file.file_name().unwrap_or_default()));
    Ok(scripts
        .into_iter()
        .map(|script| ScriptStep {
            derived: derived.part(script.part, script.parts),
            package: script.package.to_json().into_bytes(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_script_if_it_is_no_crate() {
        let root = tempfile::tempdir().unwrap();
        let make = |folder: &str, file: &str| {
            let folder = root.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(file), "").unwrap();
            folder
        };
        for ending in ENDINGS {
            let file = format!("of-{ending}.{ending}");
            let folder = make(&format!("of-{ending}"), &file);
            assert_eq!(of_folder(folder.clone()), folder.join(&file));
            assert_eq!(of_folder(folder.join(".")), folder.join(".").join(&file));
        }
        make("both", "both.js");
        let a_crate = make("both", "Cargo.toml");
        let other_name = make("other", "else.js");
        let file = make("plain", "plain.js").join("plain.js");
        for as_it_is in [a_crate, other_name, file, root.path().join("missing")] {
            assert_eq!(of_folder(as_it_is.clone()), as_it_is);
        }
    }
}
