//! Components: files named by their digest. sled would keep values of their size as files that it never
//! syncs. A component with long texts is a file of its parts (`.parts`), and each text is a file (`.text`) which all
//! components have that it is in.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;

use super::codec::damaged;
use super::failpoint::{FailPoint, Write};
use super::failure::{self, OpenError, unusable};
use super::files::{sync_directory, write_durable};
use crate::domain::ids::WorkspaceName;
use crate::domain::step::Step;
use crate::store::StoreError;
use crate::store::split::{self, Part, decode, encode};

/// The name of the directory within the store's.
pub(super) const DIRECTORY: &str = "components";
/// The extensions of a component's file, of the file of a component's parts, and of a text's.
const WHOLE: &str = "wasm";
const PARTS: &str = "parts";
const TEXT: &str = "text";

/// The components and how many steps refer to each, by any of their versions.
pub(super) struct Components {
    directory: PathBuf,
    uses: HashMap<String, usize>,
    /// The texts of components that have a file of their parts.
    texts: HashMap<String, Vec<String>>,
    /// How many components each text is in.
    text_uses: HashMap<String, usize>,
    /// Whether `texts` has all of them. Parts that could not be read at the start do not say which texts they have, and may be
    /// read later: until the next start no text is removed.
    are_all_known: bool,
}

impl Components {
    /// Counts what the steps refer to, and removes the files that none does: those of
    /// a change that was cut short.
    pub(super) fn open(path: &Path, steps: &[(WorkspaceName, Step)]) -> Result<Self, OpenError> {
        let directory = path.join(DIRECTORY);
        let mut components = Self {
            directory: directory.clone(),
            uses: HashMap::new(),
            texts: HashMap::new(),
            text_uses: HashMap::new(),
            are_all_known: true,
        };
        for (_, step) in steps {
            step.digests().for_each(|digest| components.add(digest));
        }
        let removed = components.remove_unused();
        removed.map_err(|error| unusable(&directory, &error))?;
        Ok(components)
    }

    fn remove_unused(&mut self) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.directory)?;
        let mut texts = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let [name, extension] = [path.file_stem(), path.extension()]
                .map(|part| part.and_then(|part| part.to_str()).unwrap_or_default());
            match extension {
                WHOLE if self.is_used(name) => {}
                PARTS if self.is_used(name) => match texts_of_file(&path) {
                    Ok(texts) => self.note(name, texts),
                    Err(error) => {
                        tracing::warn!(%error, path = %path.display(), "a component is damaged");
                        self.are_all_known = false;
                    }
                },
                TEXT => texts.push((name.to_owned(), path)),
                _ => std::fs::remove_file(&path)?,
            }
        }
        texts.retain(|(digest, _)| self.are_all_known && !self.text_uses.contains_key(digest));
        texts
            .iter()
            .try_for_each(|(_, path)| std::fs::remove_file(path))
    }

    /// Takes note of the texts that a component has.
    fn note(&mut self, digest: &str, texts: Vec<String>) {
        for text in &texts {
            *self.text_uses.entry(text.clone()).or_insert(0) += 1;
        }
        self.texts.insert(digest.to_owned(), texts);
    }

    /// Forgets the texts of a component. Returns those that no other one has.
    fn forget(&mut self, digest: &str) -> Vec<String> {
        let mut texts = self.texts.remove(digest).unwrap_or_default();
        texts.retain(|text| {
            let uses = self.text_uses.entry(text.clone()).or_default();
            *uses = uses.saturating_sub(1);
            *uses == 0
        });
        for text in &texts {
            self.text_uses.remove(text);
        }
        texts
    }

    /// Makes a component's bytes durable before anything refers to them. One that is there and damaged is written again.
    pub(super) fn write(
        &mut self,
        fail: &FailPoint,
        digest: &str,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let failed = failure::io("a component cannot be written");
        if !is_digest(digest) {
            return Err(StoreError::Refused(format!(
                "`{digest}` is no digest of a component: 64 lower-case hex digits"
            )));
        }
        let ranges = split::texts(bytes);
        if matches!(read(&self.directory, digest), Ok(Some(_))) {
            return Ok(());
        }
        fail.before(Write::Component)?;
        // A whole one is read first, so it is mended where it is.
        let whole = file(&self.directory, digest, WHOLE);
        if ranges.is_empty() || whole.exists() {
            return self.write_files([(whole, bytes)]).map_err(failed);
        }
        let parts = split::parts(bytes, &ranges);
        let stored = encode(&parts)?;
        // Also those that are there: how long it takes does not tell whether another workspace has them.
        let mut texts = BTreeMap::new();
        for (range, part) in ranges.iter().zip(parts.iter().filter_map(Part::text)) {
            texts.insert(part.to_owned(), &bytes[range.clone()]);
        }
        let files = texts.iter();
        let files = files.map(|(text, bytes)| (file(&self.directory, text, TEXT), *bytes));
        self.write_files(files).map_err(&failed)?;
        let path = file(&self.directory, digest, PARTS);
        self.write_files([(path, &stored[..])]).map_err(failed)?;
        self.forget(digest);
        self.note(digest, texts.into_keys().collect());
        Ok(())
    }

    /// Writes files. What a crash leaves of them is removed at the next start, as nothing refers to it.
    fn write_files<'a>(
        &self,
        files: impl IntoIterator<Item = (PathBuf, &'a [u8])>,
    ) -> std::io::Result<()> {
        let mut new = Vec::new();
        let mut written = files.into_iter().try_for_each(|(path, bytes)| {
            let was_there = path.exists();
            write_durable(&self.directory, &path, bytes)?;
            if !was_there {
                new.push(path);
            }
            Ok(())
        });
        written = written.and_then(|()| sync_directory(&self.directory));
        if written.is_err() {
            // A name that is not durable would be taken for one that is.
            for path in new {
                let _ = std::fs::remove_file(path);
            }
        }
        written
    }

    pub(super) fn add(&mut self, digest: &str) {
        *self.uses.entry(digest.to_owned()).or_insert(0) += 1;
    }

    pub(super) fn release(&mut self, digest: &str) {
        if let Some(uses) = self.uses.get_mut(digest) {
            *uses = uses.saturating_sub(1);
            if *uses == 0 {
                self.uses.remove(digest);
                self.remove(digest);
            }
        }
    }

    /// Removes a component, and the texts that no other one has.
    fn remove(&mut self, digest: &str) {
        for extension in [WHOLE, PARTS] {
            self.remove_file(digest, extension);
        }
        for text in self.forget(digest) {
            if self.are_all_known {
                self.remove_file(&text, TEXT);
            }
        }
    }

    fn remove_file(&self, digest: &str, extension: &str) {
        match std::fs::remove_file(file(&self.directory, digest, extension)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                // It is removed when the store is next opened.
                tracing::warn!(%error, digest, "a component that nothing uses stays on disk");
            }
            _ => {}
        }
    }

    /// Whether a step refers to the component.
    pub(super) fn is_used(&self, digest: &str) -> bool {
        self.uses.contains_key(digest)
    }

    /// Where the components are.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }
}

