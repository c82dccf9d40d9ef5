//! Removes the rest of a failed write before the store is opened: on a full disk, or at
//! a power cut. Nothing acknowledged is in any of it. What sled 0.34 does not clear away itself and
//! then takes for damage:
//!
//! - `snap.X.generating`: the list of pages as it is written down at a start. sled renames it when it
//!   is whole; one that stayed is taken for the newest.
//! - `snap.X`: the same list, renamed. sled makes it anew from its file if there is none.
//! - `conf`: three constants of the configuration, written once.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::sync_directory;

/// Removes incomplete writes from the store at `store`, whose tree is in `tree`, and says so in one
/// line of the log. The caller has the store's lock.
pub(super) fn before_open(store: &Path, tree: &Path) -> io::Result<()> {
    let mut removed = Vec::new();
    tidy_tree(tree, &mut removed)?;
    if removed.is_empty() {
        return Ok(());
    }
    for path in &removed {
        fs::remove_file(path)?;
    }
    sync_directory(tree)?;
    let files: Vec<String> = removed
        .iter()
        .map(|path| {
            path.strip_prefix(store)
                .unwrap_or(path)
                .display()
                .to_string()
        })
        .collect();
    tracing::warn!(
        files = files.join(", "),
        "files that a failed write left half made were removed; nothing that was acknowledged is lost"
    );
    Ok(())
}

fn tidy_tree(tree: &Path, removed: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(tree) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let (mut snapshots, mut sound) = (Vec::new(), true);
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let is_half_made = name.starts_with("snap.") && name.ends_with(".generating");
        if is_half_made || (name == "conf" && !is_sound(&path, 0)?) {
            removed.push(path);
        } else if name.starts_with("snap.") {
            sound &= is_sound(&path, 8)?;
            snapshots.push(path);
        }
    }
    // sled keeps one, and makes it anew if there is none. Of several, as a copy over another directory leaves them, the
    // newest need not be of this tree.
    if !sound || snapshots.len() > 1 {
        removed.append(&mut snapshots);
    }
    Ok(())
}

/// Whether a file ends in the CRC-32 of what it holds, but for `skipped` bytes before it.
fn is_sound(path: &Path, skipped: usize) -> io::Result<bool> {
    let bytes = fs::read(path)?;
    let Some((rest, sum)) = bytes.split_last_chunk::<4>() else {
        return Ok(false);
    };
    let Some(length) = rest.len().checked_sub(skipped) else {
        return Ok(false);
    };
    Ok(length > 0 && crc32fast::hash(&rest[..length]).to_le_bytes() == *sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sled::{SledSettings, SledStore};

    /// A store that was opened twice, so that its tree has a snapshot; and the tree.
    fn made() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            SledStore::open(SledSettings::at(home.path())).unwrap();
        }
        let tree = home.path().join("tree");
        (home, tree)
    }

    fn snapshot(tree: &Path) -> PathBuf {
        let mut found = fs::read_dir(tree)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let is_snapshot = |path: &PathBuf| path.to_string_lossy().contains("/snap.");
        found.find(is_snapshot).expect("there is a snapshot")
    }

    fn opens(home: &Path) -> [u8; 32] {
        use crate::store::Store;
        let store = SledStore::open(SledSettings::at(home)).unwrap();
        store.seed()
    }

    #[test]
    fn a_snapshot_in_the_making_is_no_damage_whatever_of_it_is_there() {
        let (home, tree) = made();
        let seed = opens(home.path());
        let whole = fs::read(snapshot(&tree)).unwrap();
        for length in [0, 1, 11, 12, whole.len() / 2, whole.len()] {
            let path = tree.join("snap.00000000FFFFFFFF.generating");
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(opens(home.path()), seed, "{length}");
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_snapshot_that_is_cut_or_flipped_is_made_anew() {
        let (home, tree) = made();
        let seed = opens(home.path());
        let whole = fs::read(snapshot(&tree)).unwrap();
        for length in [0, 3, 12, whole.len() / 2, whole.len() - 1] {
            fs::write(snapshot(&tree), &whole[..length]).unwrap();
            assert_eq!(opens(home.path()), seed, "{length}");
        }
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let path = snapshot(&tree);
            let mut flipped = fs::read(&path).unwrap();
            let at = at.min(flipped.len() - 1);
            flipped[at] ^= 1;
            fs::write(&path, flipped).unwrap();
            assert_eq!(opens(home.path()), seed, "byte {at}");
        }
    }

    #[test]
    fn of_several_snapshots_none_is_taken() {
        let (home, tree) = made();
        let seed = opens(home.path());
        // As a backup that is unpacked over a newer store leaves it.
        let newer = tree.join("snap.00000000FFFFFFFF");
        fs::copy(snapshot(&tree), &newer).unwrap();
        assert_eq!(opens(home.path()), seed);
        assert!(!newer.exists());
    }

    #[test]
    fn a_configuration_that_is_cut_is_written_anew() {
        let (home, tree) = made();
        let seed = opens(home.path());
        let path = tree.join("conf");
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(opens(home.path()), seed, "{length}");
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn what_is_sound_is_left_alone() {
        let (_home, tree) = made();
        let mut removed = Vec::new();
        tidy_tree(&tree, &mut removed).unwrap();
        assert_eq!(removed, Vec::<PathBuf>::new());
        tidy_tree(&tree.join("none"), &mut removed).unwrap();
        assert_eq!(removed, Vec::<PathBuf>::new());
    }
}
