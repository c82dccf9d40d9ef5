//! Compiled components and scripts on disk. wasmtime runs what it deserialises as machine code without a
//! check, and the script engine an image as its memory, so only files that this host wrote are: each begins with an HMAC
//! under a secret key.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::error::{ComponentError, SandboxError};
use super::image::Image;
use super::script;

const TAG_BYTES: usize = 32;
/// How long a file of a shared directory stays that no server has read.
const UNREAD: Duration = Duration::from_secs(30 * 24 * 3600);
/// How old a file's time may be that says when it was last read.
const READ_MARK: Duration = Duration::from_secs(24 * 3600);

/// Digits of the script engine's digest in the name of an image's file.
const ENGINE_DIGITS: usize = 16;

/// A directory of `<digest>-<engine>.cwasm` files and, for scripts, `<digest>-<script engine>.image` files; or none.
pub(super) struct Cache {
    dir: Option<PathBuf>,
    is_shared: bool,
    key: [u8; 32],
    /// Stands for wasmtime's version and configuration; another of either is another file.
    engine: u64,
}

impl Cache {
    pub(super) fn open(
        dir: Option<PathBuf>,
        is_shared: bool,
        key: [u8; 32],
        engine: &Engine,
    ) -> Result<Self, SandboxError> {
        if let Some(path) = &dir {
            std::fs::create_dir_all(path).map_err(|source| SandboxError::CacheDir {
                path: path.clone(),
                source,
            })?;
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            dir,
            is_shared,
            key,
            engine: hasher.finish(),
        })
    }

    /// The compiled component, if there is one that this host wrote. A file that does not fit is
    /// treated as missing, and written anew.
    pub(super) fn read(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let code = self.read_file(&self.path(digest)?, digest)?;
        deserialize(engine, &code).ok()
    }

    /// A script's image, as [`Cache::read`] reads a component. One without parts is that of a script which is compiled
    /// by each run.
    pub(super) fn read_image(&self, digest: &str) -> Option<Image> {
        let bytes = self.read_file(&self.image_path(digest)?, &image_name(digest))?;
        Some(Image::of_bytes(&bytes))
    }

    /// Whether there is a directory, and no file for a script's image in it.
    pub(super) fn lacks_image(&self, digest: &str) -> bool {
        self.image_path(digest).is_some_and(|path| !path.exists())
    }

    /// Keeps an image that the engine has just made.
    pub(super) fn write_image(&self, digest: &str, image: &Image) {
        if let Some(path) = self.image_path(digest) {
            self.write_file(&path, &image_name(digest), &image.to_bytes());
        }
    }

    /// The content of a file that this host wrote under this name.
    fn read_file(&self, path: &Path, name: &str) -> Option<Vec<u8>> {
        let mut bytes = std::fs::read(path).ok()?;
        if self.is_shared && age(path).is_some_and(|age| age > READ_MARK) {
            let file = std::fs::File::options().append(true).open(path).ok()?;
            // A mark that is missing costs another server a compilation.
            let _ = file.set_modified(SystemTime::now());
        }
        let (tag, code) = bytes.split_at_checked(TAG_BYTES)?;
        let mac = self.mac(name, code);
        if mac.verify_slice(tag).is_err() {
            tracing::warn!(
                component = name,
                "a cached component was not written by this host; compiling anew"
            );
            return None;
        }
        bytes.drain(..TAG_BYTES);
        Some(bytes)
    }

    fn write_file(&self, path: &Path, name: &str, content: &[u8]) {
        let Some(dir) = &self.dir else { return };
        let tag = self.mac(name, content).finalize().into_bytes();
        if let Err(error) = replace(dir, path, [&tag[..], content]) {
            tracing::warn!(%error, path = %path.display(), "a compiled component could not be kept");
        }
    }

    /// Keeps machine code that this process (or its child) has just made, and loads it. A full
    /// disk costs the next start some time, no more.
    pub(super) fn write(
        &self,
        engine: &Engine,
        digest: &str,
        code: &[u8],
    ) -> Result<Component, ComponentError> {
        // The code is from this very engine, so what it refuses is the component: it has more parts
        // than an instance of the pool.
        let component = deserialize(engine, code)
            .map_err(|error| ComponentError::Compile(format!("{error:#}")))?;
        if let Some(path) = self.path(digest) {
            self.write_file(&path, digest, code);
        }
        Ok(component)
    }

    /// Removes the compiled components and scripts whose digests are not `used`, and scripts that another engine has
    /// compiled; in a shared directory only those that no server has read for 30 days.
    pub(super) fn retain(&self, used: impl Fn(&str) -> bool) -> std::io::Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            let ending = path.extension().and_then(|ending| ending.to_str());
            if let Some((digest, engine)) = name.and_then(|name| name.split_once('-'))
                && match ending {
                    Some("cwasm") => !used(digest),
                    Some("image") => !used(digest) || engine != &script::DIGEST[..ENGINE_DIGITS],
                    _ => false,
                }
                && (!self.is_shared || age(&path).is_some_and(|age| age > UNREAD))
            {
                std::fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    fn path(&self, digest: &str) -> Option<PathBuf> {
        let name = format!("{digest}-{:016x}.cwasm", self.engine);
        self.dir.as_ref().map(|dir| dir.join(name))
    }

    fn image_path(&self, digest: &str) -> Option<PathBuf> {
        let name = format!("{digest}-{}.image", &script::DIGEST[..ENGINE_DIGITS]);
        self.dir.as_ref().map(|dir| dir.join(name))
    }

    fn mac(&self, name: &str, content: &[u8]) -> Hmac<Sha256> {
        // RFC 2104: a key shorter than the block is padded with zeros.
        let mut block = [0; 64];
        block[..self.key.len()].copy_from_slice(&self.key);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        mac.update(name.as_bytes());
        mac.update(content);
        mac
    }
}

