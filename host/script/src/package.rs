//! What a script step is on the wire and in the store: its modules' texts, and which of them is
//! the entry. Bytes that are parsed here are hostile.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Most modules of one package.
pub const MODULES: usize = 256;
/// Most bytes of one module's text.
pub const MODULE_BYTES: usize = 1 << 20;
/// Most bytes of all modules' texts in sum.
pub const PACKAGE_BYTES: usize = 4 << 20;
/// Most bytes of a module's name.
pub const NAME_BYTES: usize = 200;
/// Most bytes of a package's JSON: every byte of the texts may be escaped as six.
const JSON_BYTES: usize = 6 * PACKAGE_BYTES + MODULES * (6 * NAME_BYTES + 16);

/// The modules of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The name of the module that exports `condition` and `content`.
    pub entry: String,
    /// Name to text; names are relative paths, `/` between folders.
    pub modules: BTreeMap<String, String>,
}

/// Why a package is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// Not JSON, or not of a package's shape.
    #[error(
        "not a script package: {0}; it is {{\"entry\": \"step.js\", \"modules\": {{\"step.js\": \"…\"}}}}"
    )]
    Shape(#[from] serde_json::Error),
    /// A name that is no plain relative path.
    #[error(
        "`{name}` cannot be a module's name: {fault}; a name is a relative path such as `lib/text.js`"
    )]
    Name {
        /// The name, shortened and with control characters escaped.
        name: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The entry is not among the modules.
    #[error("the entry `{0}` is not among the modules; name one of them")]
    NoEntry(String),
    /// More than [`MODULES`].
    #[error("{0} modules; a step has at most {MODULES}")]
    TooMany(usize),
    /// A module beyond [`MODULE_BYTES`].
    #[error("`{name}` has {bytes} bytes; a module has at most {MODULE_BYTES}")]
    ModuleTooLarge {
        /// The module.
        name: String,
        /// Its size.
        bytes: usize,
    },
    /// In sum beyond [`PACKAGE_BYTES`].
    #[error("{0} bytes; the modules of a step have at most {PACKAGE_BYTES} together")]
    TooLarge(usize),
}

impl Package {
    /// The package's JSON: equal packages give equal bytes.
    pub fn to_json(&self) -> String {
        serde_json::json!({ "entry": self.entry, "modules": self.modules }).to_string()
    }

    /// Reads a package and checks it.
    pub fn parse(bytes: &[u8]) -> Result<Self, PackageError> {
        if bytes.len() > JSON_BYTES {
            return Err(PackageError::TooLarge(bytes.len()));
        }
        let package: Self = serde_json::from_slice(bytes)?;
        package.check()?;
        Ok(package)
    }

    /// Whether the package is within its bounds and its names are plain.
    pub fn check(&self) -> Result<(), PackageError> {
        if self.modules.len() > MODULES {
            return Err(PackageError::TooMany(self.modules.len()));
        }
        for (name, text) in &self.modules {
            if let Some(fault) = fault_of(name) {
                let name = name.escape_debug().take(NAME_BYTES).collect();
                return Err(PackageError::Name { name, fault });
            }
            if text.len() > MODULE_BYTES {
                let (name, bytes) = (name.clone(), text.len());
                return Err(PackageError::ModuleTooLarge { name, bytes });
            }
        }
        let bytes = self.modules.values().map(String::len).sum();
        if bytes > PACKAGE_BYTES {
            return Err(PackageError::TooLarge(bytes));
        }
        if !self.modules.contains_key(&self.entry) {
            let entry = self.entry.escape_debug().take(NAME_BYTES).collect();
            return Err(PackageError::NoEntry(entry));
        }
        Ok(())
    }

    /// The entry's text.
    pub fn entry_text(&self) -> &str {
        self.modules.get(&self.entry).map_or("", String::as_str)
    }
}

