//! What each part of a manifest must be. Every function reads all of its part even after a fault,
//! so that all of them are reported at once.

use std::fs;
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};
use stepwell_api::ConnectorSettings;
use zeroize::Zeroizing;

use super::model::{Connector, Setting, StepSource, Workspace};
use super::settings::settings;
use super::tuning;
use crate::deploy::error::At;
use crate::deploy::import_base::import_base;
use crate::deploy::plan::item::Kind;
use crate::deploy::reader::{Fields, Names, Place, Reader};
use crate::domain::ids::{ConnectorName, StepName, WorkspaceName};
use crate::domain::limits::CONFIG_BYTES;

/// The most characters of a connector's name or kind.
const CONNECTOR_NAME: usize = 80;

/// A walk through the document.
pub(super) struct Check<'c> {
    pub reader: Reader<'c>,
    /// The manifest's folder, canonical.
    pub folder: &'c Path,
    pub notes: Vec<String>,
}

impl Check<'_> {
    /// The whole of it.
    pub fn manifest(&mut self, root: &Place<'_>) -> Vec<Workspace> {
        let Some(fields) = self.reader.fields(root, &["workspaces"]) else {
            return Vec::new();
        };
        let listed = self.reader.required(&fields, "workspaces");
        let mut names = Names::default();
        let places = self.reader.list(listed);
        let read = places.iter().map(|place| self.workspace(place, &mut names));
        read.flatten().collect()
    }

    /// Reads all of a workspace even if its name is wrong, so that every fault is found.
    fn workspace(&mut self, place: &Place<'_>, names: &mut Names) -> Option<Workspace> {
        let known = [
            "name",
            "tags",
            "webhooks",
            "steps",
            "libraries",
            "config",
            "secrets",
            "connectors",
            "schedules",
            "failureUrl",
            "retention",
            "rate",
        ];
        let fields = self.reader.fields(place, &known)?;
        let name = self.workspace_name(&fields, names);
        let kinds = [
            ("webhooks", Kind::Webhook),
            ("steps", Kind::Step),
            ("config", Kind::Config),
            ("secrets", Kind::Config),
            ("connectors", Kind::Connector),
            ("schedules", Kind::Schedule),
        ];
        let named = kinds
            .into_iter()
            .filter(|(key, _)| fields.entry(key).is_some());
        let named = named.map(|(_, kind)| kind).collect();
        self.without_effect(&fields);
        let mut keys = Names::default();
        let mut config = self.config(fields.entry("config"), &mut keys);
        config.extend(self.secrets(fields.entry("secrets"), &mut keys));
        let settings = settings(&mut self.reader, &fields);
        let webhooks = self.webhooks(fields.entry("webhooks"));
        let steps = self.steps(fields.entry("steps"));
        let connectors = self.connectors(fields.entry("connectors"));
        let schedules = self.schedules(fields.entry("schedules"));
        Some(Workspace {
            name: name?,
            named,
            settings: settings?,
            webhooks,
            steps,
            config,
            connectors,
            schedules,
        })
    }

    fn workspace_name(&mut self, fields: &Fields<'_>, names: &mut Names) -> Option<WorkspaceName> {
        let place = self.reader.required(fields, "name")?;
        let text = self.reader.text(place)?;
        let name = match WorkspaceName::titled(&text) {
            Ok(name) => name,
            Err(error) => return self.reader.fault(&place.at, error.to_string()),
        };
        self.reader
            .unique(names, &place.at, "a workspace", name.as_str());
        if name.as_str() != text {
            self.notes.push(format!(
                "{}: the workspace `{text}` is called `{name}`",
                place.at.path
            ));
        }
        Some(name)
    }

    /// Tags, and libraries: what a script imports is made part of its step.
    fn without_effect(&mut self, fields: &Fields<'_>) {
        let tags = fields.entry("tags");
        for tag in self.reader.list(tags) {
            self.reader.text(&tag);
        }
        if let Some(tags) = tags {
            self.notes.push(format!(
                "{}: the server keeps no tags of a workspace",
                tags.at.path
            ));
        }
        for library in self.reader.list(fields.entry("libraries")) {
            if let Some(fields) = self.reader.fields(&library, &["syncPath"])
                && let Some(place) = self.reader.required(&fields, "syncPath")
            {
                self.path(place);
            }
        }
    }

    fn config(&mut self, place: Option<&Place<'_>>, keys: &mut Names) -> Vec<Setting> {
        let Some(fields) = place.and_then(|place| self.reader.entries(place)) else {
            return Vec::new();
        };
        let entries = fields.all().iter();
        let read = entries.map(|(key, value)| self.setting(keys, (key, &value.at), value));
        read.flatten().collect()
    }

    fn secrets(&mut self, place: Option<&Place<'_>>, keys: &mut Names) -> Vec<Setting> {
        let places = self.reader.list(place);
        let read = places.iter().map(|place| {
            let known = ["name", "value", "description", "encrypted"];
            let fields = self.reader.fields(place, &known)?;
            if let Some(description) = fields.entry("description") {
                self.reader.text(description);
            }
            if let Some(encrypted) = fields.entry("encrypted") {
                self.reader.boolean(encrypted);
            }
            let name = self.reader.required(&fields, "name");
            let value = self.reader.required(&fields, "value");
            let (name, value) = (name?, value?);
            let key = self.reader.text(name)?;
            self.setting(keys, (&key, &name.at), value)
        });
        read.flatten().collect()
    }

    fn setting(
        &mut self,
        keys: &mut Names,
        (key, at): (&str, &At),
        value: &Place<'_>,
    ) -> Option<Setting> {
        self.reader.unique(keys, at, "the config key", key);
        let key = match key.parse() {
            Ok(key) => Some(key),
            Err(error) => self.reader.fault(at, format!("{error}")),
        };
        let text = Zeroizing::new(self.reader.text(value)?);
        if text.len() > CONFIG_BYTES {
            let message = format!("{} bytes are too many; at most {CONFIG_BYTES}", text.len());
            return self.reader.fault(&value.at, message);
        }
        Some(Setting {
            key: key?,
            value: text,
        })
    }

    fn steps(&mut self, place: Option<&Place<'_>>) -> Vec<StepSource> {
        let mut names = Names::default();
        let places = self.reader.list(place);
        let read = places.iter().map(|place| self.step(place, &mut names));
        read.flatten().collect()
    }

    fn step(&mut self, place: &Place<'_>, names: &mut Names) -> Option<StepSource> {
        let known = ["syncPath", "name", "file", "limits", "retry"];
        let fields = self.reader.fields(place, &known)?;
        let limits = tuning::limits(&mut self.reader, fields.entry("limits"));
        let retry = tuning::retry(&mut self.reader, fields.entry("retry"));
        let (folder, name, file) = (
            fields.entry("syncPath"),
            fields.entry("name"),
            fields.entry("file"),
        );
        let (name, path) = match (folder, name, file) {
            (Some(folder), None, None) => (None, self.folder(folder)),
            (None, Some(name), Some(file)) => {
                let at = &name.at;
                let name: Option<StepName> = self.reader.name(name);
                if let Some(name) = &name {
                    self.reader.unique(names, at, "a step", name.as_str());
                }
                (Some(name), self.path(file))
            }
            _ => {
                let message = "must be either {syncPath: FOLDER} or {name: NAME, file: FILE}";
                return self.reader.fault(&place.at, message);
            }
        };
        Some(StepSource {
            at: place.at.clone(),
            name: name.map_or(Some(None), |name| name.map(Some))?,
            path: path?,
            limits: limits?,
            retry: retry?,
        })
    }

    fn connectors(&mut self, place: Option<&Place<'_>>) -> Vec<Connector> {
        let mut names = Names::default();
        let places = self.reader.list(place);
        let read = places.iter().map(|place| self.connector(place, &mut names));
        read.flatten().collect()
    }

    /// In either spelling: `name` and `kind`, or `namespace` and `connectorName`.
    fn connector(&mut self, place: &Place<'_>, names: &mut Names) -> Option<Connector> {
        let known = ["name", "kind", "connectorName", "namespace", "config"];
        let fields = self.reader.fields(place, &known)?;
        let config = match fields.entry("config") {
            Some(config) => match self.reader.json(config) {
                Some(Value::Object(members)) => Some(members),
                Some(_) => self.reader.fault(&config.at, "must be a mapping of keys"),
                None => None,
            },
            None => Some(Map::new()),
        };
        let spelt = ["name", "kind", "connectorName", "namespace"].map(|key| fields.entry(key));
        let (name, kind) = match spelt {
            [Some(name), Some(kind), None, None] => (name, kind),
            [None, None, Some(kind), Some(name)] => (name, kind),
            _ => {
                let message = "must have `name` and `kind`, or `namespace` and `connectorName`";
                return self.reader.fault(&place.at, message);
            }
        };
        let at = &name.at;
        let (name, kind) = (self.connector_name(name), self.connector_word(kind));
        if let Some(name) = &name {
            self.reader.unique(names, at, "a connector", name);
        }
        Some(Connector {
            name: name?,
            settings: ConnectorSettings {
                kind: kind?,
                config: config?,
            },
        })
    }

    fn connector_name(&mut self, place: &Place<'_>) -> Option<String> {
        let text = self.reader.text(place)?;
        match text.parse::<ConnectorName>() {
            Ok(_) => Some(text),
            Err(error) => self.reader.fault(&place.at, error.to_string()),
        }
    }

    fn connector_word(&mut self, place: &Place<'_>) -> Option<String> {
        let text = self.reader.text(place)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if (1..=CONNECTOR_NAME).contains(&text.len()) && text.chars().all(allowed) {
            return Some(text);
        }
        let message = format!(
            "`{text}` cannot be one: 1 to {CONNECTOR_NAME} characters of letters, digits, -, _ and ."
        );
        self.reader.fault(&place.at, message)
    }

    fn folder(&mut self, place: &Place<'_>) -> Option<PathBuf> {
        let path = self.path(place)?;
        if !path.is_dir() {
            return self
                .reader
                .fault(&place.at, "is a file; `syncPath` names a folder of steps");
        }
        Some(path)
    }

    /// A path below the manifest's folder, of something that is there. Links are followed first, so
    /// that none leads out; the path is then the one that [`import_base`] gives.
    fn path(&mut self, place: &Place<'_>) -> Option<PathBuf> {
        let text = self.reader.text(place)?;
        let folder = self.folder;
        let outside = format!(
            "`{text}` is not below the manifest's folder {}",
            folder.display()
        );
        if Path::new(&text).is_absolute() {
            return self
                .reader
                .fault(&place.at, outside + "; write a relative path");
        }
        match fs::canonicalize(folder.join(&text)) {
            Ok(real) if real.starts_with(folder) => {
                // `a/../b` is not `b` if `a` is a link: so such a path is refused.
                let parts: Vec<_> = Path::new(&text).components().collect();
                let is_plain = !parts.contains(&Component::ParentDir);
                let plain = parts.iter().filter(|part| **part != Component::CurDir);
                let written = folder.join(plain.collect::<PathBuf>());
                Some(if is_plain {
                    import_base(folder, &written, &real)
                } else {
                    real
                })
            }
            Ok(_) => self.reader.fault(&place.at, outside),
            Err(error) => {
                let message = format!("`{text}` cannot be found in {}: {error}", folder.display());
                self.reader.fault(&place.at, message)
            }
        }
    }
}
