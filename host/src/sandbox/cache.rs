//! Compiled components on disk. wasmtime runs what it deserialises as machine code without a
//! check, so only files that this host wrote are: each begins with an HMAC under a secret key.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::error::{ComponentError, SandboxError};

const TAG_BYTES: usize = 32;

/// A directory of `<digest>-<engine>.cwasm` files, or none.
pub(super) struct Cache {
    dir: Option<PathBuf>,
    key: [u8; 32],
    /// Stands for wasmtime's version and configuration; another of either is another file.
    engine: u64,
}

impl Cache {
    pub(super) fn open(
        dir: Option<PathBuf>,
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
            key,
            engine: hasher.finish(),
        })
    }

    /// The compiled component, if there is one that this host wrote. A file that does not fit is
    /// as good as none: it is written anew.
    pub(super) fn read(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let bytes = std::fs::read(self.path(digest)?).ok()?;
        let (tag, code) = bytes.split_at_checked(TAG_BYTES)?;
        let mac = self.mac(digest, code);
        if mac.verify_slice(tag).is_err() {
            tracing::warn!(
                component = digest,
                "a cached component was not written by this host; compiling anew"
            );
            return None;
        }
        deserialize(engine, code).ok()
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
            let partial = path.with_extension(format!("{}.partial", std::process::id()));
            let tag = self.mac(digest, code).finalize().into_bytes();
            let written = std::fs::write(&partial, [&tag[..], code].concat())
                .and_then(|()| std::fs::rename(&partial, &path));
            if let Err(error) = written {
                let _ = std::fs::remove_file(&partial);
                tracing::warn!(%error, path = %path.display(), "a compiled component could not be kept");
            }
        }
        Ok(component)
    }

    /// Removes the compiled components whose digests are not `used`.
    pub(super) fn retain(&self, used: impl Fn(&str) -> bool) -> std::io::Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            let is_compiled = path.extension().is_some_and(|ending| ending == "cwasm");
            if let Some((digest, _)) = name.and_then(|name| name.split_once('-'))
                && is_compiled
                && !used(digest)
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

    fn mac(&self, digest: &str, code: &[u8]) -> Hmac<Sha256> {
        // RFC 2104: a key shorter than the block is padded with zeros.
        let mut block = [0; 64];
        block[..self.key.len()].copy_from_slice(&self.key);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        mac.update(digest.as_bytes());
        mac.update(code);
        mac
    }
}

/// The one unsafe act of the project.
#[allow(unsafe_code)]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` was made by `Engine::precompile_component`: either just now, by this process
    // or its own child through a private temporary directory, or earlier and kept in a file whose
    // HMAC under this host's secret key was verified. wasmtime itself refuses another version's
    // or configuration's code.
    unsafe { Component::deserialize(engine, code) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::engine::compiling;

    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn what_is_not_used_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let engine = compiling().unwrap();
        let code = engine.precompile_component(EMPTY_COMPONENT).unwrap();
        let cache = Cache::open(Some(folder.path().into()), [1; 32], &engine).unwrap();
        for digest in ["a", "b"] {
            cache.write(&engine, digest, &code).unwrap();
        }
        std::fs::write(folder.path().join("of-somebody-else"), "").unwrap();
        cache.retain(|digest| digest == "b").unwrap();
        assert!(cache.read(&engine, "a").is_none() && cache.read(&engine, "b").is_some());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn only_files_under_the_hosts_own_key_are_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let engine = compiling().unwrap();
        let code = engine.precompile_component(EMPTY_COMPONENT).unwrap();
        let open = |key| Cache::open(Some(folder.path().into()), [key; 32], &engine).unwrap();
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
