//! The modules that a step reaches, and the names under which an engine finds them: it tries a
//! specifier as it is, then with `.js`, then as a folder with an `index.js`. Sources are not rewritten,
//! so a file takes the name by which it is asked for.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use crate::error::ScriptError;
use crate::files::Files;
use crate::module::{self, Language, Module};
use crate::outline::{Name, Outline, Use};
use crate::package::{MODULES, Package};

/// Modules that the engine has of its own, with or without `node:`.
const BUILT_IN: [&str; 5] = ["buffer", "crypto", "querystring", "url", "util"];
/// What may be left out at a file's end.
const ENDINGS: [&str; 4] = [".js", ".ts", ".mjs", ".mts"];
/// The folder of modules that `lib.<module>` finds without an import.
const LIBRARY: &str = "lib";

/// Reads each file once for all steps of an entry.
pub struct Reader<'a> {
    files: &'a dyn Files,
    read: BTreeMap<String, Option<Rc<Module>>>,
}

impl<'a> Reader<'a> {
    pub fn new(files: &'a dyn Files) -> Self {
        Self {
            files,
            read: BTreeMap::new(),
        }
    }

    fn module(&mut self, name: &str) -> Result<Option<Rc<Module>>, ScriptError> {
        if let Some(read) = self.read.get(name) {
            return Ok(read.clone());
        }
        let module = match (module::source(self.files, name)?, Language::of(name)) {
            (Some(source), Some(language)) => Some(Rc::new(module::helper(source, language)?)),
            _ => None,
        };
        self.read.insert(name.to_owned(), module.clone());
        Ok(module)
    }

    /// A step's package. Its names begin at the folder that all its modules are in, so that one step is
    /// one package, whichever folder above it the files were read from.
    pub fn package(&mut self, step: Module) -> Result<Package, ScriptError> {
        let file = step.source.name.clone();
        let entry = plain_name(&file);
        let mut found = Found::new();
        found.names.insert(file.clone(), entry.clone());
        found.files.insert(entry.clone(), file.clone());
        found.queue.push_back(Rc::new(step));
        let mut library = None;
        loop {
            while let Some(module) = found.queue.pop_front() {
                if found.names.len() > MODULES {
                    let message =
                        format!("a step has at most {MODULES} modules, those of `lib` included");
                    return Err(ScriptError::file(&file, message));
                }
                if module.outline.lib && library.is_none() {
                    library = Some(self.library()?.into_iter());
                }
                for used in &module.outline.uses {
                    self.follow(&module, used, &mut found)?;
                }
                let name = found.names[&module.source.name].clone();
                found.texts.insert(name, module.text.clone());
            }
            // Only then is known which files of the library have names by imports.
            let Some(next) = library
                .as_mut()
                .and_then(|files| files.find(|file| !found.names.contains_key(file)))
            else {
                break;
            };
            if let Some(module) = self.module(&next)? {
                let name = plain_name(&next);
                if let Some(other) = found.add(module, name) {
                    let message = format!(
                        "`{other}` and this file have one name in a step; rename one of them"
                    );
                    return Err(ScriptError::file(&next, message));
                }
            }
        }
        // `lib.<module>` looks in a folder at the root.
        let folder = match library {
            Some(_) => String::new(),
            None => common_folder(found.texts.keys(), found.highest),
        };
        let named = |name: &str| name[folder.len()..].to_owned();
        let package = Package {
            entry: named(&entry),
            modules: (found.texts.into_iter())
                .map(|(name, text)| (named(&name), text))
                .collect(),
        };
        package
            .check()
            .map_err(|error| ScriptError::file(&file, error.to_string()))?;
        Ok(package)
    }

    /// The files of the library; a `.js` beside a `.ts` is what was made of it.
    fn library(&self) -> Result<Vec<String>, ScriptError> {
        let names = self.files.list(LIBRARY);
        let names = names
            .map_err(|error| ScriptError::file(LIBRARY, format!("cannot be read: {error}")))?;
        let made = |name: &String| plain_name(name) != *name && names.contains(&plain_name(name));
        let code = |name: &&String| {
            ENDINGS.iter().any(|ending| name.ends_with(ending)) && !name.ends_with(".d.ts")
        };
        Ok(names
            .iter()
            .filter(code)
            .filter(|name| !made(name))
            .cloned()
            .collect())
    }

