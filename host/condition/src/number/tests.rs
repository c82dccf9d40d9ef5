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
        let is_large = text.starts_with("1e") || text == "9223372036854775808";
        assert_eq!(is_integer(text), expected.is_some() || is_large, "{text}");
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
fn multiples_are_exact() {
    for (number, divisor, expected) in [
        ("0.3", "0.1", Some(true)),
        ("0.35", "0.1", Some(false)),
        ("4.5", "1.5", Some(true)),
        ("-9", "3", Some(true)),
        ("0", "7", Some(true)),
        ("1200", "1e2", Some(true)),
        ("120", "1e3", Some(false)),
        ("1e300", "7", Some(false)),
        ("7e300", "7", Some(true)),
        ("7e300", "70", Some(true)),
        ("1e-300", "1", Some(false)),
        ("9007199254740993", "2", Some(false)),
        ("1e999999999999999999", "3", Some(false)),
        ("1e99999999999999999999", "3", None),
        ("1", "0", None),
        ("1", "1234567890123456789", None),
    ] {
        assert_eq!(
            is_multiple(number, divisor),
            expected,
            "{number} of {divisor}"
        );
    }
}

#[test]
fn a_text_that_is_no_number_does_no_harm() {
    for text in ["", "-", ".", "e", "1e", "1e+", "--1", "NaN", "1.2.3", "é"] {
        canonical_of(text);
        let _ = (
            compare(text, "1"),
            integer(text),
            remainder(text, 3),
            is_multiple(text, "3"),
        );
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
    fn multiples_agree_with_i128(a in any::<i64>(), b in 1_i64..1_000_000, shift in 0_usize..9) {
        let point = format!("e-{shift}");
        let expected = i128::from(a) * 10_i128.pow(shift as u32) % i128::from(b) == 0;
        prop_assert_eq!(is_multiple(&a.to_string(), &format!("{b}{point}")), Some(expected));
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
