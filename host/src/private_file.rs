//! Small files that hold a secret, readable by their owner only. It knows nothing of what is in them.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The longest secret file that is read, in bytes: more is not one of ours.
const MOST: u64 = 4096;

/// Why a secret file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// It cannot be read or written.
    #[error("{path} cannot be {what}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Others may read it.
    #[error(
        "{path} can be read by others (mode {mode:04o}); run `chmod 600 {path}`, and replace what is in it if somebody may have seen it"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is no text of a sensible size.
    #[error("{0} is not what it should be: one line of text, at most 4096 bytes")]
    NotALine(PathBuf),
}

/// The line in `path`; if there is no such file, it is made with what `make` returns. Whoever calls
/// this holds the data directory's lock, so nobody makes it at the same time.
pub fn read_or_create(
    path: &Path,
    make: impl FnOnce() -> Zeroizing<String>,
) -> Result<Zeroizing<String>, PrivateFileError> {
    match read(path) {
        Err(PrivateFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let line = make();
            write(path, &line)?;
            Ok(line)
        }
        other => other,
    }
}

/// The line in `path`, without the white space around it.
pub fn read(path: &Path) -> Result<Zeroizing<String>, PrivateFileError> {
    let failed = |source| PrivateFileError::Io {
        path: path.to_owned(),
        what: "read",
        source,
    };
    let file = fs::File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(PrivateFileError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = Zeroizing::new(String::new());
    match file.take(MOST + 1).read_to_string(&mut text) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(PrivateFileError::NotALine(path.to_owned()));
        }
        Err(error) => return Err(failed(error)),
    }
    let line = text.trim();
    if text.len() as u64 > MOST || line.is_empty() || line.contains('\n') {
        return Err(PrivateFileError::NotALine(path.to_owned()));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

/// Puts `line` into `path` with mode 0600, whole or not at all, and durable.
pub fn write(path: &Path, line: &str) -> Result<(), PrivateFileError> {
    write_io(path, line).map_err(|source| PrivateFileError::Io {
        path: path.to_owned(),
        what: "written",
        source,
    })
}

fn write_io(path: &Path, line: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    // What a crash left behind may have another mode.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    // The umask may have taken bits away from 0600, never added some.
    file.set_permissions(Permissions::from_mode(0o600))?;
    writeln!(file, "{line}")?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[test]
    fn is_made_once_with_mode_0600() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        assert_eq!(*read_or_create(&path, || line("one")).unwrap(), "one");
        assert_eq!(*read_or_create(&path, || line("two")).unwrap(), "one");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        write(&path, "three").unwrap();
        assert_eq!(*read(&path).unwrap(), "three");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_others_can_read_or_what_is_no_line_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        write(&path, "one").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(
            error.contains("mode 0644") && error.contains("chmod 600"),
            "{error}"
        );
        for bad in [&b""[..], b"\n\n", b"a\nb", b"\xff\xfe", &[b'a'; 5000]] {
            fs::remove_file(&path).unwrap();
            write(&path, "x").unwrap();
            fs::write(&path, bad).unwrap();
            assert!(
                matches!(read(&path), Err(PrivateFileError::NotALine(_))),
                "{bad:?}"
            );
        }
        let error = read(&dir.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }
}
