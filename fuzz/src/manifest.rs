//! The manifest of `stepwell deploy`.

use std::ffi::OsString;

use stepwell::deploy::manifest::Manifest;

/// Takes a manifest's text. The variable `SET` is set, all others are not. `true` if it has no fault.
///
/// # Panics
/// If a fault has no message.
pub fn run(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let vars = |name: &str| (name == "SET").then(|| OsString::from("value"));
    match Manifest::parse(text, std::env::temp_dir(), &vars) {
        Ok(_) => true,
        Err(faults) => {
            assert!(!faults.is_empty());
            assert!(faults.iter().all(|fault| !fault.message.is_empty()));
            false
        }
    }
}