/// What is wrong with a module's name, if anything.
pub(crate) fn fault_of(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() > NAME_BYTES {
        return Some("it has more than 200 bytes");
    }
    if name.starts_with('/') {
        return Some("it starts at the file system's root");
    }
    if name.contains(|c: char| c == '\\' || c.is_control()) {
        return Some("it has a backslash or a control character");
    }
    name.split('/').find_map(|part| match part {
        "" => Some("it has an empty segment"),
        "." | ".." => Some("it has a `.` or `..` segment"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn package(modules: &[(&str, &str)]) -> Package {
        Package {
            entry: "a.js".into(),
            modules: modules
                .iter()
                .map(|(name, text)| ((*name).into(), (*text).into()))
                .collect(),
        }
    }

    #[test]
    fn equal_packages_are_equal_bytes() {
        let json = package(&[("lib/b.js", "2"), ("a.js", "\"1\"\n")]).to_json();
        assert_eq!(
            json,
            r#"{"entry":"a.js","modules":{"a.js":"\"1\"\n","lib/b.js":"2"}}"#
        );
    }

    #[test]
    fn refusals() {
        let refused = |json: &str| Package::parse(json.as_bytes()).unwrap_err().to_string();
        let named = |name: &str| {
            refused(&format!(
                r#"{{"entry":"a","modules":{{"a":"",{name}:""}}}}"#
            ))
        };
        assert_eq!(
            named(r#""../x""#),
            "`../x` cannot be a module's name: it has a `.` or `..` segment; a name is a relative path such as \
             `lib/text.js`"
        );
        let faults = [
            (r#""/etc/passwd""#, "it starts at the file system's root"),
            (r#""a//b""#, "it has an empty segment"),
            (r#""a/""#, "it has an empty segment"),
            (r#""./a""#, "it has a `.` or `..` segment"),
            (r#""a\\b""#, "it has a backslash or a control character"),
            (r#""a\u0000""#, "it has a backslash or a control character"),
            (r#""""#, "it is empty"),
        ];
        for (name, fault) in faults {
            assert!(named(name).contains(fault), "{}", named(name));
        }
        assert!(named(&format!("\"{}\"", "x".repeat(201))).contains("more than 200 bytes"));
        assert!(refused("[").starts_with("not a script package: EOF while parsing"));
        assert!(refused(r#"{"entry":"a","modules":{"a":""},"x":1}"#).contains("unknown field `x`"));
        assert!(
            refused(r#"{"entry":"a","entry":"b","modules":{}}"#)
                .contains("duplicate field `entry`")
        );
        assert_eq!(
            refused(r#"{"entry":"b","modules":{"a":""}}"#),
            "the entry `b` is not among the modules; name one of them"
        );
    }

    #[test]
    fn bounds() {
        let full = "x".repeat(MODULE_BYTES);
        let mut package = package(&[("a.js", &full)]);
        assert_eq!(
            Package::parse(package.to_json().as_bytes()).unwrap(),
            package
        );
        package.modules.insert("b.js".into(), format!("{full}x"));
        assert!(matches!(
            package.check(),
            Err(PackageError::ModuleTooLarge { .. })
        ));
        for name in ["b.js", "c.js", "d.js"] {
            package.modules.insert(name.into(), full.clone());
        }
        package.check().unwrap();
        package.modules.insert("e.js".into(), "x".into());
        assert!(matches!(package.check(), Err(PackageError::TooLarge(_))));
        package.modules = (0..257)
            .map(|n| (format!("{n}.js"), String::new()))
            .collect();
        assert!(matches!(package.check(), Err(PackageError::TooMany(257))));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            modules in prop::collection::btree_map("[a-zé.]{1,3}[a-z]/[a-z]{1,5}", any::<String>(), 1..9),
        ) {
            let entry = modules.keys().next().unwrap().clone();
            let package = Package { entry, modules };
            prop_assert_eq!(Package::parse(package.to_json().as_bytes()).unwrap(), package);
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in any::<Vec<u8>>()) {
            let _ = Package::parse(&bytes);
        }
    }
}
