//! A new script step: the file, and the types that an editor completes from.

use std::path::{Path, PathBuf};

use super::{ScaffoldError, Scaffolded, make, write};

/// The language of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// A crate, built to a component.
    Rust,
    /// JavaScript: no build.
    Js,
    /// TypeScript: no build either.
    Ts,
}

impl Language {
    /// The ending of its source files.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Rust => "rs",
            Self::Js => "js",
            Self::Ts => "ts",
        }
    }
}

/// Makes a script step in `directory`, whose last part is its name.
pub fn script(directory: &Path, language: Language) -> Result<Scaffolded, ScaffoldError> {
    make(directory, |directory, name| {
        let source = match language {
            Language::Ts => include_str!("step.ts.in"),
            _ => include_str!("step.js.in"),
        };
        let own = [
            (
                format!("{name}.{}", language.ending()),
                source.replace("@NAME@", name),
            ),
            (
                "stepwell.d.ts".to_owned(),
                include_str!("../../../../guest-sdk/js/stepwell.d.ts").to_owned(),
            ),
            // With it an editor knows the globals, and that there is no `window` and no `process`.
            (
                "jsconfig.json".to_owned(),
                include_str!("jsconfig.json.in").to_owned(),
            ),
        ];
        for (path, text) in &own {
            write(&directory.join(path), text.as_bytes())?;
        }
        Ok(own.iter().map(|(path, _)| PathBuf::from(path)).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::script::steps;
    use super::*;

    #[test]
    fn a_new_script_is_a_step_at_once() {
        let directory = tempfile::tempdir().unwrap();
        for (language, file) in [(Language::Js, "greet.js"), (Language::Ts, "greet.ts")] {
            let at = directory.path().join(language.ending()).join("greet");
            let made = script(&at, language).unwrap();
            assert_eq!(made.name, "greet");
            assert_eq!(made.files[0], PathBuf::from(file));
            let steps = steps(&at.join(file), None).unwrap();
            assert_eq!(steps.len(), 1);
            assert_eq!(steps[0].derived.name, "greet");
        }
        let error = script(Path::new("Not A Name"), Language::Js).unwrap_err();
        assert_eq!(error.code(), "bad-name");
    }
}
