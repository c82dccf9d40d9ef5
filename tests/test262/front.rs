//! A test's front matter: what it needs and how it must end. Its fields are those of the suite's
//! INTERPRETING.md.

use serde::Deserialize;

/// What stands between `/*---` and `---*/`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Front {
    /// How it is to be run: `onlyStrict`, `noStrict`, `module`, `raw`, `async` and others.
    pub flags: Vec<String>,
    /// Files of the harness that it needs beside `assert.js` and `sta.js`.
    pub includes: Vec<String>,
    /// What of the language it is about.
    pub features: Vec<String>,
    /// The error that it must end with.
    pub negative: Option<Negative>,
}

/// An error that a test must end with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Negative {
    /// `parse`, `resolution` or `runtime`.
    pub phase: String,
    /// The name of the error's constructor.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Front {
    /// Reads a test's front matter.
    ///
    /// # Errors
    /// It has none, or it is no YAML of these fields.
    pub fn of(text: &str) -> Result<Self, String> {
        let (_, rest) = text.split_once("/*---").ok_or("it has no `/*---`")?;
        let (yaml, _) = rest.split_once("---*/").ok_or("its `/*---` never ends")?;
        // Some files end their lines as old Macs did.
        let yaml = yaml.replace("\r\n", "\n").replace('\r', "\n");
        serde_saphyr::from_str(&yaml).map_err(|error| format!("its front matter: {error}"))
    }

    /// Whether it has a flag.
    pub fn is(&self, flag: &str) -> bool {
        self.flags.iter().any(|own| own == flag)
    }
}
