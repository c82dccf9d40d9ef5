//! Numbers between JSON text and doubles.

/// Powers of ten that a double holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// Decimal digits that every double keeps.
const DIGITS: usize = 15;

/// A number's text as a value.
pub enum Number {
    /// An integer that JavaScript writes as it stands in the text.
    Int(i32),
    /// Another number that JavaScript writes as it stands in the text.
    Double(f64),
    /// A number that JavaScript may write otherwise: more digits than a double keeps, an exponent,
    /// zeros at the end, a negative zero.
    Spelled {
        value: f64,
        /// It has more digits than a double keeps, so that others may be rounded to the same.
        is_long: bool,
    },
}

/// The digits, up to eight, with which these bytes begin, the first one lowest: their value, and how many they are.
#[inline(always)]
pub fn digits(bytes: u64) -> (u32, u32) {
    let bits = bytes ^ 0x3030_3030_3030_3030;
    // What is above nine has its highest bit set, or gets it; so may only bytes behind it.
    let others = (bits.wrapping_add(0x7676_7676_7676_7676) | bits) & 0x8080_8080_8080_8080;
    let count = others.trailing_zeros() / 8;
    if count == 0 {
        return (0, 0);
    }
    // Two digits at a time, then two of those, then both halves.
    let twos = (bits << (64 - 8 * count)).wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = twos.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    let value = fours.wrapping_mul(10_000 << 32 | 1) >> 32;
    (value as u32, count)
}

/// The integer of at most seven digits that stands at a place, and where it ends. None if something else does, or fewer
/// than eight bytes are left.
#[inline(always)]
pub fn small(text: &[u8], from: usize) -> Option<(i32, usize)> {
    let bytes = u64::from_le_bytes(*text.get(from..)?.first_chunk()?);
    let (value, count) = digits(bytes);
    if count.wrapping_sub(1) > 6 {
        return None;
    }
    let next = (bytes >> (8 * count)) as u8;
    // A zero in front is no JSON.
    let is_integer = !matches!(next, b'.' | b'e' | b'E') && (count == 1 || bytes as u8 != b'0');
    is_integer.then_some((value as i32, from + count as usize))
}

/// Reads the number with which the text begins, and how many bytes it has. None if there is none.
pub fn read(text: &[u8]) -> Option<(Number, usize)> {
    let minus = text.first() == Some(&b'-');
    let first = usize::from(minus);
    let (mut at, mut mantissa) = (first, 0_u64);
    read_digits(text, &mut at, &mut mantissa);
    let mut digits = at - first;
    if text.get(first) == Some(&b'0') {
        // No digit follows a zero in front.
        (at, mantissa, digits) = (first + 1, 0, 0);
    } else if digits == 0 {
        return None;
    }
    let mut fraction = 0;
    let mut spelled = false;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let from = at;
        read_digits(text, &mut at, &mut mantissa);
        fraction = at - from;
        if fraction == 0 {
            return None;
        }
        digits += fraction;
        spelled = text[at - 1] == b'0';
    }
    let mut exponent = false;
    if let Some(b'e' | b'E') = text.get(at) {
        exponent = true;
        at += 1;
        if let Some(b'+' | b'-') = text.get(at) {
            at += 1;
        }
        let from = at;
        while text.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        if at == from {
            return None;
        }
    }
    // What 64 bits hold is rounded to the nearest double.
    if !exponent && fraction == 0 && (DIGITS + 1..=19).contains(&digits) {
        let value = if minus {
            -(mantissa as f64)
        } else {
            mantissa as f64
        };
        return Some((
            Number::Spelled {
                value,
                is_long: true,
            },
            at,
        ));
    }
    if exponent || digits > DIGITS || fraction >= TENS.len() {
        let value = std::str::from_utf8(&text[..at]).ok()?.parse().ok()?;
        let is_long = digits > DIGITS;
        return Some((Number::Spelled { value, is_long }, at));
    }
    if fraction == 0 {
        let value = if minus {
            -(mantissa as i64)
        } else {
            mantissa as i64
        };
        let number = match i32::try_from(value) {
            Ok(0) if minus => Number::Spelled {
                value: -0.0,
                is_long: false,
            },
            Ok(value) => Number::Int(value),
            Err(_) => Number::Double(value as f64),
        };
        return Some((number, at));
    }
    // Both are exact, so that the quotient is the nearest double.
    let value = mantissa as f64 / TENS[fraction];
    let value = if minus { -value } else { value };
    // JavaScript writes what is smaller with an exponent.
    let number = if spelled || value.abs() < 1e-6 {
        Number::Spelled {
            value,
            is_long: false,
        }
    } else {
        Number::Double(value)
    };
    Some((number, at))
}

