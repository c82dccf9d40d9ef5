//! Compiled components and scripts on disk. wasmtime runs what it deserialises as machine code without a
//! check, and the script engine an image as its memory, so only files that this host wrote are: each begins with an HMAC
//! under a secret key.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::error::{ComponentError, SandboxError};
use super::files::LAYERS;
use super::image::{Image, Layer, layers_of};
use super::script;
use super::shared::{Digest, Pool};

const TAG_BYTES: usize = 32;
/// How long a file of a shared directory stays that no server has read.
const UNREAD: Duration = Duration::from_secs(30 * 24 * 3600);
/// How old a file's time may be that says when it was last read.
const READ_MARK: Duration = Duration::from_secs(24 * 3600);

/// Digits of the script engine's digest in the names of its files.
const ENGINE_DIGITS: usize = 16;
/// How old a layer's file is before it is removed as one that no image has: that of an image which is being written is
/// younger.
const LAYER_ALONE: Duration = Duration::from_secs(600);

/// A directory of `<digest>-<engine>.cwasm` files and, for scripts, `<digest>-<script engine>.image` files and
/// `<digest>-<script engine>.layer` files, which images name; or none.
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
    /// by each run. All of its layers are read, whether they are in memory or not.
    pub(super) fn read_image(&self, digest: &str, layers: &Pool<Layer>) -> Option<Image> {
        let bytes = self.read_file(&self.script_path(digest, "image")?, &image_name(digest))?;
        Image::of_bytes(&bytes, |digest| {
            let hex = HEXLOWER.encode(digest);
            let bytes = self.read_file(&self.script_path(&hex, "layer")?, &layer_name(&hex))?;
            Some(layers.share(*digest, Layer::of_bytes(&bytes)))
        })
    }

    /// Whether there is a directory, and no file for a script's image in it.
    pub(super) fn lacks_image(&self, digest: &str) -> bool {
        self.script_path(digest, "image")
            .is_some_and(|path| !path.exists())
    }

    /// Keeps an image that the engine has just made. A layer that is there is written again: a damaged one is mended, and
    /// how long it takes does not tell whether another workspace has it.
    pub(super) fn write_image(&self, digest: &str, image: &Image) {
        for layer in image.layers() {
            let hex = HEXLOWER.encode(layer.digest());
            if let Some(path) = self.script_path(&hex, "layer") {
                self.write_file(&path, &layer_name(&hex), &layer.value().to_bytes());
            }
        }
        if let Some(path) = self.script_path(digest, "image") {
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

    /// Removes the compiled components and scripts whose digests are not `used`, scripts that another engine has
    /// compiled, and layers that no image has; in a shared directory only those that no server has read for 30 days.
    pub(super) fn retain(&self, used: impl Fn(&str) -> bool) -> std::io::Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let (mut layers, mut alone) = (HashSet::new(), Vec::new());
        let is_older = |path: &Path, than: Duration| age(path).is_some_and(|age| age > than);
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            let ending = path.extension().and_then(|ending| ending.to_str());
            let Some((digest, engine)) = name.and_then(|name| name.split_once('-')) else {
                continue;
            };
            let is_of_engine = engine == &script::DIGEST[..ENGINE_DIGITS];
            let is_used = match ending {
                Some("cwasm") => used(digest),
                Some("image") => used(digest) && is_of_engine,
                Some("layer") if is_of_engine => {
                    alone.push((digest.to_owned(), path));
                    continue;
                }
                Some("layer") => false,
                _ => continue,
            };
            if !is_used && (!self.is_shared || is_older(&path, UNREAD)) {
                std::fs::remove_file(&path)?;
            } else if ending == Some("image") {
                layers.extend(layers_of_file(&path)?);
            }
        }
        let unread = if self.is_shared { UNREAD } else { LAYER_ALONE };
        alone.retain(|(digest, path)| !layers.contains(digest) && is_older(path, unread));
        for (_, path) in alone {
            std::fs::remove_file(&path)?;
        }
        Ok(())
    }

    fn path(&self, digest: &str) -> Option<PathBuf> {
        let name = format!("{digest}-{:016x}.cwasm", self.engine);
        self.dir.as_ref().map(|dir| dir.join(name))
    }

    fn script_path(&self, digest: &str, ending: &str) -> Option<PathBuf> {
        let name = format!("{digest}-{}.{ending}", &script::DIGEST[..ENGINE_DIGITS]);
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

/// The same of a layer's file.
fn layer_name(digest: &str) -> String {
    format!("layer:{}:{digest}:", *script::DIGEST)
}

/// The digests of the layers that an image's file names.
fn layers_of_file(path: &Path) -> std::io::Result<Vec<String>> {
    let mut head = Vec::new();
    let most = TAG_BYTES + size_of::<u32>() + LAYERS * size_of::<Digest>();
    let mut file = std::fs::File::open(path)?.take(most as u64);
    file.read_to_end(&mut head)?;
    let layers = head.get(TAG_BYTES..).and_then(layers_of);
    let digests = layers.map(|(digests, _)| digests).unwrap_or_default();
    Ok(digests.iter().map(|one| HEXLOWER.encode(one)).collect())
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
