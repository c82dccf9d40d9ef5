//! JSON numbers as the texts they are: compared, hashed and divided by value, never through a
//! float, so that `1` is `1.0` and `9007199254740993` is not `9007199254740992`. Knows nothing of
//! patterns.

use std::cmp::Ordering;

/// The largest power of ten, up or down, that a number in a pattern may have. Data is not bound by
/// it: there, anything beyond is only known to be greater or smaller than every such number.
pub(crate) const EXPONENT: i64 = 9_999;

/// A number of a pattern, with its value at hand if it is a small integer.
#[derive(Debug, Clone)]
pub(crate) struct Constant {
    text: Box<str>,
    small: Option<i64>,
}

impl Constant {
    /// Takes a JSON number's text. `None` if its exponent is beyond [`EXPONENT`].
    pub(crate) fn new(text: &str) -> Option<Self> {
        let decimal = Decimal::parse(text);
        let within = decimal.wild.is_none() && decimal.position.abs() <= EXPONENT;
        within.then(|| Self {
            text: text.into(),
            small: small(text),
        })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// How the number written as `data` stands to this one.
    pub(crate) fn order_of(&self, data: &str) -> Ordering {
        match (small(data), self.small) {
            (Some(data), Some(own)) => data.cmp(&own),
            _ => compare(data, &self.text),
        }
    }
}

/// Orders two numbers by value. Exact as long as at most one has an exponent of more than 18 digits.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    Decimal::parse(a).compare(&Decimal::parse(b))
}

/// Writes a number's canonical form: the same bytes for the same value, and no form is the
/// beginning of another.
pub(crate) fn canonical(text: &str, write: &mut impl FnMut(&[u8])) {
    let decimal = Decimal::parse(text);
    match decimal.sign {
        0 => return write(&[0]),
        1 => write(&[1]),
        _ => write(&[2]),
    }
    write(&decimal.position.to_le_bytes());
    write(decimal.whole);
    write(decimal.fraction);
    // The text after all for exponents that no machine integer holds.
    if let Some(exponent) = decimal.wild {
        write(b"e");
        write(exponent);
    }
    write(&[0]);
}

/// The number as an integer, if it is one and `i64` holds it.
pub(crate) fn integer(text: &str) -> Option<i64> {
    if let Some(value) = small(text) {
        return Some(value);
    }
    let decimal = Decimal::parse(text);
    let digits = decimal.whole.len() + decimal.fraction.len();
    let places = usize::try_from(decimal.position).ok()?;
    if decimal.wild.is_some() || digits > places || places > 19 {
        return (decimal.sign == 0).then_some(0);
    }
    let magnitude = decimal
        .digits()
        .chain(std::iter::repeat_n(&b'0', places - digits))
        .fold(0_i128, |value, digit| value * 10 + i128::from(digit - b'0'));
    i64::try_from(magnitude * i128::from(decimal.sign)).ok()
}

/// What is left when the number, its fraction cut off, is divided by `divisor`; with the number's
/// sign, as in C. `None` if the divisor is 0 or the number is beyond all bounds.
pub(crate) fn remainder(text: &str, divisor: i64) -> Option<i64> {
    if let Some(value) = small(text) {
        return value.checked_rem(divisor).or((divisor == -1).then_some(0));
    }
    let decimal = Decimal::parse(text);
    let modulus = u128::from(divisor.unsigned_abs());
    if modulus == 0 || (decimal.wild.is_some() && decimal.position > 0) {
        return None;
    }
    let Ok(places) = u64::try_from(decimal.position) else {
        return Some(0);
    };
    let digits = (decimal.whole.len() + decimal.fraction.len()) as u64;
    let taken = usize::try_from(places.min(digits)).ok()?;
    let mut rest = decimal.digits().take(taken).fold(0_u128, |rest, digit| {
        (rest * 10 + u128::from(digit - b'0')) % modulus
    });
    let mut zeros = places.saturating_sub(digits);
    let mut power = 10 % modulus;
    while zeros > 0 {
        if zeros & 1 == 1 {
            rest = rest * power % modulus;
        }
        power = power * power % modulus;
        zeros >>= 1;
    }
    let rest = i64::try_from(rest).ok()?;
    Some(if decimal.sign < 0 { -rest } else { rest })
}

/// The value of a plain integer of at most 18 digits, which is what nearly all numbers are.
fn small(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -value } else { value })
}

/// `sign × 0.DIGITS × 10^position`, the digits without zeros at either end, in up to two pieces.
struct Decimal<'t> {
    sign: i8,
    position: i64,
    whole: &'t [u8],
    fraction: &'t [u8],
    /// The exponent's text if it has more than 18 digits; `position` is then saturated.
    wild: Option<&'t [u8]>,
}

