//! The time, as a run sees it. It stands still inside a run except at connector calls, so that a
//! run that is repeated after a crash sees the same times. `std::time::SystemTime` reads the same
//! clock on the server; the functions here read the mock's clock in a test, too.

use std::time::Duration;

use crate::host;

/// Milliseconds since the Unix epoch.
pub fn now_millis() -> u64 {
    host::now_millis()
}

/// Now, as RFC 3339 in UTC with milliseconds: `2026-11-23T14:00:00.000Z`.
pub fn now_rfc3339() -> String {
    rfc3339(now_millis())
}

/// The time so long from now, as RFC 3339: what a task's `nextRetryAt` wants.
pub fn after_rfc3339(delay: Duration) -> String {
    let delay = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    rfc3339(now_millis().saturating_add(delay))
}

/// A time in milliseconds since the Unix epoch as RFC 3339, e.g. to write `$via.received` for
/// people. A time after the year 9999, which RFC 3339 cannot name, becomes that year's last
/// millisecond.
///
/// ```
/// assert_eq!(stepwell_sdk::time::rfc3339(1_764_000_000_120), "2025-11-24T16:00:00.120Z");
/// ```
pub fn rfc3339(millis: u64) -> String {
    const LAST: u64 = 253_402_300_799_999;
    const DAY: u64 = 86_400_000;
    let millis = millis.min(LAST);
    let (year, month, day) = civil(millis / DAY);
    let rest = millis % DAY;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        rest / 3_600_000,
        rest / 60_000 % 60,
        rest / 1_000 % 60,
        rest % 1_000
    )
}

/// The time that an HTTP date names, in milliseconds since the Unix epoch: the three forms of RFC 9110
/// §5.6.7. A year of two digits is one from 1970 to 2069.
// The crate httpdate does the same with 11 KB of a component, and this with 6 KB, of which a part is `civil`.
pub(crate) fn http_date(text: &str) -> Option<u64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let parts: Vec<&str> = text
        .split([' ', ',', '-', ':'])
        .filter(|part| !part.is_empty())
        .collect();
    let (day, month, year, hour, minute, second) = match parts[..] {
        [_, day, month, year, h, m, s, "GMT"] => (day, month, year, h, m, s),
        [_, month, day, h, m, s, year] => (day, month, year, h, m, s),
        _ => return None,
    };
    let number = |text: &str, most: u64| {
        let number: u64 = text.parse().ok()?;
        (number <= most).then_some(number)
    };
    let at = MONTHS
        .find(month)
        .filter(|at| month.len() == 3 && at % 3 == 0)?;
    let month = at as u64 / 3 + 1;
    let day = number(day, 31).filter(|day| *day > 0)?;
    let year = match (year.len(), number(year, 9999)?) {
        (2, year) => year + if year < 70 { 2000 } else { 1900 },
        (_, year) => year,
    };
    // The first day of a year is found as `civil` finds it back.
    let mut days = (year.checked_sub(1970)?) * 365 + (year - 1969) / 4 - (year - 1901) / 100;
    days += (year - 1601) / 400;
    while civil(days) != (year, month, day) {
        let (found, ..) = civil(days);
        if found != year {
            return None;
        }
        days += 1;
    }
    let seconds = (number(hour, 23)? * 60 + number(minute, 59)?) * 60 + number(second, 60)?;
    Some(days * 86_400_000 + seconds * 1_000)
}

/// Year, month and day of a day counted from 1970-01-01. Years are counted from March, so that the
/// leap day is the last: 153 days are the five months from March, whatever the year.
fn civil(days: u64) -> (u64, u64, u64) {
    const FROM_0000_MARCH_1: u64 = 719_468;
    const FOUR_CENTURIES: u64 = 146_097;
    let days = days + FROM_0000_MARCH_1;
    let era = days / FOUR_CENTURIES;
    let day_of_era = days % FOUR_CENTURIES;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(millis), text);
        }
    }

    #[test]
    fn http_dates_of_all_three_forms() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(http_date(text), Some(784_111_777_000), "{text}");
        }
        for millis in [0, 951_782_400_000, 4_107_542_400_000, 253_402_214_400_000] {
            let text = rfc3339(millis);
            let month = ["Jan", "Feb", "Mar", "", "", "", "", "", "", "", "", "Dec"];
            let month = month[text[5..7].parse::<usize>().unwrap() - 1];
            let date = format!("Day, {} {month} {} 00:00:00 GMT", &text[8..10], &text[..4]);
            assert_eq!(http_date(&date), Some(millis), "{date}");
        }
        for wrong in [
            "",
            "tomorrow",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 anF 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 99999 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
        ] {
            assert_eq!(http_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let length = |year: u64, month: u64| match month {
            2 if year.is_multiple_of(4)
                && (!year.is_multiple_of(100) || year.is_multiple_of(400)) =>
            {
                29
            }
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..200_000 {
            assert_eq!(civil(days), (year, month, day));
            day += 1;
            if day > length(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }
}
