//! Schedules of a manifest. They are checked here with the code that the server checks them with,
//! so that errors have a line.

use serde_json::{Map, Value};

use super::check::Check;
use super::model::Schedule;
use crate::deploy::reader::{Names, Place};
use crate::domain::ids::ScheduleName;
use crate::domain::schedule::{Missed, ScheduleSettings};

impl Check<'_> {
    pub(super) fn schedules(&mut self, place: Option<&Place<'_>>) -> Vec<Schedule> {
        let mut names = Names::default();
        let places = self.reader.list(place);
        let read = places.iter().map(|place| self.schedule(place, &mut names));
        read.flatten().collect()
    }

    fn schedule(&mut self, place: &Place<'_>, names: &mut Names) -> Option<Schedule> {
        let known = ["name", "cron", "timezone", "missed", "data"];
        let fields = self.reader.fields(place, &known)?;
        let name = self.reader.required(&fields, "name").and_then(|place| {
            let name: ScheduleName = self.reader.name(place)?;
            self.reader
                .unique(names, &place.at, "a schedule", name.as_str());
            Some(name)
        });
        let line = self.reader.required(&fields, "cron");
        let cron = line.and_then(|place| self.reader.text(place));
        let timezone = match fields.entry("timezone") {
            Some(place) => self.reader.text(place),
            None => Some("UTC".to_owned()),
        };
        let missed = match fields.entry("missed") {
            Some(place) => self.missed(place),
            None => Some(Missed::default()),
        };
        let data = match fields.entry("data") {
            Some(place) => match self.reader.json(place) {
                Some(Value::Object(members)) => Some(members),
                Some(_) => self.reader.fault(&place.at, "must be a mapping of keys"),
                None => None,
            },
            None => Some(Map::new()),
        };
        let settings = ScheduleSettings {
            cron: cron?,
            timezone: timezone?,
            missed: missed?,
            data: data?,
        };
        if let Err(error) = settings.check() {
            let at = fields
                .entry(error.field())
                .map_or(&place.at, |place| &place.at);
            return self.reader.fault(at, error.to_string());
        }
        Some(Schedule {
            name: name?,
            settings,
        })
    }

    fn missed(&mut self, place: &Place<'_>) -> Option<Missed> {
        let text = self.reader.text(place)?;
        match serde_json::from_value(Value::String(text.clone())) {
            Ok(missed) => Some(missed),
            Err(_) => {
                let message = format!("`{text}` is no policy; use skip, once or all");
                self.reader.fault(&place.at, message)
            }
        }
    }
}
