//! What several scripts have, once in memory: texts of modules and layers of images, found by their digest. Scripts of
//! all workspaces share them, and a workspace cannot find out with which one: each script is compiled, written to disk and
//! read as if it had its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

/// SHA-256.
pub(super) type Digest = [u8; 32];

pub(super) fn digest_of(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// A value whose size in memory is known.
pub(super) trait Measured {
    /// In bytes.
    fn size(&self) -> usize;
}

impl Measured for Box<str> {
    fn size(&self) -> usize {
        self.len()
    }
}

/// The values that are alive. A clone is the same pool.
#[derive(Debug)]
pub(super) struct Pool<T: Measured>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T: Measured> {
    alive: Mutex<HashMap<Digest, Weak<Shared<T>>>>,
    bytes: AtomicUsize,
}

/// A value of a pool. It leaves the pool with its last owner.
#[derive(Debug)]
pub(super) struct Shared<T: Measured> {
    digest: Digest,
    value: T,
    pool: Arc<Inner<T>>,
}

impl<T: Measured> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Measured> Default for Pool<T> {
    fn default() -> Self {
        Self(Arc::new(Inner {
            alive: Mutex::default(),
            bytes: AtomicUsize::new(0),
        }))
    }
}

impl<T: Measured> Pool<T> {
    /// The value of this digest: the one that is alive, or `value`.
    pub(super) fn share(&self, digest: Digest, value: T) -> Arc<Shared<T>> {
        let mut alive = self.0.alive.lock();
        if let Some(known) = alive.get(&digest).and_then(Weak::upgrade) {
            drop(alive);
            return known;
        }
        self.0.bytes.fetch_add(value.size(), Ordering::Relaxed);
        let pool = self.0.clone();
        let shared = Arc::new(Shared {
            digest,
            value,
            pool,
        });
        alive.insert(digest, Arc::downgrade(&shared));
        shared
    }

    /// Bytes of all values that are alive.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
    }
}

impl<T: Measured> Shared<T> {
    pub(super) fn digest(&self) -> &Digest {
        &self.digest
    }

    pub(super) fn value(&self) -> &T {
        &self.value
    }
}

impl<T: Measured> Drop for Shared<T> {
    fn drop(&mut self) {
        self.pool
            .bytes
            .fetch_sub(self.value.size(), Ordering::Relaxed);
        let mut alive = self.pool.alive.lock();
        // Another one may have taken its place meanwhile.
        if alive
            .get(&self.digest)
            .is_some_and(|one| one.strong_count() == 0)
        {
            alive.remove(&self.digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_there_once_as_long_as_it_has_an_owner() {
        let pool = Pool::<Box<str>>::default();
        let of = |number: u8, text: &str| pool.share([number; 32], text.into());
        let (first, again, other) = (of(1, "text"), of(1, "text"), of(2, "another"));
        assert!(Arc::ptr_eq(&first, &again) && !Arc::ptr_eq(&first, &other));
        assert_eq!(pool.bytes(), 11);
        drop((first, other));
        assert_eq!(pool.bytes(), 4);
        assert_eq!(&**again.value(), "text");
        drop(again);
        assert_eq!(pool.bytes(), 0);
        assert!(pool.0.alive.lock().is_empty());
        assert_eq!(&**of(1, "text").value(), "text");
    }
}
