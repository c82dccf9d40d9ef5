//! The suites on disk: Web platform tests as a checkout of theirs has them or as Node copies them
//! (`test/fixtures/wpt`), and Node's own (`test/parallel`); and each test file as a step's modules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::plan;

/// The modules that every step of a suite has.
const MODULES: [(&str, &str); 5] = [
    ("step.js", include_str!("step.js")),
    ("harness.js", include_str!("harness.js")),
    ("node-step.js", include_str!("node-step.js")),
    ("node.js", include_str!("node.js")),
    ("equal.js", include_str!("equal.js")),
];

/// The folder that Node's own tests are reported under.
pub const NODE: &str = "node/";

/// Node's copy leaves out what Node does not run.
const NO_SCRIPT: &str = "a script that the copy of the suite does not have";

/// The suites.
pub struct Suite {
    web: PathBuf,
    node: Option<PathBuf>,
}

/// One run of a test file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The file's path in its suite, with the variant after it.
    pub name: String,
    /// The name of the module that exports `content`.
    pub entry: &'static str,
    /// The step's files.
    pub modules: BTreeMap<String, String>,
}

/// What is to be done with a test file.
pub enum Plan {
    /// It is run, once a variant.
    Run(Vec<Case>),
    /// It asks for this, which a step by design does not have.
    NotApplicable(&'static str),
}

/// A file's directives and scripts.
#[derive(Default)]
struct Page {
    scripts: Vec<String>,
    variants: Vec<String>,
    text: String,
}

impl Suite {
    /// Opens Node's folder `test`, or a checkout of the Web platform tests.
    ///
    /// # Errors
    /// The folder is neither.
    pub fn open(folder: &Path) -> Result<Self, String> {
        let copied = folder.join("fixtures/wpt");
        let (web, node) = if copied.is_dir() {
            (copied, Some(folder.join("parallel")))
        } else {
            (folder.to_owned(), None)
        };
        if !web.join("resources").is_dir() || !web.join("common").is_dir() {
            return Err(format!(
                "{} is neither Node's folder `test` nor a checkout of the Web platform tests: \
                 it has no `resources` and `common`",
                folder.display()
            ));
        }
        Ok(Self { web, node })
    }

    /// The test files in these folders, in order. A folder that is not there has none.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn files(&self, folders: &[String]) -> Result<Vec<String>, String> {
        let mut found = BTreeSet::new();
        for folder in folders {
            if folder == "node" {
                let node = self.node.iter();
                for path in node.flat_map(|node| walk(node)) {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    if plan::of_node(&name) {
                        found.insert(format!("{NODE}{name}"));
                    }
                }
                continue;
            }
            for path in walk(&self.web.join(folder)) {
                let inside = path.strip_prefix(&self.web).unwrap_or(&path);
                let name = inside.to_string_lossy().into_owned();
                let script = name.ends_with(".any.js") || name.ends_with(".window.js");
                if script
                    || (name.ends_with(".html") && self.read(&name)?.contains("testharness.js"))
                {
                    found.insert(name);
                }
            }
        }
        Ok(found.into_iter().collect())
    }

