//! Where modules are read from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::package::{MODULE_BYTES, fault_of};

/// The files of a step's folder. Names are relative to its root, with `/` between folders.
pub trait Files {
    /// A file's text; none if there is no such file.
    fn read(&self, name: &str) -> io::Result<Option<String>>;

    /// The names (from the root, not from the folder) of all files in a folder and in the folders
    /// below it, in order; none if there is no such folder.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
}

/// A folder of the file system. Nothing outside it is read, not by `..` and not by a symlink.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

/// How deep folders below the listed one are looked into.
const FOLDERS: usize = 16;
/// Most files that are listed: a step cannot hold more anyway.
const LISTED: usize = 4096;

impl Folder {
    /// A folder, which must exist.
    pub fn new(root: impl AsRef<Path>) -> io::Result<Self> {
        let root = fs::canonicalize(root)?;
        Ok(Self { root })
    }

    /// The real path of a name; none if there is nothing, or it is outside.
    fn find(&self, name: &str) -> io::Result<Option<PathBuf>> {
        if fault_of(name).is_some() {
            return Ok(None);
        }
        match fs::canonicalize(self.root.join(name)) {
            Ok(path) => Ok(path.starts_with(&self.root).then_some(path)),
            Err(error) if missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn walk(&self, folder: &str, depth: usize, names: &mut Vec<String>) -> io::Result<()> {
        let Some(path) = self.find(folder)?.filter(|path| path.is_dir()) else {
            return Ok(());
        };
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // What is not UTF-8 cannot be named by a script.
            let Ok(last) = entry.file_name().into_string() else {
                continue;
            };
            let name = format!("{folder}/{last}");
            let kind = entry.file_type()?;
            if kind.is_dir() && depth > 0 {
                self.walk(&name, depth - 1, names)?;
            } else if !kind.is_dir()
                && names.len() < LISTED
                && self.find(&name)?.is_some_and(|path| path.is_file())
            {
                names.push(name);
            }
        }
        Ok(())
    }
}

fn missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

impl Files for Folder {
    fn read(&self, name: &str) -> io::Result<Option<String>> {
        let Some(path) = self.find(name)?.filter(|path| path.is_file()) else {
            return Ok(None);
        };
        let bytes = fs::metadata(&path)?.len();
        if bytes > MODULE_BYTES as u64 {
            let text = format!("it has {bytes} bytes; a module has at most {MODULE_BYTES}");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        fs::read_to_string(path).map(Some)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        self.walk(folder, FOLDERS, &mut names)?;
        names.sort();
        Ok(names)
    }
}

/// Files in memory, by name.
impl Files for BTreeMap<String, String> {
    fn read(&self, name: &str) -> io::Result<Option<String>> {
        Ok(self.get(name).cloned())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let below = format!("{folder}/");
        Ok(self
            .keys()
            .filter(|name| name.starts_with(&below))
            .cloned()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_never_left() {
        let place = std::env::temp_dir().join(format!("stepwell-script-{}", std::process::id()));
        fs::create_dir_all(place.join("steps/lib/deep")).unwrap();
        fs::write(place.join("secret.js"), "secret").unwrap();
        fs::write(place.join("steps/a.js"), "a").unwrap();
        fs::write(place.join("steps/lib/deep/b.js"), "b").unwrap();
        let folder = Folder::new(place.join("steps")).unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../../secret.js", place.join("steps/lib/link.js")).unwrap();
            std::os::unix::fs::symlink("../..", place.join("steps/lib/up")).unwrap();
            std::os::unix::fs::symlink("../a.js", place.join("steps/lib/a.js")).unwrap();
            assert_eq!(folder.read("lib/a.js").unwrap().as_deref(), Some("a"));
        }
        for name in [
            "../secret.js",
            "/etc/passwd",
            "lib/link.js",
            "lib/up/secret.js",
            "lib",
            "",
            "a.js/b",
            "none.js",
        ] {
            assert_eq!(folder.read(name).unwrap(), None, "{name}");
        }
        assert_eq!(folder.read("a.js").unwrap().as_deref(), Some("a"));
        let listed = folder.list("lib").unwrap();
        #[cfg(unix)]
        assert_eq!(listed, ["lib/a.js", "lib/deep/b.js"]);
        assert!(folder.list("none").unwrap().is_empty());
        fs::remove_dir_all(place).unwrap();
    }
}
