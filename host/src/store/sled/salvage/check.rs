//! Reads a whole store and reports its damages.

use std::path::Path;

use super::super::directory_lock;
use super::super::failure::{OpenError, unusable};
use super::catalog::sealed;
use super::read::Salvage;
use super::report::Report;
use super::trial;

/// Reads the store at `path`; if that finds no damage, also whether a start reads the same.
pub(super) fn read_and_try(path: &Path) -> Result<Salvage, OpenError> {
    let mut salvage = Salvage::read(path)?;
    if salvage.damages.is_empty() {
        let damage = trial::open_a_copy(path, &salvage)?;
        salvage.damages.extend(damage);
    }
    Ok(salvage)
}

/// Reads every byte of the store at `path` that matters, and changes nothing. Blocks on the disk; takes about as
/// much memory as the tree has bytes, and as much of the disk for a moment.
///
/// # Errors
/// There is no store, a server has it, it is of a newer version, or it cannot be read at all.
pub fn check(path: &Path) -> Result<Report, OpenError> {
    if !path.is_dir() {
        return Err(unusable(path, &"there is no store"));
    }
    let _lock = directory_lock::take(path)?;
    let salvage = read_and_try(path)?;
    Ok(Report {
        sound: salvage.damages.is_empty(),
        tasks: salvage.tasks.all.len() + salvage.log.accepted.len(),
        sealed: sealed(&salvage.catalog)?,
        damages: salvage.damages,
    })
}
