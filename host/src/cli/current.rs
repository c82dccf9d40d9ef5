//! The workspace that commands act in when none is named, by server: what `workspace use` sets. It is
//! kept in a file of the command line's own, `~/.config/stepwell/cli.json`, which only its owner may
//! read and write; the server does not have it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::context::error::ContextError;

/// The longest file that is read, in bytes.
const BYTES: u64 = 1024 * 1024;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The current workspace of each server, by its address or its data directory.
    workspaces: BTreeMap<String, String>,
}

/// `$XDG_CONFIG_HOME/stepwell/cli.json`, or else `~/.config/stepwell/cli.json`.
fn path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from);
    // The XDG specification has a relative path ignored.
    let config = set("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let home = || set("HOME").filter(|path| !path.as_os_str().is_empty());
    let config = config.or_else(|| Some(home()?.join(".config")))?;
    Some(config.join("stepwell/cli.json"))
}

/// The workspace that was set for this server, if one was.
pub fn get(server: &str) -> Result<Option<String>, ContextError> {
    match path() {
        Some(path) => Ok(read(path)?.workspaces.remove(server)),
        None => Ok(None),
    }
}

/// Sets the workspace for this server.
pub fn set(server: &str, workspace: &str) -> Result<(), ContextError> {
    let path = path().ok_or(ContextError::NoConfigDir)?;
    let mut file = read(path.clone())?;
    file.workspaces
        .insert(server.to_owned(), workspace.to_owned());
    write(&path, &file).map_err(|error| ContextError::Unwritable { path, error })
}

fn read(path: PathBuf) -> Result<File, ContextError> {
    let mut text = String::new();
    let read = fs::File::open(&path).and_then(|file| file.take(BYTES).read_to_string(&mut text));
    match read {
        Ok(_) => serde_json::from_str(&text).map_err(|error| ContextError::Current {
            path,
            reason: error.to_string(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(File::default()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(ContextError::Current {
            path,
            reason: error.to_string(),
        }),
        Err(error) => Err(ContextError::Unreadable { path, error }),
    }
}

/// Replaces the file as a whole: another command may read it meanwhile.
fn write(path: &std::path::Path, file: &File) -> io::Result<()> {
    let folder = path.parent().unwrap_or(std::path::Path::new("/"));
    fs::create_dir_all(folder)?;
    // Its mode is 0600 from the beginning.
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut temporary, file)?;
    temporary.write_all(b"\n")?;
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    Ok(())
}