/// The prefix in the HMAC of an image's file: no component's digest begins so.
fn image_name(digest: &str) -> String {
    format!("image:{}:{digest}:", *script::DIGEST)
}

/// The time since the file was written, or marked as read.
fn age(path: &Path) -> Option<Duration> {
    let modified = std::fs::metadata(path).ok()?.modified().ok()?;
    modified.elapsed().ok()
}

/// Puts the parts into `path`, a file of `dir`, whole or not at all.
fn replace(dir: &Path, path: &Path, parts: [&[u8]; 2]) -> std::io::Result<()> {
    let mut partial = tempfile::Builder::new()
        .suffix(".partial")
        .tempfile_in(dir)?;
    for part in parts {
        partial.write_all(part)?;
    }
    partial.persist(path)?;
    Ok(())
}

/// A component in another engine of this process that is configured alike.
pub(super) fn copied(component: &Component, engine: &Engine) -> wasmtime::Result<Component> {
    deserialize(engine, &component.serialize()?)
}

#[allow(unsafe_code)]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` was made by `Engine::precompile_component`, and may have been given back by
    // `Component::serialize`: either just now, by this process or its own child through a private temporary directory, or earlier and kept in a file whose
    // HMAC under this host's secret key was verified. wasmtime itself refuses another version's
    // or configuration's code.
    unsafe { Component::deserialize(engine, code) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::engine::unpooled;

    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn what_is_not_used_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let engine = unpooled().unwrap();
        let code = engine.precompile_component(EMPTY_COMPONENT).unwrap();
        let cache = Cache::open(Some(folder.path().into()), false, [1; 32], &engine).unwrap();
        for digest in ["a", "b"] {
            cache.write(&engine, digest, &code).unwrap();
        }
        std::fs::write(folder.path().join("another-file"), "").unwrap();
        cache.retain(|digest| digest == "b").unwrap();
        assert!(cache.read(&engine, "a").is_none() && cache.read(&engine, "b").is_some());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_shared_directory_keeps_what_was_read_in_the_last_month() {
        let folder = tempfile::tempdir().unwrap();
        let engine = unpooled().unwrap();
        let code = engine.precompile_component(EMPTY_COMPONENT).unwrap();
        let cache = Cache::open(Some(folder.path().into()), true, [1; 32], &engine).unwrap();
        for digest in ["read", "unread", "new"] {
            cache.write(&engine, digest, &code).unwrap();
        }
        for digest in ["read", "unread"] {
            let file = std::fs::File::options()
                .append(true)
                .open(cache.path(digest).unwrap())
                .unwrap();
            let long_ago = SystemTime::now() - UNREAD - Duration::from_secs(60);
            file.set_modified(long_ago).unwrap();
        }
        assert!(cache.read(&engine, "read").is_some());
        cache.retain(|_| false).unwrap();
        let there = |digest| cache.path(digest).unwrap().exists();
        assert_eq!(
            (there("read"), there("unread"), there("new")),
            (true, false, true)
        );
    }

    #[test]
    fn only_files_under_the_hosts_own_key_are_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let engine = unpooled().unwrap();
        let code = engine.precompile_component(EMPTY_COMPONENT).unwrap();
        let open =
            |key| Cache::open(Some(folder.path().into()), false, [key; 32], &engine).unwrap();
        assert!(open(1).read(&engine, "d").is_none());
        open(1).write(&engine, "d", &code).unwrap();
        assert!(open(1).read(&engine, "d").is_some());
        assert!(open(2).read(&engine, "d").is_none(), "another host's file");

        let path = open(1).path("d").unwrap();
        let whole = std::fs::read(&path).unwrap();
        for damaged in [&whole[..10], &whole[..whole.len() - 1], &[][..]] {
            std::fs::write(&path, damaged).unwrap();
            assert!(open(1).read(&engine, "d").is_none());
        }
        std::fs::write(open(1).path("e").unwrap(), &whole).unwrap();
        assert!(
            open(1).read(&engine, "e").is_none(),
            "another component's file"
        );
    }
}
