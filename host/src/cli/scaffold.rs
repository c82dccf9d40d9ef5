//! A new step: a crate, or a script. A crate carries its own copy of the SDK, which the binary has
//! inside, so that it builds wherever cargo does and always fits the server it came from.

mod script;

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rust_embed::{Embed, EmbeddedFile};

use super::exit::Exit;
pub use script::{Language, script};

/// The longest name: what a step may be called.
const NAME_CHARS: usize = 64;
/// Where the SDK lies in the new crate.
const SDK: &str = ".stepwell/sdk";
/// Words that cargo or rustc refuse as a crate's or function's name.
const RESERVED: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "stepwell_condition",
    "stepwell_sdk",
    "stepwell_sdk_macros",
    "struct",
    "super",
    "test",
    "tests",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// The SDK and its macros.
#[derive(Embed)]
#[folder = "$CARGO_MANIFEST_DIR/../guest-sdk"]
#[include = "Cargo.toml"]
#[include = "src/*"]
#[include = "macros/Cargo.toml"]
#[include = "macros/src/*"]
struct Sdk;

/// The condition language, which the SDK's macros and mock host check with.
#[derive(Embed)]
#[folder = "$CARGO_MANIFEST_DIR/condition"]
#[include = "Cargo.toml"]
#[include = "src/*"]
struct Condition;

/// The world that a step is a component of.
#[derive(Embed)]
#[folder = "$CARGO_MANIFEST_DIR/../wit"]
#[include = "*.wit"]
struct Wit;

/// Why no crate was made.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// Not a name a step's crate can have.
    #[error(
        "`{name}` cannot be a step's name: it must begin with a letter, have up to {NAME_CHARS} of a-z, 0-9, - and _, and be no word of Rust's or cargo's; e.g. contact-form"
    )]
    Name {
        /// As it was given.
        name: String,
    },
    /// Something is there already.
    #[error("{} exists already; choose another name, or remove it first", .0.display())]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error("cannot write {}: {error}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        error: io::Error,
    },
}

impl ScaffoldError {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "bad-name",
            Self::Exists(_) => "exists",
            Self::Unwritable { .. } => "unwritable",
        }
    }

    /// The exit code that stands for it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Name { .. } => Exit::Usage,
            Self::Exists(_) | Self::Unwritable { .. } => Exit::Failed,
        }
    }
}

/// What `stepwell step new` wrote.
#[derive(Debug)]
pub struct Scaffolded {
    /// The step's name.
    pub name: String,
    /// Its directory.
    pub directory: PathBuf,
    /// The author's files in it, without the SDK's, relative to it.
    pub files: Vec<PathBuf>,
}

/// Makes a step's crate in `directory`, whose last part is its name.
pub fn create(directory: &Path) -> Result<Scaffolded, ScaffoldError> {
    make(directory, fill)
}

/// Makes `directory` and has it filled, or leaves nothing.
fn make(
    directory: &Path,
    fill: impl FnOnce(&Path, &str) -> Result<Vec<PathBuf>, ScaffoldError>,
) -> Result<Scaffolded, ScaffoldError> {
    let last = directory.file_name().map(|name| name.to_string_lossy());
    let name = last
        .filter(|name| is_crate_name(name))
        .ok_or_else(|| ScaffoldError::Name {
            name: directory.display().to_string(),
        })?;
    let unwritable = |error| ScaffoldError::Unwritable {
        path: directory.to_path_buf(),
        error,
    };
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent).map_err(unwritable)?;
    }
    fs::create_dir(directory).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => ScaffoldError::Exists(directory.to_path_buf()),
        _ => unwritable(error),
    })?;
    let files = fill(directory, &name).inspect_err(|_| {
        // An incomplete step is removed; the directory was made just above.
        let _ = fs::remove_dir_all(directory);
    })?;
    Ok(Scaffolded {
        name: name.into_owned(),
        directory: directory.to_path_buf(),
        files,
    })
}

fn fill(directory: &Path, name: &str) -> Result<Vec<PathBuf>, ScaffoldError> {
    let filled = |template: &str| {
        template
            .replace("@NAME@", name)
            .replace("@IDENT@", &name.replace('-', "_"))
    };
    let own = [
        ("Cargo.toml", filled(include_str!("scaffold/Cargo.toml.in"))),
        ("src/lib.rs", filled(include_str!("scaffold/lib.rs.in"))),
        ("README.md", filled(include_str!("scaffold/README.md.in"))),
        (".gitignore", "/target/\n".to_owned()),
        // The compiler that the SDK is tested with; it brings the target by itself.
        (
            "rust-toolchain.toml",
            include_str!("../../../rust-toolchain.toml").to_owned(),
        ),
    ];
    for (path, text) in &own {
        write(&directory.join(path), text.as_bytes())?;
    }
    let sdk = directory.join(SDK);
    write(
        &sdk.join("Cargo.toml"),
        sdk_workspace(include_str!("../../../Cargo.toml")).as_bytes(),
    )?;
    unpack::<Sdk>(&sdk.join("guest-sdk"))?;
    unpack::<Condition>(&sdk.join("host/condition"))?;
    unpack::<Wit>(&sdk.join("wit"))?;
    Ok(own.iter().map(|(path, _)| PathBuf::from(path)).collect())
}

