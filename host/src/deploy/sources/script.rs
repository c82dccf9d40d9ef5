//! Script files as steps: which of their places counts, and how far their imports reach.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use stepwell_script::{Folder, MODULE_BYTES, Script, is_step_source, prepare};

use super::error::SourceError;
use crate::deploy::import_base::import_base;

/// The steps that a script makes; none if it is no step but what steps import. Imports stay below
/// the nearest folder that has a `lib`, or else below `root`, the manifest's folder.
pub fn scripts(root: &Path, file: &Path) -> Result<Vec<Script>, SourceError> {
    let unreadable = |error| SourceError::Unreadable {
        path: file.to_path_buf(),
        error,
    };
    let mut text = Vec::new();
    let opened = File::open(file).map_err(unreadable)?;
    // A longer one is refused where it is prepared.
    let read = opened.take(MODULE_BYTES as u64 + 1).read_to_end(&mut text);
    read.map_err(unreadable)?;
    if !is_step_source(&String::from_utf8_lossy(&text)) {
        return Ok(Vec::new());
    }
    let real = fs::canonicalize(file).map_err(unreadable)?;
    let file = import_base(root, file, &real);
    let reaches = |above: &&Path| {
        let real_above = fs::canonicalize(above);
        above.join("lib").is_dir() && real_above.is_ok_and(|above| real.starts_with(above))
    };
    let above = file.ancestors().skip(1);
    let root = above
        .take_while(|above| above.starts_with(root))
        .find(reaches)
        .unwrap_or(root);
    let entry = file.strip_prefix(root).unwrap_or(&file);
    let entry: Vec<_> = entry.iter().map(|part| part.to_string_lossy()).collect();
    Ok(prepare(
        &entry.join("/"),
        &Folder::new(root).map_err(unreadable)?,
    )?)
}