impl<'t> Decimal<'t> {
    fn parse(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let (negative, bytes) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let (mantissa, exponent) = cut(bytes, |b| matches!(b, b'e' | b'E'));
        let (whole, fraction) = cut(mantissa, |b| b == b'.');
        let mut whole = trim_start(digits_of(whole));
        let mut fraction = trim_end(digits_of(fraction));
        let mut position = length(whole);
        if whole.is_empty() {
            let significant = trim_start(fraction);
            position = length(significant) - length(fraction);
            fraction = significant;
        }
        if fraction.is_empty() {
            whole = trim_end(whole);
        }
        if whole.is_empty() && fraction.is_empty() {
            return Self {
                sign: 0,
                position: 0,
                whole,
                fraction,
                wild: None,
            };
        }
        let (down, power) = match exponent {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let power = trim_start(digits_of(power));
        let wild = (power.len() > 18).then_some(power);
        let position = match wild {
            Some(_) if down => i64::MIN,
            Some(_) => i64::MAX,
            None => {
                let power = power
                    .iter()
                    .fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0'));
                position + if down { -power } else { power }
            }
        };
        Self {
            sign: if negative { -1 } else { 1 },
            position,
            whole,
            fraction,
            wild,
        }
    }

    fn digits(&self) -> impl Iterator<Item = &'t u8> + use<'t> {
        self.whole.iter().chain(self.fraction)
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.sign.cmp(&other.sign).then_with(|| {
            let magnitude = self
                .position
                .cmp(&other.position)
                .then_with(|| self.digits().cmp(other.digits()));
            if self.sign < 0 {
                magnitude.reverse()
            } else {
                magnitude
            }
        })
    }
}

fn cut(bytes: &[u8], at: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    match bytes.iter().position(|b| at(*b)) {
        Some(place) => (&bytes[..place], &bytes[place + 1..]),
        None => (bytes, &[]),
    }
}

/// The digits that the bytes begin with. `serde_json` lets nothing else in, but a `Number` can be
/// made without it.
fn digits_of(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|b| !b.is_ascii_digit());
    &bytes[..end.unwrap_or(bytes.len())]
}

fn trim_start(digits: &[u8]) -> &[u8] {
    let start = digits.iter().position(|digit| *digit != b'0');
    &digits[start.unwrap_or(digits.len())..]
}

fn trim_end(digits: &[u8]) -> &[u8] {
    let last = digits.iter().rposition(|digit| *digit != b'0');
    &digits[..last.map_or(0, |last| last + 1)]
}

fn length(digits: &[u8]) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical_of(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        canonical(text, &mut |part| bytes.extend_from_slice(part));
        bytes
    }

    #[test]
    fn equal_values_have_one_canonical_form() {
        for (a, b) in [
            ("1", "1.0"),
            ("1", "1e0"),
            ("1", "10e-1"),
            ("1", "0.1E+1"),
            ("-0", "0"),
            ("0.000", "0e99"),
            ("1200", "1.2e3"),
            ("0.00120", "1.2e-3"),
            ("-7", "-7.00"),
            ("100000000000000000000", "1e20"),
            ("0e99999999999999999999", "0"),
        ] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} {b}");
            assert_eq!(canonical_of(a), canonical_of(b), "{a} {b}");
        }
    }

    #[test]
    fn order_is_by_value() {
        let ascending = [
            "-1e99999999999999999999",
            "-1e30",
            "-9007199254740993",
            "-9007199254740992",
            "-2",
            "-1.5",
            "-1e-99999999999999999999",
            "0",
            "1e-99999999999999999999",
            "1e-5",
            "0.5",
            "1",
            "1.0000000000000000001",
            "9.99",
            "10",
            "12",
            "9007199254740992",
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "170141183460469231731687303715884105728",
            "1e99999999999999999999",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} {b}");
                assert_eq!(canonical_of(a) == canonical_of(b), i == j, "{a} {b}");
                if let Some(constant) = Constant::new(b) {
                    assert_eq!(constant.order_of(a), i.cmp(&j), "{a} {b}");
                }
            }
        }
    }

    #[test]
    fn integers_and_remainders() {
        for (text, expected) in [
            ("4", Some(4)),
            ("-4.0", Some(-4)),
            ("4e1", Some(40)),
            ("4.5", None),
            ("0.0", Some(0)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("1e40", None),
            ("1e99999999999999999999", None),
        ] {
            assert_eq!(integer(text), expected, "{text}");
        }
        for (text, divisor, expected) in [
            ("10", 4, Some(2)),
            ("-10", 4, Some(-2)),
            ("10.9", 4, Some(2)),
            ("0.9", 4, Some(0)),
            ("1e20", 7, Some(2)),
            ("100000000000000000001", 10, Some(1)),
            ("1e999999999999999999", 7, Some(6)),
            ("1e99999999999999999999", 7, None),
            ("10", 0, None),
            ("-9223372036854775808", -1, Some(0)),
        ] {
            assert_eq!(remainder(text, divisor), expected, "{text} mod {divisor}");
        }
    }

    #[test]
    fn a_text_that_is_no_number_does_no_harm() {
        for text in ["", "-", ".", "e", "1e", "1e+", "--1", "NaN", "1.2.3", "é"] {
            canonical_of(text);
            let _ = (compare(text, "1"), integer(text), remainder(text, 3));
        }
    }

    proptest! {
        #[test]
        fn integers_agree_with_i128(a in any::<i128>(), b in any::<i128>(), divisor in any::<i64>()) {
            let (x, y) = (a.to_string(), b.to_string());
            prop_assert_eq!(compare(&x, &y), a.cmp(&b));
            prop_assert_eq!(canonical_of(&x) == canonical_of(&y), a == b);
            let expected = a.checked_rem(i128::from(divisor)).and_then(|rest| i64::try_from(rest).ok());
            prop_assert_eq!(remainder(&x, divisor), expected);
            prop_assert_eq!(integer(&x), i64::try_from(a).ok());
        }

        #[test]
        fn shifting_the_point_changes_nothing(a in any::<i64>(), shift in 0_usize..30) {
            let zeros = "0".repeat(shift);
            let (text, shifted) = (a.to_string(), format!("{a}{zeros}e-{shift}"));
            prop_assert_eq!(compare(&text, &shifted), Ordering::Equal);
            prop_assert_eq!(canonical_of(&text), canonical_of(&shifted));
            prop_assert_eq!(integer(&shifted), Some(a));
        }

        #[test]
        fn floats_agree_with_f64(a in -1e6_f64..1e6, b in -1e6_f64..1e6) {
            prop_assert_eq!(Some(compare(&a.to_string(), &b.to_string())), a.partial_cmp(&b));
        }
    }
}
