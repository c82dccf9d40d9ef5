//! Which server, which token, which workspace: from flags, the environment, or the data directory
//! of a server on this machine.

pub(super) mod error;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use stepwell_api::Workspace;

use super::current;
use super::global::Global;
use crate::client::{Client, ClientError, address, is_loopback};
use error::ContextError;

/// The workspace that every server has.
pub const DEFAULT_WORKSPACE: &str = "default";

/// The file `server.json` of a running server, in its data directory.
#[derive(Deserialize)]
pub(super) struct Running {
    /// Where it listens.
    pub(super) url: String,
}

/// The data directory: `--data-dir`, `$STEPWELL_DATA_DIR`, `$XDG_DATA_HOME/stepwell`,
/// `~/.local/share/stepwell`, whichever is set first.
pub fn data_dir(flag: Option<&Path>) -> Result<PathBuf, ContextError> {
    data_dir_from(flag, |name| std::env::var_os(name).map(PathBuf::from))
}

fn data_dir_from(
    flag: Option<&Path>,
    var: impl Fn(&str) -> Option<PathBuf>,
) -> Result<PathBuf, ContextError> {
    let set = |name| var(name).filter(|path| !path.as_os_str().is_empty());
    flag.map(Path::to_path_buf)
        .or_else(|| set("STEPWELL_DATA_DIR"))
        // The XDG specification has a relative path ignored.
        .or_else(|| {
            set("XDG_DATA_HOME")
                .filter(|path| path.is_absolute())
                .map(|path| path.join("stepwell"))
        })
        .or_else(|| set("HOME").map(|path| path.join(".local/share/stepwell")))
        .ok_or(ContextError::NoDataDir)
}

/// A client for the server that the flags and the environment mean, which acts in the workspace that they
/// mean, or else in that of the token.
pub async fn connect(global: &Global) -> Result<Client, ContextError> {
    let client = client(global)?;
    let is_named = named_workspace(global)?.is_some();
    // The admin token of a data directory is of no workspace.
    if is_named || given(global.token.as_deref()).is_none() {
        return Ok(client);
    }
    match client.own_token().await {
        Ok(token) => match token.read()?.workspace {
            Some(workspace) => Ok(client.of_workspace(&workspace)),
            None => Ok(client),
        },
        // Servers before tokens have one workspace to begin with.
        Err(ClientError::NotFound { .. }) => Ok(client),
        Err(error) => Err(error.into()),
    }
}

/// The client without a look at the token.
fn client(global: &Global) -> Result<Client, ContextError> {
    let token = given(global.token.as_deref());
    let given = given(global.url.as_deref());
    if let (Some(url), Some(token)) = (given, token) {
        return Ok(Client::new(url, token, &workspace(global)?)?);
    }
    let directory = data_dir(global.data_dir.as_deref())?;
    let url = match given {
        Some(url) => url.to_owned(),
        None => running(&directory)?.url,
    };
    let token = match token {
        Some(token) => token.to_owned(),
        None if may_have_admin_token(&url, given.is_some()) => admin_token(&directory, &url)?,
        None => return Err(ContextError::NoToken { url }),
    };
    Ok(Client::new(&url, &token, &workspace(global)?)?)
}

/// The value from the command line or a variable; an empty one counts as none.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// The workspace of the flag or the variable, or else the one that `workspace use` has set for this server.
fn named_workspace(global: &Global) -> Result<Option<String>, ContextError> {
    match given(global.workspace.as_deref()) {
        Some(workspace) => Ok(Some(workspace.to_owned())),
        None => current::get(&server(global)?),
    }
}

fn workspace(global: &Global) -> Result<String, ContextError> {
    let named = named_workspace(global)?;
    Ok(named.unwrap_or_else(|| DEFAULT_WORKSPACE.to_owned()))
}

/// The workspace that `workspace use` has set for this server, if commands act in it and it is not there any
/// more.
pub async fn current_is_gone(global: &Global) -> Option<ContextError> {
    if given(global.workspace.as_deref()).is_some() {
        return None;
    }
    let workspace = current::get(&server(global).ok()?).ok()??;
    let client = client(global).ok()?;
    match client.get::<Workspace>(&[], &[]).await {
        Err(ClientError::NotFound { code, .. }) => Some(ContextError::Gone { workspace, code }),
        _ => None,
    }
}

