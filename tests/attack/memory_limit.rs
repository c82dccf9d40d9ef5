//! A control group whose processes may use so much memory. Making one takes root.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// It is removed when this is dropped; its processes must have ended.
pub struct MemoryLimit {
    folder: PathBuf,
}

impl MemoryLimit {
    /// A group with so many bytes, in the tree of version 2 or else in that of version 1.
    pub fn new(bytes: u64) -> anyhow::Result<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let is_two = root.join("cgroup.controllers").exists();
        let (tree, files) = match is_two {
            true => (root.to_owned(), &["memory.max", "memory.swap.max"]),
            false => (
                root.join("memory"),
                &["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"],
            ),
        };
        let folder = tree.join(format!("stepwell-attack-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let group = Self { folder };
        let file = group.folder.join(files[0]);
        fs::write(&file, bytes.to_string())
            .with_context(|| format!("cannot write {}", file.display()))?;
        // A kernel without swap accounting does not have it; what is swapped would not count.
        let swap = match is_two {
            true => "0".to_owned(),
            false => bytes.to_string(),
        };
        let _ = fs::write(group.folder.join(files[1]), swap);
        Ok(group)
    }

    /// The file into which a process writes its number to be in the group.
    pub fn processes(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}