    /// What is to be done with a test file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn plan(&self, file: &str) -> Result<Plan, String> {
        let text = match file.strip_prefix(NODE) {
            Some(_) => self.read(file)?,
            None => {
                if let Some(what) = plan::left_out(file) {
                    return Ok(Plan::NotApplicable(what));
                }
                return self.page(file);
            }
        };
        Ok(match plan::node_lacks(file, &text) {
            Some(what) => Plan::NotApplicable(what),
            None => Plan::Run(vec![self.case(file, "", &text, "node-step.js")]),
        })
    }

    fn page(&self, file: &str) -> Result<Plan, String> {
        let text = self.read(file)?;
        let page = if file.ends_with(".html") {
            html(&text)
        } else {
            directives(&text)
        };
        let mut script = String::new();
        for name in &page.scripts {
            let Ok(text) = self.read(&self.beside(file, name)) else {
                return Ok(Plan::NotApplicable(NO_SCRIPT));
            };
            script += &text;
            script += "\n;\n";
        }
        script += &page.text;
        if let Some(what) = plan::lacks(file, &text).or_else(|| plan::lacks(file, &script)) {
            return Ok(Plan::NotApplicable(what));
        }
        let mut variants = page.variants;
        if variants.is_empty() {
            variants.push(String::new());
        }
        variants.retain(|variant| !plan::VARIANTS.contains(&variant.as_str()));
        let case = |variant: &String| self.case(file, variant, &script, "step.js");
        Ok(Plan::Run(variants.iter().map(case).collect()))
    }

    /// The path, in the suite, of what a test file calls `name`.
    fn beside(&self, file: &str, name: &str) -> String {
        if name == "/resources/WebIDLParser.js" {
            return "resources/webidl2/lib/webidl2.js".to_owned();
        }
        if let Some(name) = name.strip_prefix('/') {
            return name.to_owned();
        }
        let mut path: Vec<&str> = file.split('/').collect();
        path.pop();
        for part in name.split('/') {
            match part {
                "." => {}
                ".." => {
                    path.pop();
                }
                part => path.push(part),
            }
        }
        path.join("/")
    }

    fn case(&self, file: &str, variant: &str, script: &str, entry: &'static str) -> Case {
        let parts = json!({
            "file": file,
            "search": variant,
            "script": script,
            "resources": self.resources(file, script),
        });
        let mut modules: BTreeMap<String, String> = MODULES
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        modules.insert("parts.json".to_owned(), parts.to_string());
        Case {
            name: format!("{file}{variant}"),
            entry,
            modules,
        }
    }

    /// The files that a script names in quotes: data that it fetches or reads, interfaces of the Web
    /// IDL, and fixtures of Node's.
    fn resources(&self, file: &str, script: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for name in script.split(['"', '\'', '`']) {
            if name.len() > 100 || name.is_empty() || name.contains(['\n', ' ']) {
                continue;
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_/.".contains(c);
            if !name.chars().all(plain) {
                continue;
            }
            let (key, path) = if file.starts_with(NODE) {
                let fixture = name.strip_prefix("../").map(str::to_owned);
                let path = fixture.unwrap_or_else(|| format!("fixtures/{name}"));
                let script = name.starts_with("../fixtures/");
                (
                    name.to_owned(),
                    if script { format!("{path}.js") } else { path },
                )
            } else if [".json", ".txt", ".idl"]
                .iter()
                .any(|end| name.ends_with(end))
            {
                (name.to_owned(), self.beside(file, name))
            } else {
                let path = format!("interfaces/{name}.idl");
                (format!("/{path}"), path)
            };
            let root = match (&self.node, file.starts_with(NODE)) {
                (Some(node), true) => node.join("../"),
                _ => self.web.clone(),
            };
            if let Ok(text) = fs::read_to_string(root.join(path)) {
                found.insert(key, text);
            }
        }
        found
    }

    /// A file's text. A test may have bytes that are no UTF-8; the engine takes text.
    fn read(&self, file: &str) -> Result<String, String> {
        let path = match (file.strip_prefix(NODE), &self.node) {
            (Some(name), Some(node)) => node.join(name),
            _ => self.web.join(file),
        };
        let bytes = fs::read(&path);
        let bytes = bytes.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The `META` comments of a script.
fn directives(text: &str) -> Page {
    let mut page = Page {
        text: text.to_owned(),
        ..Page::default()
    };
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("// META: ") else {
            continue;
        };
        if let Some(name) = rest.strip_prefix("script=") {
            page.scripts.push(name.trim().to_owned());
        } else if let Some(variant) = rest.strip_prefix("variant=") {
            page.variants.push(variant.trim().to_owned());
        }
    }
    page
}

/// The scripts of a page. Those that it loads come before its own, as they do in the suite's pages.
fn html(text: &str) -> Page {
    let mut page = Page::default();
    for part in text.split("<meta name=\"variant\" content=\"").skip(1) {
        let variant = part.split('"').next().unwrap_or_default();
        page.variants.push(variant.to_owned());
    }
    for part in text.split("<script").skip(1) {
        let Some((head, rest)) = part.split_once('>') else {
            continue;
        };
        let named = head.split_once("src=").map(|(_, name)| name);
        if let Some(name) = named {
            let name = name.trim_matches(|c: char| "\"' /".contains(c) && c != '/');
            let name = name.split(['"', '\'', ' ']).next().unwrap_or_default();
            if !name.contains("testharness") {
                page.scripts.push(name.to_owned());
            }
            continue;
        }
        let own = rest.split_once("</script").map_or(rest, |(own, _)| own);
        page.text += own;
        page.text += "\n;\n";
    }
    page
}

/// Every file below a folder; none if there is no such folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut next = vec![folder.to_owned()];
    while let Some(folder) = next.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                next.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}