/// The key of a server in the file of current workspaces: its address if that is given, or else
/// its data directory, for it may listen elsewhere each time.
pub fn server(global: &Global) -> Result<String, ContextError> {
    if let Some(url) = given(global.url.as_deref()) {
        let whole = address(url).map_or_else(|_| url.to_owned(), String::from);
        return Ok(whole.trim_end_matches('/').to_owned());
    }
    let directory = data_dir(global.data_dir.as_deref())?;
    let directory = fs::canonicalize(&directory).unwrap_or(directory);
    Ok(directory.display().to_string())
}

/// The admin token opens everything, so it is not sent to an address that was merely typed.
fn may_have_admin_token(url: &str, typed: bool) -> bool {
    !typed || address(url).is_ok_and(|url| is_loopback(&url))
}

/// The local server's admin token.
pub fn admin_token(directory: &Path, url: &str) -> Result<String, ContextError> {
    let path = directory.join("admin-token");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ContextError::NoToken {
            url: url.to_owned(),
        }),
        Err(error) => Err(ContextError::Unreadable { path, error }),
    }
}

/// The server that runs on a data directory.
pub(super) fn running(directory: &Path) -> Result<Running, ContextError> {
    let path = directory.join("server.json");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ContextError::NoServer(directory.to_path_buf()));
        }
        Err(error) => return Err(ContextError::Unreadable { path, error }),
    };
    serde_json::from_str(&text).map_err(|error| ContextError::Damaged {
        path,
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;

    fn global(url: Option<&str>, token: Option<&str>, data_dir: &Path) -> Global {
        Global {
            url: url.map(str::to_owned),
            token: token.map(str::to_owned),
            data_dir: Some(data_dir.to_path_buf()),
            workspace: None,
            json: false,
        }
    }

    #[test]
    fn the_data_directory_is_the_first_that_is_set() {
        let vars = |pairs: &'static [(&str, &str)]| {
            move |name: &str| {
                pairs
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| PathBuf::from(value))
            }
        };
        let all = vars(&[
            ("STEPWELL_DATA_DIR", "/s"),
            ("XDG_DATA_HOME", "/x"),
            ("HOME", "/h"),
        ]);
        let flag = Path::new("/f");
        assert_eq!(data_dir_from(Some(flag), all).unwrap(), flag);
        for (pairs, expected) in [
            (vars(&[("STEPWELL_DATA_DIR", "/s"), ("HOME", "/h")]), "/s"),
            (
                vars(&[("STEPWELL_DATA_DIR", ""), ("XDG_DATA_HOME", "/x")]),
                "/x/stepwell",
            ),
            (
                vars(&[("XDG_DATA_HOME", "rel"), ("HOME", "/h")]),
                "/h/.local/share/stepwell",
            ),
        ] {
            assert_eq!(data_dir_from(None, pairs).unwrap(), Path::new(expected));
        }
        assert!(data_dir_from(None, |_| None).is_err());
    }

    #[test]
    fn the_local_server_is_found_through_its_data_directory() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let error = client(&global(None, None, at)).unwrap_err();
        assert_eq!((error.code(), error.exit()), ("no-server", Exit::NoAccess));
        fs::write(
            at.join("server.json"),
            r#"{"url":"http://127.0.0.1:7","pid":1}"#,
        )
        .unwrap();
        assert_eq!(
            client(&global(None, None, at)).unwrap_err().code(),
            "no-token"
        );
        fs::write(at.join("admin-token"), "secret\n").unwrap();
        assert_eq!(
            client(&global(None, None, at)).unwrap().url(),
            "http://127.0.0.1:7"
        );
        fs::write(at.join("server.json"), "{").unwrap();
        assert_eq!(
            client(&global(None, None, at)).unwrap_err().code(),
            "damaged"
        );
    }

    #[test]
    fn the_admin_token_stays_on_this_machine() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        fs::write(at.join("admin-token"), "secret").unwrap();
        for local in ["http://127.0.0.1:7", "http://[::1]:7", "http://localhost:7"] {
            assert!(client(&global(Some(local), None, at)).is_ok(), "{local}");
        }
        for foreign in ["http://203.0.113.5", "https://localhost.example.com"] {
            let error = client(&global(Some(foreign), None, at)).unwrap_err();
            assert_eq!(error.code(), "no-token", "{foreign}");
            assert!(client(&global(Some(foreign), Some("t"), at)).is_ok());
        }
    }
}
