//! Names of time zones, and suggestions for a text that is none.

use jiff::tz::TimeZone;

use super::line::ScheduleError;
use super::line::short;

/// Abbreviations that are no zone's name, and a place where clocks show them.
const ABBREVIATIONS: [(&str, &str); 24] = [
    ("ACST", "Australia/Darwin"),
    ("AEDT", "Australia/Sydney"),
    ("AEST", "Australia/Sydney"),
    ("AKST", "America/Anchorage"),
    ("AWST", "Australia/Perth"),
    ("BRT", "America/Sao_Paulo"),
    ("BST", "Europe/London"),
    ("CDT", "America/Chicago"),
    ("CEST", "Europe/Berlin"),
    ("CST", "America/Chicago"),
    ("EDT", "America/New_York"),
    ("EEST", "Europe/Helsinki"),
    ("HKT", "Asia/Hong_Kong"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("KST", "Asia/Seoul"),
    ("MDT", "America/Denver"),
    ("MESZ", "Europe/Berlin"),
    ("MEZ", "Europe/Berlin"),
    ("MSK", "Europe/Moscow"),
    ("NZST", "Pacific/Auckland"),
    ("PDT", "America/Los_Angeles"),
    ("PST", "America/Los_Angeles"),
    ("SGT", "Asia/Singapore"),
];

/// The longest text that can be a name, in bytes; anything longer is not compared with all there are.
const NAME_BYTES: usize = 60;

pub(super) fn zone(name: &str) -> Result<TimeZone, ScheduleError> {
    let found = TimeZone::get(name)
        .ok()
        .filter(|_| name.len() <= NAME_BYTES);
    found.ok_or_else(|| ScheduleError::TimeZone {
        name: short(name),
        hint: hint(name),
    })
}

fn hint(name: &str) -> Option<String> {
    if name.len() > NAME_BYTES {
        return None;
    }
    if let Some(minutes) = offset(name) {
        return Some(of_offset(minutes));
    }
    let wanted = name.trim().to_lowercase().replace(' ', "_");
    let abbreviation = ABBREVIATIONS
        .iter()
        .find(|(short, _)| short.eq_ignore_ascii_case(&wanted));
    if let Some((short, place)) = abbreviation {
        return Some(format!(
            "{short} is an abbreviation, and some stand for several zones; where it is the time of {place}, write that"
        ));
    }
    let distance = |known: &str| {
        let known = known.to_lowercase();
        // `Berlin` means `Europe/Berlin`.
        let city = known.rsplit('/').next().unwrap_or(&known);
        strsim::damerau_levenshtein(&wanted, &known).min(strsim::damerau_levenshtein(&wanted, city))
    };
    // One letter more or less makes another abbreviation, and a figure another offset.
    let is_place = |known: &str| {
        known.contains('/') && !known.starts_with("Etc/") && !known.starts_with("SystemV/")
    };
    let near = jiff::tz::db()
        .available()
        .filter(|known| is_place(known.as_str()))
        .map(|known| (distance(known.as_str()), known.as_str().to_owned()))
        .min()?;
    (near.0 <= 1 + name.len() / 4 && near.0 < wanted.len().max(3) - 1)
        .then(|| format!("did you mean `{}`?", near.1))
}

/// The minutes east of Greenwich of a text such as `GMT+2`, `UTC-03:30`, `+0100` or `Etc/GMT+20`.
fn offset(name: &str) -> Option<i32> {
    let text = name.trim().to_ascii_lowercase();
    let text = text.strip_prefix("etc/").unwrap_or(&text);
    let words = ["gmt", "utc", "z"];
    let text = words
        .iter()
        .find_map(|word| text.strip_prefix(word))
        .unwrap_or(text);
    let text = text.trim_start();
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' | '\u{2212}' => -1,
        _ => return None,
    };
    let figures = text.trim_start_matches(['+', '-', '\u{2212}']);
    let (hours, minutes) = match figures.split_once(':') {
        Some(parts) => parts,
        None if figures.len() == 4 && figures.is_ascii() => figures.split_at(2),
        None => (figures, "0"),
    };
    let number = |text: &str| {
        let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse::<i32>().ok())?
    };
    Some(sign * (number(hours)? * 60 + number(minutes)?))
}

