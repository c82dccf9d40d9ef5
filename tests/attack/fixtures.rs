//! Files of `tests/fixtures/tls`.

use std::path::{Path, PathBuf};

/// The path of one.
pub fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tls");
    folder.join(name)
}
