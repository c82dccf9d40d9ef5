//! Quantities as people write and read them: sizes, counts, durations.

use std::time::Duration;

/// A text that is no quantity of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a size in bytes.
    #[error("`{0}` is not a size: write bytes or a unit, e.g. 67108864, 64MiB or 512KiB")]
    Size(String),
    /// Not a count.
    #[error("`{0}` is not a count: write digits, e.g. 1000000000, 1_000_000_000 or 1G (k, M, G)")]
    Count(String),
    /// Not a duration.
    #[error("`{0}` is not a duration: write a number and a unit, e.g. 500ms, 30s, 2m, 1h or 1d")]
    Duration(String),
}

/// A size in bytes: `65536`, `64KiB`, `1.5 MiB`, `10MB`. Binary units are powers of 1024, decimal
/// ones of 1000. A bare `M` is refused, for it is taken for either.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let bad = || UnitError::Size(text.to_owned());
    let (number, unit) = split(text);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(bad()),
    };
    scaled(number, factor).ok_or_else(bad)
}

/// A count: `1000000`, `1_000_000`, `10M`.
pub fn parse_count(text: &str) -> Result<u64, UnitError> {
    let bad = || UnitError::Count(text.to_owned());
    let (number, unit) = split(text);
    let factor = match unit {
        "" => 1,
        "k" | "K" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        _ => return Err(bad()),
    };
    scaled(number, factor).ok_or_else(bad)
}

/// A duration to the millisecond: `500ms`, `30s`, `1.5m`, `1h`, `1d`. The unit is never guessed.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let bad = || UnitError::Duration(text.to_owned());
    let (number, unit) = split(text);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(bad()),
    };
    scaled(number, factor)
        .map(Duration::from_millis)
        .ok_or_else(bad)
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_')))
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// `number × factor` if it is a whole number that fits; worked out without floating point, so that
/// no digit is lost.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (number, ""),
    };
    if !whole.starts_with(|c: char| c.is_ascii_digit()) || fraction.len() > 9 {
        return None;
    }
    let whole: u64 = whole.replace('_', "").parse().ok()?;
    let mut total = whole.checked_mul(factor)?;
    if !fraction.is_empty() {
        let scale = 10u128.pow(fraction.len() as u32);
        let part = fraction.parse::<u128>().ok()? * u128::from(factor);
        if part % scale != 0 {
            return None;
        }
        total = total.checked_add(u64::try_from(part / scale).ok()?)?;
    }
    Some(total)
}

/// `1234567` as `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the largest binary unit that leaves a whole part: `812 B`, `74.2 KiB`, `64 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (unit, factor) in UNITS {
        if bytes >= factor {
            return format!("{} {unit}", one_decimal(bytes, factor));
        }
    }
    format!("{bytes} B")
}

/// Milliseconds in the largest unit of which they are a whole number: `30d`, `90m`, `1500ms`. It is read
/// again by [`parse_duration`].
pub fn span(ms: u64) -> String {
    const UNITS: [(&str, u64); 4] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
    ];
    let whole = UNITS
        .iter()
        .find(|(_, factor)| ms >= *factor && ms.is_multiple_of(*factor));
    match whole {
        Some((unit, factor)) => format!("{}{unit}", ms / factor),
        None => format!("{ms}ms"),
    }
}

/// Microseconds in the unit that people would use: `870 us`, `12.4 ms`, `3.2 s`, `2 m`.
pub fn duration_us(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us"),
        1_000..1_000_000 => format!("{} ms", one_decimal(us, 1_000)),
        1_000_000..120_000_000 => format!("{} s", one_decimal(us, 1_000_000)),
        _ => format!("{} m", one_decimal(us, 60_000_000)),
    }
}

fn one_decimal(number: u64, unit: u64) -> String {
    let tenths = (u128::from(number) * 10 + u128::from(unit) / 2) / u128::from(unit);
    if tenths.is_multiple_of(10) {
        format!("{}", tenths / 10)
    } else {
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

/// `1 run`, `2 runs`.
pub fn plural(number: u64, one: &str) -> String {
    format!(
        "{} {one}{}",
        count(number),
        if number == 1 { "" } else { "s" }
    )
}

/// Reads a number of things of which there is at least one.
///
/// # Errors
/// What would be right.
pub fn parse_many(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("it must be a whole number of at least 1".into()),
        Ok(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("65536", 65_536),
            ("65_536", 65_536),
            ("64MiB", 64 << 20),
            ("64 mib", 64 << 20),
            ("1.5KiB", 1_536),
            ("10MB", 10_000_000),
            ("2GiB", 2 << 30),
            ("12B", 12),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for wrong in [
            "",
            "MiB",
            "64M",
            "-1",
            "1.",
            ".5MiB",
            "0x10",
            "1.3B",
            "_1",
            "1 2",
            "99999999999GiB",
            "1e9",
        ] {
            let error = parse_size(wrong).unwrap_err().to_string();
            assert!(error.contains("64MiB"), "{wrong}: {error}");
        }
    }

    #[test]
    fn counts() {
        for (text, number) in [
            ("1000", 1_000),
            ("1_000", 1_000),
            ("5M", 5_000_000),
            ("1.5k", 1_500),
            ("1G", 1_000_000_000),
        ] {
            assert_eq!(parse_count(text), Ok(number), "{text}");
        }
        for wrong in ["", "lots", "1.0005k", "5m", "18446744073709551616"] {
            assert!(parse_count(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_span_is_read_as_what_it_was() {
        for (ms, text) in [
            (0, "0ms"),
            (1_500, "1500ms"),
            (60_000, "1m"),
            (5_400_000, "90m"),
            (259_200_000, "3d"),
            (252_000_000, "70h"),
        ] {
            assert_eq!(span(ms), text);
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)));
        }
    }

    #[test]
    fn durations() {
        for (text, ms) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("0.25s", 250),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("1.5 d", 129_600_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(ms)),
                "{text}"
            );
        }
        for wrong in ["", "30", "s", "1w", "1D", "0.5ms", "-1s", "1 s s"] {
            let error = parse_duration(wrong).unwrap_err().to_string();
            assert!(error.contains("500ms, 30s"), "{wrong}: {error}");
        }
    }

    #[test]
    fn shown_as_people_read_them() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(size(812), "812 B");
        assert_eq!(size(76_000), "74.2 KiB");
        assert_eq!(size(64 << 20), "64 MiB");
        assert_eq!(duration_us(870), "870 us");
        assert_eq!(duration_us(12_400), "12.4 ms");
        assert_eq!(duration_us(3_000_000), "3 s");
        assert_eq!(duration_us(180_000_000), "3 m");
        assert_eq!(plural(1, "run"), "1 run");
        assert_eq!(plural(2, "run"), "2 runs");
    }
}
