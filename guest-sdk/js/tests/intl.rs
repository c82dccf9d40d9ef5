//! `Intl` answers as Node 20 does, or says what it leaves out. `intl/cases.json` has expressions with
//! Node's answers; `intl/make.mjs` makes it.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;

use crate::common::{content, step};
use serde_json::{Value, json};

/// What an error says that names something the locale data leaves out.
const LEFT_OUT: &str = "is not available in a step";

fn cases() -> Vec<Value> {
    let text = fs::read_to_string("tests/intl/cases.json").unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The answers of expressions, each as `{is}`, `{throws}` or `{refused}`.
fn answers(expressions: &[&str]) -> Vec<Value> {
    let lines: Vec<String> = expressions
        .iter()
        .map(|text| format!("out.push(answer(() => {text}));"))
        .collect();
    let source = format!(
        "const answer = (ask) => {{\n\
           try {{ return {{ is: JSON.parse(JSON.stringify(ask()) ?? 'null') }}; }}\n\
           catch (error) {{ return error.message.includes('{LEFT_OUT}') ? {{ refused: error.message }} : {{ throws: error.name, says: error.message }}; }}\n\
         }};\n\
         export const condition = {{}};\nexport const content = () => {{ const out = [];\n{}\ndata.out = out; }};",
        lines.join("\n")
    );
    let data = step(&source).run().data();
    data["out"].as_array().unwrap().clone()
}

fn show(value: &Value) -> String {
    value.to_string().chars().take(600).collect()
}

/// Zones whose offsets from autumn 2026 on are others in the zone database's release here (2026f) than in
/// the one of the Node.js that made the cases (2025c).
const RULES_SINCE: [&str; 7] = [
    "\"Africa/Casablanca\"",
    "\"Africa/El_Aaiun\"",
    "\"America/Edmonton\"",
    "\"America/Inuvik\"",
    "\"America/Vancouver\"",
    "\"America/Winnipeg\"",
    "\"Europe/Chisinau\"",
];

#[test]
fn every_answer_is_nodes_or_says_what_is_left_out() {
    let cases = cases();
    assert!(cases.len() >= 1000, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    let mut refused = Vec::new();
    for chunk in cases.chunks(100) {
        let expressions: Vec<&str> = chunk
            .iter()
            .map(|one| one["js"].as_str().unwrap())
            .collect();
        for (one, got) in chunk.iter().zip(answers(&expressions)) {
            let asked = one["js"].as_str().unwrap();
            if let Some(text) = got.get("refused") {
                refused.push(format!("{asked}: {text}"));
            } else if RULES_SINCE.iter().any(|zone| asked.contains(zone)) {
                // Node's answer is by the rules before.
            } else if one.get("is") != got.get("is") || one.get("throws") != got.get("throws") {
                wrong.push(format!(
                    "{asked}\n  node {}\n  here {}",
                    show(one),
                    show(&got)
                ));
            }
        }
    }
    let shown: Vec<&str> = wrong.iter().take(30).map(String::as_str).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        cases.len(),
        shown.join("\n")
    );
    assert!(
        refused.len() <= 3,
        "{} are left out:\n{}",
        refused.len(),
        refused.join("\n")
    );
}

#[test]
fn what_is_left_out_is_named_with_what_there_is() {
    for (asked, named) in [
        ("(1).toLocaleString('sw')", "the locale 'sw'"),
        ("new Intl.NumberFormat(['bn', 'de'])", "the locale 'bn'"),
        ("'a'.localeCompare('b', 'fa')", "the locale 'fa'"),
        (
            "new Date(0).toLocaleDateString('ur-PK')",
            "the locale 'ur-PK'",
        ),
        ("new Intl.PluralRules('xx')", "the locale 'xx'"),
        (
            "new Intl.DateTimeFormat('en', { calendar: 'hebrew' })",
            "the calendar 'hebrew'",
        ),
        (
            "new Intl.DateTimeFormat('ar-u-ca-islamic-civil')",
            "the calendar 'islamic-civil'",
        ),
        (
            "new Intl.NumberFormat('en', { numberingSystem: 'arab' })",
            "the numbering system 'arab'",
        ),
        (
            "new Intl.DateTimeFormat('en', { timeZoneName: 'longGeneric' })",
            "timeZoneName 'longGeneric'",
        ),
        (
            "new Intl.Collator('de', { usage: 'search' })",
            "usage 'search'",
        ),
        (
            "new Intl.DisplayNames('en', { type: 'region' })",
            "Intl.DisplayNames",
        ),
        ("new Intl.Segmenter('en')", "Intl.Segmenter"),
        ("new Intl.Locale('en')", "Intl.Locale"),
        (
            "new Intl.NumberFormat('en').formatRange(1, 2)",
            "Intl.NumberFormat.prototype.formatRange",
        ),
        (
            "new Intl.DateTimeFormat('en').formatRange(1, 2)",
            "Intl.DateTimeFormat.prototype.formatRange",
        ),
        (
            "new Intl.PluralRules('en').selectRange(1, 2)",
            "Intl.PluralRules.prototype.selectRange",
        ),
    ] {
        let got = &answers(&[asked])[0];
        let text = got["refused"].as_str().unwrap_or_default();
        assert!(text.starts_with(named), "{asked}: {got}");
        assert!(text.contains("there is "), "{asked}: {got}");
    }
}

#[test]
fn a_locale_without_data_is_none_of_the_supported_ones() {
    let got = &answers(&["Intl.Collator.supportedLocalesOf(['sw', 'de-XX', 'en'])"])[0];
    assert_eq!(got["is"], json!(["de-XX", "en"]));
}

#[test]
fn what_a_step_replaces_does_not_reach_the_formats() {
    let data = content(
        "Array.prototype[Symbol.iterator] = () => { throw new Error('iterated'); };
         String.prototype.split = RegExp.prototype.exec = JSON.parse = Array.prototype.push = () => { throw new Error('replaced'); };
         Object.prototype.other = Object.prototype.daylight = 'polluted';
         data.out = (1234.5).toLocaleString('de', { style: 'currency', currency: 'EUR' }) + ' '
           + new Date(0).toLocaleString('fr', { timeZone: 'Europe/Paris' }) + ' ' + 'a'.localeCompare('B', 'sv');",
    )
    .run()
    .data();
    assert_eq!(data["out"], json!("1.234,50\u{a0}€ 01/01/1970 01:00:00 -1"));
}

#[test]
fn hostile_lists_and_options_fail_only_their_step() {
    for asked in [
        "new Intl.NumberFormat('en', { get style() { throw new RangeError('mine'); } })",
        "new Intl.NumberFormat('x'.repeat(100000))",
        "new Intl.DateTimeFormat('en', { timeZone: '../../etc/passwd' })",
        "Intl.getCanonicalLocales('en' + '-aaaaa'.repeat(5000) )",
        "new Intl.NumberFormat('en', { currency: '__proto__', style: 'currency' })",
        "(1).toLocaleString('__proto__')",
    ] {
        let got = &answers(&[asked])[0];
        assert_eq!(got["throws"], json!("RangeError"), "{asked}: {got}");
    }
}

#[test]
fn methods_called_without_an_object_throw() {
    for asked in [
        "Array.prototype.toLocaleString.call(undefined)",
        "Array.prototype.toLocaleString.call(null)",
        "String.prototype.localeCompare.call(null, 'a')",
        "String.prototype.toLocaleUpperCase.call(undefined)",
        "Number.prototype.toLocaleString.call('1')",
        "BigInt.prototype.toLocaleString.call(1)",
        "Date.prototype.toLocaleTimeString.call({})",
    ] {
        let got = &answers(&[asked])[0];
        assert_eq!(got["throws"], json!("TypeError"), "{asked}: {got}");
    }
}
