//! Names of the tree's values in errors.

use super::keys;

/// The name of a key's value in errors: its kind, the workspace, and its task or name.
pub(super) fn name_of(key: &[u8]) -> String {
    let (key, piece) = match key.strip_prefix(b"x/") {
        Some(long) if long.len() > 5 => (&long[..long.len() - 5], "a piece of "),
        _ => (key, ""),
    };
    let kind = match key.get(..2) {
        Some(b"t/") => "the record of a task",
        Some(b"j/") => "a piece of a task's journal",
        Some(b"r/" | b"s/" | b"w/" | b"d/") => "an index key",
        Some(b"a/") => "places in the archive",
        Some(b"b/") => "digests of terms",
        Some(b"e/") => "keys of deliveries",
        Some(b"p/") => "a workspace's settings",
        Some(b"v/") => "a workspace's revision",
        Some(b"h/") => "a webhook",
        Some(b"q/") => "a step",
        Some(b"g/") => "a config value",
        Some(b"k/") => "a connector",
        Some(b"n/" | b"o/") => "a token",
        Some(b"i/" | b"c/") => "an entry of the audit log",
        Some(b"f/") => "a schedule",
        Some(b"l/") => "the mark of a schedule",
        Some(b"y/") => "a workspace that is being erased",
        Some(b"m/") => "a mark",
        _ => "an unknown value",
    };
    let of = match (keys::split(key), kind) {
        (_, "a mark") => String::from_utf8_lossy(key).into_owned(),
        (Some((workspace, rest)), _) => match (keys::id_of(key), std::str::from_utf8(rest)) {
            (Some(id), _) if has_task(key) => format!("{workspace}, task {id}"),
            (_, Ok(name)) if !rest.is_empty() && name.chars().all(|c| !c.is_control()) => {
                format!("{workspace}, {name}")
            }
            _ => workspace.to_string(),
        },
        (None, _) => {
            keys::workspace_of(key).map_or_else(String::new, |workspace| workspace.to_string())
        }
    };
    format!("{piece}{kind} ({of})")
}

/// Whether a key ends in a task's id.
fn has_task(key: &[u8]) -> bool {
    [&b"t/"[..], b"r/", b"s/", b"w/", b"a/", b"b/"]
        .iter()
        .any(|prefix| key.starts_with(prefix))
}