    /// Adds the module that is imported.
    fn follow(&mut self, from: &Module, used: &Use, found: &mut Found) -> Result<(), ScriptError> {
        let specifier = &used.specifier;
        let refuse = |message: String| Err(from.source.error_in(&from.text, used.offset, message));
        if !["./", "../"]
            .iter()
            .any(|start| specifier.starts_with(start))
            && specifier != "."
            && specifier != ".."
        {
            let bare = specifier.strip_prefix("node:").unwrap_or(specifier);
            return match bare {
                bare if BUILT_IN.contains(&bare) => Ok(()),
                bare if bare.starts_with('/') => refuse(format!(
                    "`{bare}` is no path in the step's folder; begin it with `./` or `../`"
                )),
                bare => refuse(format!(
                    "`{bare}` is not available in a step; there are {}, and files by `./` and `../`",
                    built_in_names()
                )),
            };
        }
        let Some((path, highest)) = join(&from.source.name, specifier) else {
            return refuse(format!("`{specifier}` leaves the step's folder"));
        };
        found.highest = found.highest.min(highest);
        for (file, name) in candidates(&path) {
            let Some(module) = self.module(&file)? else {
                continue;
            };
            if let Some(missing) = missing_export(used, &module.outline) {
                let message = format!("`{file}` exports no `{}`", missing.name);
                return Err(from.source.error_in(&from.text, missing.offset, message));
            }
            match found.names.get(&file) {
                Some(known) if *known == name => return Ok(()),
                Some(_) => {
                    return refuse(format!(
                        "`{file}` is imported with its ending here and without it elsewhere, or the other way round; \
                         write it in one way"
                    ));
                }
                None => {}
            }
            return match found.add(module, name) {
                Some(other) => refuse(format!(
                    "`{other}` and `{file}` have one name in a step; rename one of them"
                )),
                None => Ok(()),
            };
        }
        if path.ends_with(".tsx") || path.ends_with(".jsx") {
            return refuse("JSX needs generated code; a step has `.js`, `.mjs`, `.ts`, `.mts` and `.json` files".into());
        }
        refuse(format!("there is no file `{path}`"))
    }
}

/// The first name that an import takes and the module does not export, as far as its `export`s tell.
fn missing_export<'a>(used: &'a Use, of: &Outline) -> Option<&'a Name> {
    let mut names = used.names.iter();
    names.find(|name| of.is_closed && of.exports(&name.name).next().is_none())
}

/// What a step's package has so far.
struct Found {
    /// The least folders that a specifier has had above it on its way: `../a/b.js` passes the folder of `a`.
    highest: usize,
    /// Files by the names they have in the package, and the other way round.
    files: BTreeMap<String, String>,
    names: BTreeMap<String, String>,
    texts: BTreeMap<String, String>,
    /// Modules with names whose imports have not been followed.
    queue: VecDeque<Rc<Module>>,
}

impl Found {
    fn new() -> Self {
        Self {
            highest: usize::MAX,
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            texts: BTreeMap::new(),
            queue: VecDeque::new(),
        }
    }

    /// Gives a module its name; the file that already has it.
    fn add(&mut self, module: Rc<Module>, name: String) -> Option<String> {
        let file = &module.source.name;
        if let Some(other) = self.files.get(&name) {
            return Some(other.clone());
        }
        self.files.insert(name.clone(), file.clone());
        self.names.insert(file.clone(), name);
        self.queue.push_back(module);
        None
    }
}

/// The name of a file that is not asked for by a name: JavaScript is `.js`.
pub fn plain_name(file: &str) -> String {
    let ending = ENDINGS.iter().find_map(|ending| file.strip_suffix(ending));
    ending.map_or_else(|| file.to_owned(), |stem| format!("{stem}.js"))
}

/// The deepest folder that has all these files and is below `most` others at most, with the `/` at its end;
/// nothing if that is the root.
fn common_folder<'a>(names: impl Iterator<Item = &'a String>, most: usize) -> String {
    let folder = |name: &'a str| name.rfind('/').map_or("", |end| &name[..=end]);
    let common = names.map(|name| folder(name)).reduce(|common, other| {
        let same = common.split_inclusive('/').zip(other.split_inclusive('/'));
        let length = same
            .take_while(|(one, another)| one == another)
            .map(|(one, _)| one.len())
            .sum();
        &common[..length]
    });
    let parts = common.unwrap_or_default().split_inclusive('/');
    parts.take(most).collect()
}

/// The path of a specifier from the root, and how many folders are above the highest one on its way; none
/// if it leaves the root.
fn join(from: &str, specifier: &str) -> Option<(String, usize)> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let mut highest = parts.len();
    for part in specifier.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
                highest = highest.min(parts.len());
            }
            part => parts.push(part),
        }
    }
    Some((parts.join("/"), highest))
}

/// The files that a path may mean, each with the name under which an engine then looks for it.
fn candidates(path: &str) -> Vec<(String, String)> {
    let mut all = vec![(path.to_owned(), path.to_owned())];
    // TypeScript's authors write the name of what is made of a file.
    for (made, of) in [(".js", ".ts"), (".mjs", ".mts")] {
        all.extend(
            path.strip_suffix(made)
                .map(|stem| (format!("{stem}{of}"), path.to_owned())),
        );
    }
    all.extend(
        ENDINGS
            .iter()
            .map(|ending| (format!("{path}{ending}"), format!("{path}.js"))),
    );
    let index = if path.is_empty() {
        "index".to_owned()
    } else {
        format!("{path}/index")
    };
    all.extend(
        [".js", ".ts"]
            .iter()
            .map(|ending| (format!("{index}{ending}"), format!("{index}.js"))),
    );
    if path.is_empty() {
        all.retain(|(_, name)| name == "index.js");
    }
    all.retain(|(file, _)| crate::package::fault_of(file).is_none());
    all
}

/// [`BUILT_IN`] as a sentence has them.
fn built_in_names() -> String {
    let [others @ .., last] = BUILT_IN.map(|name| format!("`{name}`"));
    format!("{} and {last}", others.join(", "))
}
