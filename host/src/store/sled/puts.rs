//! Changes of the tree that are made together.

use sled::Batch;

/// Changes of the tree that are made together.
pub(super) trait Puts {
    fn put(&mut self, key: &[u8], value: Vec<u8>);
    fn remove_key(&mut self, key: &[u8]);
}

impl Puts for Batch {
    fn put(&mut self, key: &[u8], value: Vec<u8>) {
        self.insert(key, value);
    }

    fn remove_key(&mut self, key: &[u8]) {
        self.remove(key);
    }
}

/// Changes that can be written down before they are made: keys with their new values, none for those that go.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Puts for Changes {
    fn put(&mut self, key: &[u8], value: Vec<u8>) {
        self.0.push((key.to_vec(), Some(value)));
    }

    fn remove_key(&mut self, key: &[u8]) {
        self.0.push((key.to_vec(), None));
    }
}

impl Changes {
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Vec<u8>, Option<Vec<u8>>)> {
        self.0.iter()
    }

    pub(super) fn batch(&self) -> Batch {
        let mut batch = Batch::default();
        for (key, value) in &self.0 {
            match value {
                Some(value) => batch.insert(&key[..], &value[..]),
                None => batch.remove(&key[..]),
            }
        }
        batch
    }
}