/// The manifest of the SDK's own little workspace: what its crates inherit from ours, with their
/// places and versions, so that their manifests need no change.
fn sdk_workspace(ours: &str) -> String {
    let mut text = String::from(
        "# Made by `stepwell step new`.\n[workspace]\nresolver = \"3\"\nmembers = [\"guest-sdk\", \"guest-sdk/macros\", \"host/condition\"]\n",
    );
    let mut inherited = false;
    for line in ours.lines() {
        if line.starts_with('[') {
            inherited = line.starts_with("[workspace.");
            if inherited {
                text.push('\n');
            }
        }
        if inherited && !line.trim().is_empty() {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn unpack<E: Embed>(directory: &Path) -> Result<(), ScaffoldError> {
    for path in E::iter() {
        let file: Option<EmbeddedFile> = E::get(&path);
        let bytes = file.map_or(Cow::Borrowed(&[][..]), |file| file.data);
        write(&directory.join(path.as_ref()), &bytes)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ScaffoldError> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, bytes))
        .map_err(|error| ScaffoldError::Unwritable {
            path: path.to_path_buf(),
            error,
        })
}

fn is_crate_name(name: &str) -> bool {
    name.len() <= NAME_CHARS
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
        && !RESERVED.contains(&name.replace('-', "_").as_str())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::build::{self, Progress};

    #[test]
    fn names() {
        for name in [
            "greet",
            "contact-form",
            "a",
            "step_2",
            "data",
            "step",
            "task",
        ] {
            assert!(is_crate_name(name), "{name}");
        }
        let long = "a".repeat(NAME_CHARS + 1);
        for name in [
            "",
            "-a",
            "2fast",
            "Greet",
            "a b",
            "a.b",
            "ä",
            "match",
            "std",
            "proc-macro",
            "stepwell-sdk",
            &long,
        ] {
            assert!(!is_crate_name(name), "{name}");
        }
        for path in ["", "..", "/", "x/Y"] {
            let error = create(Path::new(path)).unwrap_err();
            assert_eq!(
                (error.code(), error.exit()),
                ("bad-name", Exit::Usage),
                "{path}"
            );
        }
    }

    #[test]
    fn nothing_that_exists_is_touched() {
        let directory = tempfile::tempdir().unwrap();
        let taken = directory.path().join("taken");
        fs::write(&taken, "mine").unwrap();
        let error = create(&taken).unwrap_err();
        assert_eq!(error.code(), "exists");
        assert_eq!(fs::read_to_string(&taken).unwrap(), "mine");
    }

    #[test]
    fn the_sdk_has_a_workspace_with_what_its_crates_inherit() {
        let text = sdk_workspace(
            "[workspace]\nmembers = [\"x\"]\n\n[workspace.package]\nedition = \"2024\"\n\n[profile.release]\ndebug = 0\n[workspace.dependencies]\nserde = \"1\"\n",
        );
        assert!(text.ends_with("\n[workspace.package]\nedition = \"2024\"\n\n[workspace.dependencies]\nserde = \"1\"\n"), "{text}");
        assert!(
            !text.contains("\"x\"") && !text.contains("profile"),
            "{text}"
        );
    }

    /// The whole point: it builds at once, for the machine and for Wasm, and its tests pass.
    #[test]
    fn a_new_crate_builds_and_its_tests_pass() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().join("steps/new-step");
        let made = create(&at).unwrap();
        assert_eq!(made.name, "new-step");
        assert!(made.files.contains(&PathBuf::from("src/lib.rs")));
        // The folders that other tests build steps in: what all steps depend on is compiled once.
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
        // The versions that this repository is built with: nothing new is fetched.
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
        fs::copy(lock, at.join("Cargo.lock")).unwrap();
        let output = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
            .args(["test", "--target-dir"])
            .arg(shared.join("native"))
            .current_dir(&at)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}\n{words}");
        assert!(text.contains("2 passed"), "{text}");
        assert!(!words.contains("warning"), "{words}");

        let target = shared.join("guests");
        let built = build::build_component(&at, Some(&target), Progress::Hide).unwrap();
        assert_eq!(built.package, "new-step");
        assert!(built.path.ends_with("new_step.wasm"), "{built:?}");
        assert!((10_000..1_000_000).contains(&built.size), "{built:?}");
    }
}