/// Adds the digits that stand at a place to a number, and passes over them.
#[inline(always)]
fn read_digits(text: &[u8], at: &mut usize, number: &mut u64) {
    const TENS: [u64; 9] = [
        1,
        10,
        100,
        1000,
        10_000,
        100_000,
        1_000_000,
        10_000_000,
        100_000_000,
    ];
    while let Some(bytes) = text.get(*at..).and_then(<[u8]>::first_chunk) {
        let (value, count) = digits(u64::from_le_bytes(*bytes));
        *number = number
            .wrapping_mul(TENS[count as usize])
            .wrapping_add(value.into());
        *at += count as usize;
        if count < 8 {
            return;
        }
    }
    while let Some(byte @ b'0'..=b'9') = text.get(*at) {
        *number = number.wrapping_mul(10).wrapping_add((byte - b'0').into());
        *at += 1;
    }
}

/// Appends an integer.
pub fn push_int(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a finite double as JavaScript writes it, if that is a short text: up to fifteen digits, at
/// most eight of them behind the point.
pub fn push_short(value: f64, out: &mut Vec<u8>) -> bool {
    let most = TENS[DIGITS];
    let size = value.abs();
    if size >= most || (size < 1e-6 && size > 0.0) {
        return false;
    }
    for (places, ten) in TENS.iter().enumerate().take(9) {
        let scaled = size * ten;
        if scaled >= most {
            return false;
        }
        let whole = scaled.round();
        // A decimal of so few digits belongs to one double only, so that this is its text.
        if whole / ten != size {
            continue;
        }
        if value < 0.0 {
            out.push(b'-');
        }
        let (whole, ten) = (whole as i64, *ten as i64);
        push_int(whole / ten, out);
        if places > 0 {
            out.push(b'.');
            let mut rest = whole % ten;
            let mut unit = ten / 10;
            while unit > 0 {
                out.push(b'0' + (rest / unit) as u8);
                rest %= unit;
                unit /= 10;
            }
        }
        return true;
    }
    false
}

/// Whether two number texts have the same value, exactly.
pub fn is_equal(a: &str, b: &str) -> bool {
    if super::text::is_same(a.as_bytes(), b.as_bytes()) {
        return true;
    }
    // An integer has one text.
    let is_integer = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !(is_integer(a) && is_integer(b)) && decimal(a).is_some_and(|a| Some(a) == decimal(b))
}

/// A number's sign, its digits without zeros at either end, and the power of ten of the last one.
fn decimal(text: &str) -> Option<(bool, String, i64)> {
    let minus = text.starts_with('-');
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let mantissa = mantissa.trim_start_matches('-');
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    if kept.is_empty() {
        return Some((false, String::new(), 0));
    }
    let zeros = (digits.len() - kept.len()) as i64;
    let exponent = exponent
        .checked_sub(fraction.len() as i64)?
        .checked_add(zeros)?;
    Some((minus, kept.to_owned(), exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_stand() {
        for (text, value, is_spelled) in [
            ("0", 0.0, false),
            ("-0", -0.0, true),
            ("7", 7.0, false),
            ("-2147483648", -2147483648.0, false),
            ("2147483648", 2147483648.0, false),
            ("999999999999999", 999999999999999.0, false),
            ("9007199254740993", 9007199254740992.0, true),
            ("1.5", 1.5, false),
            ("-0.1", -0.1, false),
            ("1.10", 1.1, true),
            ("1e3", 1000.0, true),
            ("0.0000001", 1e-7, true),
            ("0.1000000000000000055", 0.1, true),
            ("1e400", f64::INFINITY, true),
            ("123456789.123456", 123456789.123456, false),
            ("1000000000000000", 1e15, true),
            ("-9223372036854775807", -9223372036854775807.0, true),
            ("9999999999999999999", 9999999999999999999.0, true),
            ("18446744073709551617", 18446744073709551617.0, true),
            ("9007199254740993.0", 9007199254740992.0, true),
        ] {
            let (number, length) = read(format!("{text},").as_bytes()).unwrap();
            assert_eq!(length, text.len(), "{text}");
            let (read, spelled) = match number {
                Number::Int(value) => (f64::from(value), false),
                Number::Double(value) => (value, false),
                Number::Spelled { value, .. } => (value, true),
            };
            assert_eq!(
                (read.to_bits(), spelled),
                (f64::to_bits(value), is_spelled),
                "{text}"
            );
        }
        for text in ["", "-", "x", ".5", "1.", "1e", "1e+", "-x"] {
            assert!(read(text.as_bytes()).is_none(), "{text}");
        }
        assert_eq!(read(b"01").map(|(_, length)| length), Some(1));
    }

    #[test]
    fn small_numbers_are_read_up_to_what_ends_them() {
        for (text, read) in [
            ("0]", Some((0, 1))),
            ("7,1", Some((7, 1))),
            ("42:", Some((42, 2))),
            ("9999999}", Some((9_999_999, 7))),
            ("99999999}", None),
            ("1000000000]", None),
            ("99999999999999999999999999", None),
            ("00]", None),
            ("01]", None),
            ("1.5]", None),
            ("1e5]", None),
            ("1E5]", None),
            ("-1]", None),
            ("x", None),
        ] {
            let text = format!("{text}        ");
            assert_eq!(small(text.as_bytes(), 0), read, "{text}");
        }
        assert_eq!(small(b"0", 0), None);
    }

    #[test]
    fn digits_end_at_any_other_byte() {
        for end in 0..=255_u8 {
            for count in 0..8 {
                let mut bytes = *b"98765432";
                bytes[count] = end;
                let value = std::str::from_utf8(&bytes[..count])
                    .unwrap()
                    .parse()
                    .unwrap_or(0);
                if !end.is_ascii_digit() {
                    assert_eq!(
                        digits(u64::from_le_bytes(bytes)),
                        (value, count as u32),
                        "{bytes:?}"
                    );
                }
            }
        }
        assert_eq!(digits(u64::from_le_bytes(*b"00000001")), (1, 8));
        assert_eq!(digits(u64::from_le_bytes(*b"99999999")), (99_999_999, 8));
    }

    #[test]
    fn short_numbers_are_written_as_they_are_read() {
        for text in [
            "0.5",
            "1.25",
            "-3.1",
            "12345.25",
            "0.00001",
            "100.00000001",
            "3",
            "-7",
            "99999999999999.5",
        ] {
            let mut out = Vec::new();
            assert!(push_short(text.parse().unwrap(), &mut out), "{text}");
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
        for value in [0.1 + 0.2, 1.0 / 3.0, 1e21, 1e-7, 5e-324, 1e15] {
            assert!(!push_short(value, &mut Vec::new()), "{value}");
        }
    }

    #[test]
    fn texts_are_equal_by_value() {
        for (a, b, equal) in [
            ("1.10", "1.1", true),
            ("1e3", "1000", true),
            ("-0.0", "0", true),
            ("12.50e-1", "1.25", true),
            ("9007199254740992", "9007199254740993", false),
            ("1", "-1", false),
        ] {
            assert_eq!(is_equal(a, b), equal, "{a} {b}");
        }
    }
}
