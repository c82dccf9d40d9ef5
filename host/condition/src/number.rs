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
    rest = rest * power_of_ten(places.saturating_sub(digits), modulus) % modulus;
    let rest = i64::try_from(rest).ok()?;
    Some(if decimal.sign < 0 { -rest } else { rest })
}

/// Whether the number has no fraction, however large it is.
pub(crate) fn is_integer(text: &str) -> bool {
    let decimal = Decimal::parse(text);
    match decimal.wild {
        _ if decimal.sign == 0 => true,
        Some(_) => decimal.position > 0,
        None => decimal.exponent().is_some_and(|(places, _)| places >= 0),
    }
}

/// See [`crate::shared::is_multiple`].
pub(crate) fn is_multiple(text: &str, divisor: &str) -> Option<bool> {
    let divisor = Decimal::parse(divisor);
    let (places, digits) = divisor.exponent()?;
    if divisor.sign == 0 || digits > 18 {
        return None;
    }
    let modulus = divisor
        .digits()
        .fold(0_u128, |value, digit| value * 10 + u128::from(digit - b'0'));
    let decimal = Decimal::parse(text);
    if decimal.sign == 0 {
        return Some(true);
    }
    // As integers without zeros at their ends, times a power of ten each. A smaller power of the number would have to
    // be made up by a zero at its end, which it has not.
    let zeros = decimal.exponent()?.0.checked_sub(places)?;
    let Ok(zeros) = u64::try_from(zeros) else {
        return Some(false);
    };
    let rest = decimal.digits().fold(0_u128, |rest, digit| {
        (rest * 10 + u128::from(digit - b'0')) % modulus
    });
    Some((rest * power_of_ten(zeros, modulus)).is_multiple_of(modulus))
}

/// A power of ten by a modulus below 10^19.
fn power_of_ten(mut exponent: u64, modulus: u128) -> u128 {
    let (mut result, mut power) = (1 % modulus, 10 % modulus);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * power % modulus;
        }
        power = power * power % modulus;
        exponent >>= 1;
    }
    result
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

    /// The power of ten of its last digit, and how many digits it has; none if its exponent is beyond all bounds. The digits
    /// between the point and the first or the last one that is not 0 are none of it.
    fn exponent(&self) -> Option<(i64, i64)> {
        let digits = length(self.whole) + length(self.fraction);
        match self.wild {
            Some(_) => None,
            None => Some((self.position.checked_sub(digits)?, digits)),
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
mod tests;