fn is_digest(digest: &str) -> bool {
    HEXLOWER
        .decode(digest.as_bytes())
        .is_ok_and(|bytes| bytes.len() == 32)
}

fn file(directory: &Path, digest: &str, extension: &str) -> PathBuf {
    directory.join(format!("{digest}.{extension}"))
}

/// The names that a component's file may have within the store's directory.
pub(super) fn file_names(digest: &str) -> [String; 2] {
    [WHOLE, PARTS].map(|extension| format!("{DIRECTORY}/{digest}.{extension}"))
}

/// The name of a component's file within the store's directory `path`.
pub(super) fn file_name(path: &Path, digest: &str) -> String {
    let [whole, parts] = file_names(digest);
    match path.join(&parts).exists() {
        true => parts,
        false => whole,
    }
}

fn texts_of_file(path: &Path) -> Result<Vec<String>, StoreError> {
    let stored = std::fs::read(path).map_err(failure::io("a component cannot be read"))?;
    let mut texts: Vec<String> = Vec::new();
    for text in decode(&stored)?.iter().filter_map(Part::text) {
        if !texts.iter().any(|other| other == text) {
            texts.push(text.to_owned());
        }
    }
    Ok(texts)
}

/// A component's bytes in the directory of components, if its file is there.
///
/// # Errors
/// [`StoreError::Damaged`]: they are not what was written, or a text is missing.
pub(super) fn read(directory: &Path, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError> {
    if !is_digest(digest) {
        return Ok(None);
    }
    let bytes = match read_file(directory, digest, WHOLE)? {
        Some(bytes) => bytes,
        None => match read_file(directory, digest, PARTS)? {
            Some(stored) => joined(directory, &stored)?,
            None => return Ok(None),
        },
    };
    let found = split::digest(&bytes);
    if found != digest {
        let why = format!("{digest} has the digest {found}");
        return Err(damaged("a component", &why));
    }
    Ok(Some(Arc::from(bytes)))
}

fn joined(directory: &Path, stored: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    for part in decode(stored)? {
        match part {
            Part::Bytes(part) => bytes.extend_from_slice(part),
            Part::Text(digest) => {
                let missing = || damaged("a component", &format!("its text {digest} is missing"));
                let text = read_file(directory, &digest, TEXT)?.ok_or_else(missing)?;
                bytes.extend_from_slice(&text);
            }
        }
    }
    Ok(bytes)
}

fn read_file(
    directory: &Path,
    digest: &str,
    extension: &str,
) -> Result<Option<Vec<u8>>, StoreError> {
    match std::fs::read(file(directory, digest, extension)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let error = format!("component {digest} cannot be read: {error}");
            Err(StoreError::unavailable(error))
        }
    }
}
