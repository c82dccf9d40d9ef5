//! Which files and crates of a folder make steps. What cannot be looked at is reported, and never
//! left out in silence: a prune would take its step for one that is no more.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders of which no step comes: what tools put there.
const NOT_SOURCES: [&str; 2] = ["target", "node_modules"];
/// How deep a folder of steps is looked into.
pub const DEPTH: usize = 32;
/// Most files and folders that are looked at. Links to folders may lead to one file in many ways.
const ENTRIES: usize = 100_000;

/// What a path holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file that is uploaded as it is.
    Component,
    /// A folder that is built.
    Crate,
    /// A script with what it imports.
    Script,
}

/// What a file or folder is as the source of a step; none if it is no such source. Links are
/// followed.
pub fn kind(path: &Path) -> io::Result<Option<Kind>> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return match fs::metadata(path.join("Cargo.toml")) {
            Ok(manifest) => Ok(manifest.is_file().then_some(Kind::Crate)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
    }
    let kind = by_ending(path);
    if kind.is_some() && !metadata.is_file() {
        // A pipe would be waited for, and a device has no end.
        return Err(io::Error::other("it is neither a file nor a folder"));
    }
    Ok(kind)
}

fn by_ending(path: &Path) -> Option<Kind> {
    match path.extension()?.to_str()? {
        "wasm" => Some(Kind::Component),
        "js" | "mjs" | "cjs" | "ts" | "mts" => Some(Kind::Script),
        _ => None,
    }
}

/// The result of a search for steps.
#[derive(Debug, Default)]
pub struct Scan {
    /// The files and folders that become steps, in the order of their names.
    pub files: Vec<(PathBuf, Kind)>,
    /// The paths that could not be read, with the reasons.
    pub unseen: Vec<(PathBuf, String)>,
}

/// Looks through `folder`, which is below `root`; both are there, and `root` is canonical. Links are
/// followed as long as they stay below `root`. A file is named by the way on which it was found.
pub fn scan(root: &Path, folder: &Path) -> Scan {
    let mut walk = Walk {
        root,
        above: Vec::new(),
        entries: 0,
        scan: Scan::default(),
    };
    match fs::canonicalize(folder) {
        Ok(real) => walk.folder(folder, real),
        Err(error) => walk.unseen(folder, format!("cannot be read: {error}")),
    }
    walk.scan
}

struct Walk<'w> {
    root: &'w Path,
    /// The folders that are being looked into, canonical.
    above: Vec<PathBuf>,
    entries: usize,
    scan: Scan,
}

