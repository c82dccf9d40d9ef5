//! Files that only their owner may read: small ones that hold a secret, and whole directories. Their
//! contents are the callers'.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
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
        source: io::Error,
    },
    /// Others may read it.
    #[error(
        "{path} can be read by others (mode {mode:04o}); run `chmod 600 {path}`, and replace what is in it if it may have been read"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Others may read or change it, and this user may not close it to them.
    #[error(
        "others may read or change {path} (mode {mode:04o}), and only its owner, user {owner}, can close it to them: {source}; choose a directory of your own with --data-dir, which may be a new one inside it"
    )]
    NotOurs {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The user whom it belongs to.
        owner: u32,
        /// Why it cannot be closed.
        source: io::Error,
    },
    /// It is no text of a sensible size.
    #[error("{0} is not what it should be: one line of text, at most 4096 bytes")]
    NotALine(PathBuf),
}

/// The line in `path`; if there is no such file, it is made with what `make` returns. The caller
/// holds the data directory's lock, so that no other process makes it at the same time.
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

/// As [`read_or_create`], for a file that several processes may make at the same time: all of them get the
/// line of the one that was first.
///
/// # Errors
/// As of [`read`] and [`write`].
pub fn read_or_create_shared(
    path: &Path,
    make: impl FnOnce() -> Zeroizing<String>,
) -> Result<Zeroizing<String>, PrivateFileError> {
    let failed = |source| PrivateFileError::Io {
        path: path.to_owned(),
        what: "written",
        source,
    };
    if !path.exists() {
        let directory = path.parent().unwrap_or(Path::new("."));
        let file = temporary_with(&mut tempfile::Builder::new(), directory, &make());
        match file.map_err(failed)?.persist_noclobber(path) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error.error));
            }
            _ => {}
        }
    }
    read(path)
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
    let mut temporary = path.file_name().unwrap_or_default().to_owned();
    temporary.push(".new");
    // One name for each secret, so that what a crash leaves behind is removed by the next write.
    match fs::remove_file(directory.join(&temporary)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut named = tempfile::Builder::new();
    let file = temporary_with(named.prefix(&temporary).rand_bytes(0), directory, line)?;
    file.persist(path)?;
    fs::File::open(directory)?.sync_all()
}

/// A temporary file of the directory with mode 0600 and this line, whose bytes are durable.
fn temporary_with(
    builder: &mut tempfile::Builder<'_, '_>,
    directory: &Path,
    line: &str,
) -> io::Result<tempfile::NamedTempFile> {
    let private = Permissions::from_mode(0o600);
    let mut file = builder
        .permissions(private.clone())
        .tempfile_in(directory)?;
    // The umask may have taken bits away from 0600, never added some.
    file.as_file().set_permissions(private)?;
    writeln!(file, "{line}")?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// The permission bits of all users but the owner.
const OTHERS: u32 = 0o077;
/// How deep directories are looked into.
const DEEPEST: usize = 8;
/// From here on, a directory that is closed to others is not looked into: it may hold very many
/// files, and was closed after them.
const CLOSED_AS_A_WHOLE: usize = 2;

/// Has every file and directory that this process makes from now on be for its owner only, whatever
/// the umask was: files 0600, directories 0700.
pub fn make_all_private() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Takes all permissions of others from `path` and everything below it, and gives how many files and
/// directories had some. Nothing need be there; links are not followed.
///
/// # Errors
/// [`PrivateFileError::NotOurs`] if this user may not do that, [`PrivateFileError::Io`].
pub fn close_to_others(path: &Path) -> Result<usize, PrivateFileError> {
    match fs::symlink_metadata(path) {
        Ok(found) => close(path, &found, 0),
        Err(error) => gone(path, error),
    }
}

/// As [`close_to_others`], of a directory alone, or what a link leads to.
///
/// # Errors
/// As of [`close_to_others`].
pub fn close_directory(path: &Path) -> Result<bool, PrivateFileError> {
    match fs::metadata(path) {
        Ok(found) => restrict(path, &found),
        Err(error) => gone(path, error).map(|_| false),
    }
}

fn close(path: &Path, found: &Metadata, depth: usize) -> Result<usize, PrivateFileError> {
    let kind = found.file_type();
    if kind.is_symlink() {
        return Ok(0);
    }
    let mut closed = 0;
    let is_closed = found.mode() & OTHERS == 0;
    if kind.is_dir() && depth < DEEPEST && !(is_closed && depth >= CLOSED_AS_A_WHOLE) {
        let failed = |error| gone(path, error);
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return failed(error),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return failed(error),
            };
            closed += match entry.metadata() {
                Ok(found) => close(&entry.path(), &found, depth + 1)?,
                Err(error) => gone(&entry.path(), error)?,
            };
        }
    }
    // The directory comes after its entries: if it is closed, all of them are.
    Ok(closed + usize::from(restrict(path, found)?))
}

fn restrict(path: &Path, found: &Metadata) -> Result<bool, PrivateFileError> {
    let mode = found.mode() & 0o7777;
    if mode & OTHERS == 0 {
        return Ok(false);
    }
    match fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS)) {
        Ok(()) => Ok(true),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(PrivateFileError::NotOurs {
            path: path.to_owned(),
            mode,
            owner: found.uid(),
            source,
        }),
    }
}

/// A missing file need not be closed.
fn gone(path: &Path, error: io::Error) -> Result<usize, PrivateFileError> {
    if error.kind() == io::ErrorKind::NotFound {
        return Ok(0);
    }
    Err(PrivateFileError::Io {
        path: path.to_owned(),
        what: "read",
        source: error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_tree_of_files_is_closed_to_others_and_links_are_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let outside = home.path().join("outside");
        fs::write(&outside, "x").unwrap();
        let top = home.path().join("top");
        let deep = top.join("a/b");
        fs::create_dir_all(&deep).unwrap();
        let files = [top.join("one"), deep.join("two"), deep.join("three")];
        for file in &files {
            fs::write(file, "x").unwrap();
        }
        std::os::unix::fs::symlink(&outside, top.join("link")).unwrap();
        std::os::unix::fs::symlink(&top, deep.join("circle")).unwrap();
        let modes = [
            (&outside, 0o644),
            (&top, 0o2755),
            (&files[0], 0o664),
            (&files[1], 0o666),
            (&files[2], 0o600),
        ];
        for (path, mode) in modes {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
        for directory in [top.join("a"), deep.clone()] {
            fs::set_permissions(directory, Permissions::from_mode(0o750)).unwrap();
        }
        assert_eq!(close_to_others(&top).unwrap(), 5);
        assert_eq!(mode(&outside), 0o644);
        assert_eq!(mode(&top), 0o2700);
        assert_eq!((mode(&deep), mode(&files[0])), (0o700, 0o600));
        assert_eq!((mode(&files[1]), mode(&files[2])), (0o600, 0o600));
        assert_eq!(close_to_others(&top).unwrap(), 0, "there is nothing left");
        assert_eq!(close_to_others(&home.path().join("none")).unwrap(), 0);
    }

    #[test]
    fn what_belongs_to_another_user_is_refused() {
        // Root may change any file.
        if rustix::process::geteuid().is_root() {
            return;
        }
        let error = close_to_others(Path::new("/usr/bin"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("user 0") && error.contains("--data-dir"),
            "{error}"
        );
    }

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
