//! The suite on disk. It comes in two layouts: its own (`harness/` and `test/`), and that of
//! SpiderMonkey's copy, which Debian's source package `mozjs128` has: there each folder's `shell.js` is
//! what its tests need of the harness, one file after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

/// What SpiderMonkey's copy puts before each file of the harness.
const PART: &str = "// file: ";
/// What SpiderMonkey's copy puts at the end of each test; its own harness defines it.
const REPORT: &str = "reportCompare(0, 0);";

/// The suite.
pub struct Suite {
    tests: PathBuf,
    harness: BTreeMap<String, String>,
    version: String,
}

impl Suite {
    /// Opens the suite at `folder`.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let own = folder.join("test");
        let (tests, harness) = match own.is_dir() {
            true => (own, harness_files(&folder.join("harness"))?),
            false => (folder.to_owned(), shell_files(folder)?),
        };
        for file in ["assert.js", "sta.js"] {
            ensure!(
                harness.contains_key(file),
                "{} has no {file} in its harness: it is no copy of test262",
                folder.display()
            );
        }
        Ok(Self {
            tests,
            harness,
            version: version(folder),
        })
    }

    /// Which commit it is, as far as the copy says.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A file of the harness.
    pub fn harness(&self, name: &str) -> Option<&str> {
        self.harness.get(name).map(String::as_str)
    }

    /// The tests in these folders, by path from the folder of all tests, in order. Fixtures, which
    /// tests import, are none.
    pub fn files(&self, folders: &[String]) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        for folder in folders {
            walk(&self.tests.join(folder), &mut |path| {
                let inside = path.strip_prefix(&self.tests).unwrap_or(path);
                let name = inside.to_string_lossy().into_owned();
                let last = name.rsplit('/').next().unwrap_or_default();
                let a_test = last.ends_with(".js") && !last.contains("_FIXTURE");
                if a_test && !["shell.js", "browser.js"].contains(&last) {
                    found.push(name);
                }
            })?;
        }
        found.sort();
        Ok(found)
    }

    /// A test's text.
    pub fn text(&self, file: &str) -> anyhow::Result<String> {
        let text = read(&self.tests.join(file))?;
        let end = text.trim_end();
        Ok(match end.strip_suffix(REPORT) {
            Some(rest) => rest.to_owned(),
            None => text,
        })
    }

    /// The files that a test imports, and those that they import, by path from the test's folder;
    /// the test itself among them if it is imported.
    pub fn imported(&self, file: &str, text: &str) -> BTreeMap<String, String> {
        let folder = self.tests.join(file);
        let folder = folder.parent().unwrap_or(&self.tests);
        let mut found = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut next: Vec<(String, String)> = vec![(String::new(), text.to_owned())];
        while let Some((base, text)) = next.pop() {
            for name in relative_names(&text) {
                let name = format!("{base}{name}");
                if !seen.insert(name.clone()) {
                    continue;
                }
                // A test may import what is not there, and must then fail.
                let Ok(text) = read(&folder.join(&name)) else {
                    continue;
                };
                let base = name.rsplit_once('/').map(|(base, _)| format!("{base}/"));
                next.push((base.unwrap_or_default(), text.clone()));
                found.insert(name, text);
            }
        }
        found
    }
}

/// What stands in quotes and begins with `./`, without it.
fn relative_names(text: &str) -> impl Iterator<Item = &str> {
    text.split(['"', '\'', '`'])
        .filter_map(|part| part.strip_prefix("./"))
        .filter(|name| !name.is_empty() && !name.contains(['\n', ' ']))
}

/// A file's text. A test may have bytes that are no UTF-8; the engine takes text.
fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn walk(folder: &Path, found: &mut dyn FnMut(&Path)) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder);
    let entries = entries.with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        match path.is_dir() {
            true => walk(&path, found)?,
            false => found(&path),
        }
    }
    Ok(())
}

fn harness_files(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut paths = Vec::new();
    walk(folder, &mut |path| paths.push(path.to_owned()))?;
    let mut files = BTreeMap::new();
    for path in paths {
        let name = path.strip_prefix(folder).unwrap_or(&path);
        files.insert(name.to_string_lossy().into_owned(), read(&path)?);
    }
    Ok(files)
}

/// Takes the harness's files out of every `shell.js`.
fn shell_files(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut paths = Vec::new();
    walk(folder, &mut |path| {
        if path.file_name().is_some_and(|name| name == "shell.js") {
            paths.push(path.to_owned());
        }
    })?;
    if paths.is_empty() {
        bail!("{} has neither test/ nor shell.js", folder.display());
    }
    // The topmost first: what is there is what all tests are given.
    paths.sort_by_key(|path| path.components().count());
    let mut files = BTreeMap::new();
    for path in paths {
        for part in format!("\n{}", read(&path)?)
            .split(&format!("\n{PART}"))
            .skip(1)
        {
            let (name, text) = part.split_once('\n').unwrap_or((part, ""));
            files
                .entry(name.trim().to_owned())
                .or_insert_with(|| text.to_owned());
        }
    }
    Ok(files)
}

/// The commit, from SpiderMonkey's note or from git's own files.
fn version(folder: &Path) -> String {
    let note = fs::read_to_string(folder.join("GIT-INFO")).unwrap_or_default();
    let noted = note.lines().find_map(|line| line.strip_prefix("commit "));
    let head = fs::read_to_string(folder.join(".git/HEAD")).unwrap_or_default();
    let head = match head.trim().strip_prefix("ref: ") {
        Some(name) => fs::read_to_string(folder.join(".git").join(name)).unwrap_or_default(),
        None => head,
    };
    let commit = noted.unwrap_or(head.trim());
    match commit {
        "" => "unknown".to_owned(),
        commit => commit.trim().to_owned(),
    }
}