impl Walk<'_> {
    fn unseen(&mut self, path: &Path, reason: impl Into<String>) {
        self.scan.unseen.push((path.to_path_buf(), reason.into()));
    }

    /// Looks into a folder; `real` is its canonical path.
    fn folder(&mut self, folder: &Path, real: PathBuf) {
        if self.above.contains(&real) {
            return self.unseen(folder, "leads back to a folder that it is in");
        }
        if self.above.len() > DEPTH {
            return self.unseen(folder, format!("is deeper than {DEPTH} folders"));
        }
        let listed = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match listed {
            Ok(entries) => entries,
            Err(error) => return self.unseen(folder, format!("cannot be read: {error}")),
        };
        self.entries += entries.len();
        if self.entries > ENTRIES {
            let reason = format!("is not looked at: there are more than {ENTRIES} files");
            return self.unseen(folder, reason);
        }
        entries.sort_by_key(fs::DirEntry::file_name);
        self.above.push(real);
        for entry in entries {
            self.entry(&entry);
        }
        self.above.pop();
    }

    fn entry(&mut self, entry: &fs::DirEntry) {
        let name = entry.file_name();
        // A mounted ConfigMap has its files in hidden folders, and links to them beside those.
        let is_hidden = name.as_encoded_bytes().starts_with(b".");
        if is_hidden || NOT_SOURCES.iter().any(|other| name == *other) {
            return;
        }
        let path = entry.path();
        let real = match fs::canonicalize(&path) {
            Ok(real) => real,
            Err(error) => {
                let reason = match fs::read_link(&path) {
                    Ok(target) => {
                        let target = target.display();
                        format!("is a link to {target}, which cannot be followed: {error}")
                    }
                    Err(_) => format!("cannot be read: {error}"),
                };
                return self.unseen(&path, reason);
            }
        };
        let kind = match kind(&path) {
            Ok(kind) => kind,
            Err(error) => return self.unseen(&path, format!("cannot be read: {error}")),
        };
        let is_folder = real.is_dir();
        if kind.is_none() && !is_folder {
            return;
        }
        if name.to_str().is_none() {
            return self.unseen(&path, "has a name that is not UTF-8 text; rename it");
        }
        if !real.starts_with(self.root) {
            let reason = format!(
                "is a link to {}, which is not below the manifest's folder",
                real.display()
            );
            return self.unseen(&path, reason);
        }
        match kind {
            Some(kind) => self.scan.files.push((path, kind)),
            None => self.folder(&path, real),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn put(at: &Path, files: &[&str]) {
        for file in files {
            let file = at.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
    }

    /// The sources in `steps`, and the files that are none, by their paths below it.
    fn found(root: &Path) -> (Vec<String>, Vec<(String, String)>) {
        let root = fs::canonicalize(root).unwrap();
        let steps = root.join("steps");
        let below = |path: &Path| {
            let below = path.strip_prefix(&steps).unwrap();
            below.display().to_string()
        };
        let scan = scan(&root, &steps);
        let files = scan.files.iter().map(|(path, _)| below(path)).collect();
        let unseen = scan.unseen.into_iter();
        (
            files,
            unseen.map(|(path, why)| (below(&path), why)).collect(),
        )
    }

    #[test]
    fn a_folder_is_searched_for_steps_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        put(
            folder.path(),
            &[
                "steps/b.wasm",
                "steps/a.js",
                "steps/m.mts",
                "steps/notes.md",
                "steps/Cargo.toml",
                "steps/.git/x.wasm",
                "steps/target/x.wasm",
                "steps/node_modules/x/i.js",
                "steps/crate/Cargo.toml",
                "steps/crate/src/gen.js",
                "steps/deep/er/c.ts",
            ],
        );
        let (files, unseen) = found(folder.path());
        assert_eq!(files, ["a.js", "b.wasm", "crate", "deep/er/c.ts", "m.mts"]);
        assert!(unseen.is_empty(), "{unseen:?}");
    }

    #[test]
    fn links_that_stay_below_the_manifest_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        put(at, &["steps/a.js", "shared/b.js", "shared/more/c.wasm"]);
        put(at, &["elsewhere/crate/Cargo.toml", "shared/notes.md"]);
        for (target, link) in [
            ("../shared/b.js", "b.js"),
            ("../shared/more", "more"),
            ("../elsewhere/crate", "crate"),
            ("a.js", "again.js"),
            ("b.js", "link-to-a-link.js"),
            ("../shared/notes.md", "notes.md"),
        ] {
            symlink(target, at.join("steps").join(link)).unwrap();
        }
        let (files, unseen) = found(at);
        assert_eq!(
            files,
            [
                "a.js",
                "again.js",
                "b.js",
                "crate",
                "link-to-a-link.js",
                "more/c.wasm"
            ]
        );
        assert!(unseen.is_empty(), "{unseen:?}");
    }

    #[test]
    fn a_mounted_config_map_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        put(at, &["steps/..2026_11_28/a.js", "steps/..2026_11_28/b.js"]);
        symlink("..2026_11_28", at.join("steps/..data")).unwrap();
        symlink("..data/a.js", at.join("steps/a.js")).unwrap();
        symlink("..data/b.js", at.join("steps/b.js")).unwrap();
        assert_eq!(found(at).0, ["a.js", "b.js"]);
        // The whole folder below `..data`, as a mount with paths has it.
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        put(
            at,
            &["..2026_11_28/steps/a.js", "..2026_11_28/steps/x/b.js"],
        );
        symlink("..2026_11_28", at.join("..data")).unwrap();
        symlink("..data/steps", at.join("steps")).unwrap();
        assert_eq!(found(at), (vec!["a.js".into(), "x/b.js".into()], vec![]));
    }

    #[test]
    fn what_cannot_be_looked_at_is_told() {
        let outside = tempfile::tempdir().unwrap();
        put(outside.path(), &["secret.js", "notes.md", "folder/x.md"]);
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        put(at, &["steps/fine.js", "steps/deep/fine.js"]);
        let link =
            |target: &Path, name: &str| symlink(target, at.join("steps").join(name)).unwrap();
        link(Path::new("gone.js"), "dangling.js");
        link(Path::new("gone"), "dangling-folder");
        link(Path::new("self.js"), "self.js");
        link(Path::new(".."), "deep/loop");
        link(&outside.path().join("secret.js"), "out.js");
        link(&outside.path().join("folder"), "out");
        // It could be no step, wherever it is.
        link(&outside.path().join("notes.md"), "notes.md");
        let pipe = std::process::Command::new("mkfifo")
            .arg(at.join("steps/pipe.js"))
            .status();
        assert!(pipe.unwrap().success());
        use std::os::unix::ffi::OsStrExt;
        for name in [&b"caf\xe9.js"[..], b"caf\xe9.md"] {
            let name = std::ffi::OsStr::from_bytes(name);
            fs::write(at.join("steps").join(name), "").unwrap();
        }
        let (files, unseen) = found(at);
        assert_eq!(files, ["deep/fine.js", "fine.js"]);
        let expected = [
            ("caf\u{fffd}.js", "not UTF-8"),
            (
                "dangling-folder",
                "is a link to gone, which cannot be followed",
            ),
            (
                "dangling.js",
                "is a link to gone.js, which cannot be followed",
            ),
            ("deep/loop", "leads back"),
            ("out", "not below the manifest's folder"),
            ("out.js", "not below the manifest's folder"),
            ("pipe.js", "neither a file nor a folder"),
            ("self.js", "is a link to self.js, which cannot be followed"),
        ];
        assert_eq!(unseen.len(), expected.len(), "{unseen:?}");
        for ((path, reason), (expected_path, part)) in unseen.iter().zip(expected) {
            assert_eq!(path, expected_path);
            assert!(reason.contains(part), "{path}: {reason}");
        }
    }

    #[test]
    fn a_search_is_bounded_and_says_where_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let deep = format!("steps/{}x.js", "d/".repeat(DEPTH));
        put(
            at,
            &[
                deep.as_str(),
                &format!("steps/{}y.js", "d/".repeat(DEPTH + 1)),
            ],
        );
        let (files, unseen) = found(at);
        assert_eq!(files.len(), 1);
        assert!(
            unseen.len() == 1 && unseen[0].1.contains("deeper than 32"),
            "{unseen:?}"
        );
        // 10 links in each of 10 folders to each other: a search that follows all does not end.
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        for (from, to) in (0..10).flat_map(|from| (0..10).map(move |to| (from, to))) {
            fs::create_dir_all(at.join(format!("steps/{from}"))).unwrap();
            let link = at.join(format!("steps/{from}/to-{to}"));
            symlink(format!("../{to}"), link).unwrap();
        }
        let (_, unseen) = found(at);
        assert!(
            unseen
                .iter()
                .any(|(_, why)| why.contains("more than 100000"))
        );
        assert!(unseen.len() <= 100_001, "{}", unseen.len());
    }
}