/// What to write for an offset.
fn of_offset(minutes: i32) -> String {
    let place = match minutes {
        -480 => "America/Los_Angeles",
        -300 => "America/New_York",
        -180 => "America/Sao_Paulo",
        0 => "Europe/London",
        60 => "Europe/Berlin",
        120 => "Europe/Helsinki",
        330 => "Asia/Kolkata",
        540 => "Asia/Tokyo",
        600 => "Australia/Sydney",
        _ => "Europe/Berlin",
    };
    let summer = format!("a place such as {place} has its summer time too");
    match (minutes % 60, minutes / 60) {
        (0, 0) => format!("without an offset it is `UTC`; {summer}"),
        (0, hours @ -12..=14) => {
            // The sign of these names is that of POSIX, against everybody's (tz's `etcetera`).
            let sign = if hours > 0 { '-' } else { '+' };
            let side = if hours > 0 { "ahead of" } else { "behind" };
            let hours = hours.abs();
            format!(
                "{hours} h {side} UTC for ever is `Etc/GMT{sign}{hours}`, whose sign is the other way round; {summer}"
            )
        }
        _ => format!("no zone is called by such an offset; {summer}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str) -> String {
        zone(name).unwrap_err().to_string()
    }

    /// The offset of a zone in winter, in seconds.
    fn seconds(name: &str) -> i32 {
        let at = "2026-01-15T00:00:00Z".parse().unwrap();
        zone(name).unwrap().to_offset(at).seconds()
    }

    #[test]
    fn an_offset_is_hinted_at_with_the_right_sign() {
        for (name, hours) in [
            ("GMT+2", 2),
            ("UTC+2", 2),
            ("utc-5", -5),
            ("+02:00", 2),
            ("-0800", -8),
            ("+1", 1),
            ("GMT +3", 3),
            ("UTC\u{2212}4", -4),
            ("Z+9", 9),
            ("Etc/UTC+14", 14),
            ("GMT-12:00", -12),
        ] {
            let message = refusal(name);
            let (_, rest) = message
                .split_once(" for ever is `")
                .unwrap_or_else(|| panic!("{message}"));
            let hinted = rest.split('`').next().unwrap();
            assert_eq!(seconds(hinted), hours * 3600, "{message}");
        }
        // It is a zone, and the other way round: that is what the name means everywhere.
        assert_eq!(seconds("Etc/GMT+2"), -2 * 3600);
        for (name, part) in [
            ("+05:30", "a place such as Asia/Kolkata"),
            ("UTC+15", "no zone is called by such an offset"),
            ("Etc/GMT+20", "no zone is called by such an offset"),
            ("+00:00", "it is `UTC`"),
        ] {
            assert!(refusal(name).contains(part), "{}", refusal(name));
        }
    }

    #[test]
    fn abbreviations_are_no_places() {
        for (name, part) in [
            ("CEST", "Europe/Berlin, write that"),
            ("pst", "America/Los_Angeles, write that"),
            ("IST", "some stand for several zones"),
            ("MESZ", "Europe/Berlin"),
        ] {
            let message = refusal(name);
            assert!(
                message.contains(part) && !message.contains("did you mean"),
                "{message}"
            );
        }
        // These are zones of the database.
        for name in [
            "CET",
            "EST",
            "UTC",
            "GMT",
            "EST5EDT",
            "europe/berlin",
            "Etc/GMT-2",
        ] {
            assert!(zone(name).is_ok(), "{name}");
        }
        for (_, place) in ABBREVIATIONS {
            assert!(zone(place).is_ok(), "{place}");
        }
    }

    #[test]
    fn a_typing_error_is_near_a_place_and_nothing_else() {
        for (name, near) in [
            ("Europe/Berlim", "Europe/Berlin"),
            ("Eurpoe/Paris", "Europe/Paris"),
            ("new york", "America/New_York"),
            ("Asia/Calcuta", "Asia/Calcutta"),
        ] {
            assert!(
                refusal(name).contains(&format!("did you mean `{near}`?")),
                "{}",
                refusal(name)
            );
        }
        for name in ["XST", "GMT2", "", " ", "+", "UTC+x", "+123456789", "x/y"] {
            assert!(!refusal(name).contains("did you mean"), "{}", refusal(name));
        }
    }
}
