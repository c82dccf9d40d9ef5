//! Copies of a store's directory, and what a write that was torn leaves in them.

use std::path::Path;

/// Copies a directory.
pub(in super::super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if std::fs::copy(entry.path(), &target).is_err() {
            // A component that is being replaced; sled's files are never removed.
            assert!(!entry.path().exists());
        }
    }
}

/// Gives every file of the log in `new` the part that it had in `old` again, from somewhere in
/// the midst of where they differ: a write that was torn.
pub(super) fn tear(old: &Path, new: &Path, at: f64) {
    for entry in std::fs::read_dir(new.join("log")).unwrap().flatten() {
        let before = old.join("log").join(entry.file_name());
        let Ok(before) = std::fs::read(before) else {
            continue;
        };
        let mut after = std::fs::read(entry.path()).unwrap();
        let differs: Vec<usize> = (0..before.len().min(after.len()))
            .filter(|at| before[*at] != after[*at])
            .collect();
        if let (Some(first), Some(last)) = (differs.first(), differs.last()) {
            let torn = first + ((last - first) as f64 * at) as usize;
            let end = after.len().min(before.len());
            after[torn..end].copy_from_slice(&before[torn..end]);
            std::fs::write(entry.path(), after).unwrap();
        }
    }
}

/// Leaves of what the archive has in `new` and had not in `old` only a part, and that not as it was.
pub(super) fn tear_archive(old: &Path, new: &Path, at: f64) {
    let Ok(segments) = std::fs::read_dir(new.join("archive")) else {
        return;
    };
    for entry in segments.flatten() {
        let before = std::fs::metadata(old.join("archive").join(entry.file_name()));
        let before = before.map_or(0, |before| before.len() as usize);
        let mut after = std::fs::read(entry.path()).unwrap();
        if after.len() > before {
            after.truncate(before + ((after.len() - before) as f64 * at) as usize);
            after[before..]
                .iter_mut()
                .step_by(3)
                .for_each(|byte| *byte ^= 0x55);
            std::fs::write(entry.path(), after).unwrap();
        }
    }
}
