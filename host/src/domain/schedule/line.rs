//! Reads cron lines and names of time zones, and says what is wrong with one that cannot be read.

use croner::Cron;
use croner::parser::{CronParser, Year};

use crate::domain::data;
use crate::domain::limits;

/// Why a schedule is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The line has another number of fields.
    #[error(
        "the cron line `{line}` has {fields} {}; it must have 5 (minute, hour, day of month, month, day of week), 6 with seconds before them, or be one of @yearly, @monthly, @weekly, @daily, @hourly",
        if *fields == 1 { "field" } else { "fields" }
    )]
    Fields {
        /// The line.
        line: String,
        /// How many it has.
        fields: usize,
    },
    /// A word that stands for no line.
    #[error(
        "`{0}` is no time that a schedule knows; write @yearly, @annually, @monthly, @weekly, @daily, @hourly, or a cron line such as 0 8 * * 1-5"
    )]
    Word(String),
    /// One field is wrong.
    #[error(
        "the field {field} of the cron line is `{text}`, which cannot be read ({reason}); it takes {takes}"
    )]
    Field {
        /// Its name.
        field: &'static str,
        /// What was there.
        text: String,
        /// What the parser says.
        reason: String,
        /// What would be right.
        takes: &'static str,
    },
    /// The line is wrong in a way that no single field is.
    #[error("the cron line `{line}` cannot be read: {reason}")]
    Line {
        /// The line.
        line: String,
        /// What the parser says.
        reason: String,
    },
    /// The line is longer than any needs to be.
    #[error("the cron line has {0} bytes, and at most {most} are allowed", most = limits::CRON_BYTES)]
    LineTooLong(usize),
    /// There is no such day.
    #[error(
        "the cron line `{0}` can never fire: no date fits both day and month; the 30th of February is such a day"
    )]
    Never(String),
    /// There is no such time zone.
    #[error(
        "`{name}` is not a time zone{}; use a name such as Europe/Berlin or UTC", hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"))
    )]
    TimeZone {
        /// The value that was requested.
        name: String,
        /// What is probably meant.
        hint: Option<String>,
    },
    /// The data cannot be a task's.
    #[error("{0}")]
    Data(#[from] data::Unfit),
    /// The data names how it came in.
    #[error("the schedule's data has `$via`, which the server writes; leave it out")]
    Via,
    /// The data is too long.
    #[error("the schedule's data has {0} bytes, and at most {most} are allowed", most = limits::SCHEDULE_DATA_BYTES)]
    DataTooLong(usize),
}

impl ScheduleError {
    /// Which of [`ScheduleSettings`] is wrong.
    pub fn field(&self) -> &'static str {
        match self {
            Self::TimeZone { .. } => "timezone",
            Self::Data(_) | Self::Via | Self::DataTooLong(_) => "data",
            _ => "cron",
        }
    }
}

/// The words that stand for a line.
const WORDS: [&str; 6] = [
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@hourly",
];

/// The fields of a line with seconds, and what each takes.
const FIELDS: [(&str, &str); 6] = [
    (
        "second",
        "0-59, *, lists (0,30), ranges (0-10) and steps (*/5)",
    ),
    (
        "minute",
        "0-59, *, lists (0,30), ranges (0-10) and steps (*/5)",
    ),
    (
        "hour",
        "0-23, *, lists (8,12), ranges (8-17) and steps (*/2)",
    ),
    (
        "day of month",
        "1-31, *, L (the last), lists, ranges and steps",
    ),
    ("month", "1-12 or JAN-DEC, *, lists, ranges and steps"),
    (
        "day of week",
        "0-7 or SUN-SAT (0 and 7 are Sunday), *, lists, ranges, 5L (the last Friday) and 1#2 (the second Monday)",
    ),
];

pub(super) fn short(text: &str) -> String {
    text.chars().take(120).collect()
}

pub(super) fn parse(line: &str) -> Result<Cron, ScheduleError> {
    let parser = CronParser::builder().year(Year::Disallowed).build();
    let fields: Vec<&str> = line.split_whitespace().collect();
    let is_word = match fields.as_slice() {
        [word] if WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)) => true,
        [word, ..] if word.starts_with('@') => return Err(ScheduleError::Word(short(line))),
        _ => false,
    };
    if !is_word && !(5..=6).contains(&fields.len()) {
        return Err(ScheduleError::Fields {
            line: short(line),
            fields: fields.len(),
        });
    }
    if !is_word {
        let skipped = FIELDS.len() - fields.len();
        for (index, text) in fields.iter().enumerate() {
            let (field, takes) = FIELDS[skipped + index];
            let refused = |reason: String| ScheduleError::Field {
                field,
                text: short(text),
                reason,
                takes,
            };
            let is_allowed = |c: char| {
                c.is_ascii_alphanumeric() || matches!(c, '*' | ',' | '-' | '/' | '?' | '#' | '+')
            };
            if let Some(c) = text.chars().find(|c| !is_allowed(*c)) {
                return Err(refused(format!(
                    "`{}` has no meaning there",
                    c.escape_debug()
                )));
            }
            // The parser would take it for a field without a value, and look for its time second
            // by second.
            if text.split(',').any(str::is_empty) {
                return Err(refused("a place of the list is empty".to_owned()));
            }
            // The parser does not say which field it refuses, so each is tried alone.
            let mut alone = ["*"; 6];
            alone[skipped + index] = text;
            if let Err(error) = parser.parse(&alone.join(" ")) {
                return Err(refused(reason(&error.to_string())));
            }
        }
    }
    parser.parse(line).map_err(|error| ScheduleError::Line {
        line: short(line),
        reason: reason(&error.to_string()),
    })
}

/// The parser's words without its own heading.
fn reason(text: &str) -> String {
    let text = text.split_once(": ").map_or(text, |(_, rest)| rest);
    short(text.trim_end_matches('.'))
}
