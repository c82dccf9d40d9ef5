//! A regular expression of a condition has the answer that it has in the script: both are asked,
//! over expressions that people write and some thousand that no one would.

#![allow(missing_docs, clippy::unwrap_used)]

use rquickjs::{Context, Function, Runtime};
use serde_json::json;
use stepwell_condition::Pattern;

/// What the condition language says that it cannot say; and of valid JavaScript it refuses nothing
/// else.
const REFUSALS: [&str; 9] = [
    "look-ahead and look-behind do not exist here",
    "a backreference does not exist here",
    "with the flag `m`, `^` can only be the first thing",
    "with the flag `m`, `$` can only be the last thing",
    "strings in a class do not exist here",
    "too large when compiled",
    "this is no property that is known here",
    "`\\b` cannot stand beside a part that heeds case",
    // Which ECMA-262 says as well; the script engine lets some through.
    "there is a group of this name already",
];

/// The script engine's answers.
struct Script {
    context: Context,
    _runtime: Runtime,
}

impl Script {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let context = Context::full(&runtime).unwrap();
        Self {
            context,
            _runtime: runtime,
        }
    }

    /// Whether the expression is found in each text; `None` if it is no JavaScript.
    fn found(&self, source: &str, flags: &str, texts: &[String]) -> Option<Vec<bool>> {
        const ASK: &str = "(source, flags, texts) => {
            let r;
            try { r = new RegExp(source, flags); } catch (e) { if (e instanceof SyntaxError) return null; throw e; }
            return texts.map((text) => { r.lastIndex = 0; return r.test(text); });
        }";
        self.context.with(|ctx| {
            let ask: Function = ctx.eval(ASK).unwrap();
            ask.call((source, flags, texts.to_vec())).unwrap()
        })
    }
}

fn pattern(source: &str, flags: &str) -> Result<Pattern, String> {
    Pattern::parse(&json!({"s": {"$regex": source, "$flags": flags}}))
        .map_err(|error| error.message)
}

/// How many comparisons came to what.
#[derive(Default)]
struct Tally {
    /// The same answer on every text.
    same: usize,
    /// Refused, by the words of the refusal.
    refused: [usize; REFUSALS.len()],
    /// No JavaScript, and refused.
    wrong: usize,
    differ: Vec<String>,
}

impl Tally {
    fn compare(&mut self, script: &Script, source: &str, flags: &str, texts: &[String]) {
        let shown = format!("/{source}/{flags}");
        match (script.found(source, flags, texts), pattern(source, flags)) {
            (None, Err(_)) => self.wrong += 1,
            // ECMA-262 allows a bare `-` with `v`, and the script engine does not.
            (None, Ok(_)) if flags.contains('v') && source.contains('-') => {}
            (None, Ok(_)) => self
                .differ
                .push(format!("{shown} is no JavaScript and is taken")),
            (Some(_), Err(message)) => {
                match REFUSALS.iter().position(|kind| message.contains(kind)) {
                    Some(kind) => self.refused[kind] += 1,
                    None => self.differ.push(format!("{shown} is refused: {message}")),
                }
            }
            (Some(expected), Ok(pattern)) => {
                let wrong = texts
                    .iter()
                    .zip(expected)
                    .find(|(text, expected)| pattern.matches(&json!({"s": text})) != *expected);
                match wrong {
                    None => self.same += 1,
                    Some((text, expected)) => self
                        .differ
                        .push(format!("{shown} on {text:?} is {expected} in a script")),
                }
            }
        }
    }

    fn check(&self) {
        assert!(
            self.differ.is_empty(),
            "{} differ:\n{}",
            self.differ.len(),
            self.differ[..self.differ.len().min(40)].join("\n")
        );
    }
}

/// A small generator of numbers (xorshift), so that every run tries the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.roll(list.len())]
    }

    fn text(&mut self) -> String {
        const PIECES: &str = "aabbkKsSzZ\u{17F}\u{212A}ßẞéÉσςΣµμΜİıÅÅ019\u{663}__  --..<>]}{[)(|/\\^$,&cdnu\n\r\u{2028}\u{2029}\t\u{A0}\u{FEFF}\u{0}\u{1}\u{8}😀😁𐐀𐐨ﬀǅ";
        let pieces: Vec<char> = PIECES.chars().collect();
        (0..self.roll(9)).map(|_| self.of(&pieces)).collect()
    }

    fn expression(&mut self, depth: usize) -> String {
        let mut out = String::new();
        for part in 0..1 + self.roll(4) {
            if part > 0 && self.roll(6) == 0 {
                out.push('|');
            }
            let inside = depth > 0 && self.roll(4) == 0;
            if inside {
                out += self.of(&[
                    "(", "(?:", "(?<n>", "(?i:", "(?-i:", "(?s-m:", "(?m:", "(?=", "(?<!", "(",
                ]);
                out += &self.expression(depth - 1);
                out.push(')');
            } else {
                out += self.of(ATOMS);
            }
            if self.roll(3) == 0 {
                out += self.of(&[
                    "*", "+", "?", "{2}", "{0,1}", "{1,}", "{,2}", "*?", "{3,1}", "{a}", "{0}",
                    "??",
                ]);
            }
        }
        out
    }
}

const ATOMS: &[&str] = &[
    "a",
    "b",
    "k",
    "K",
    "s",
    "\u{17F}",
    "\u{212A}",
    "ß",
    "ẞ",
    "é",
    "σ",
    "ς",
    "µ",
    "ı",
    "İ",
    "Å",
    "😀",
    "𐐀",
    "ﬀ",
    "ǅ",
    "1",
    "_",
    " ",
    "-",
    ".",
    ",",
    "<",
    ".",
    ".*",
    "\\d",
    "\\D",
    "\\w",
    "\\W",
    "\\s",
    "\\S",
    "\\b",
    "\\B",
    "^",
    "$",
    "[abc]",
    "[^a]",
    "[]",
    "[^]",
    "[\\w-.]",
    "[.-\\w]",
    "[a-\\d]",
    "[a&&b]",
    "[\\W]",
    "[^\\W]",
    "[a-zA-Z0-9]",
    "[A-z]",
    "[z-a]",
    "[-a]",
    "[a-]",
    "[^-]",
    "\\<",
    "\\_",
    "]",
    "{",
    "}",
    "{,2}",
    "{a}",
    "\\cJ",
    "\\c",
    "\\c1",
    "[\\c]",
    "[\\c_]",
    "[\\c1]",
    "\\0",
    "\\1",
    "\\2",
    "\\12",
    "\\8",
    "\\101",
    "\\400",
    "[\\1]",
    "[\\8]",
    "[\\012]",
    "\\u{61}",
    "\\u0061",
    "\\u006",
    "\\u",
    "\\x61",
    "\\x6",
    "\\x",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\ude00",
    "\\u{1F600}",
    "[😀]",
    "[😀-😂]",
    "[^😀]",
    "[\\ud83d\\ude00]",
    "[\\u{1F600}]",
    "\\p{L}",
    "\\P{L}",
    "\\p{Lu}",
    "\\P{Lu}",
    "[\\p{Lu}\\d]",
    "[^\\P{Lu}]",
    "[^\\p{Ll}]",
    "\\p{Script=Greek}",
    "\\p{Foo}",
    "\\p",
    "\\p{",
    "\\k",
    "\\k<n>",
    "\\/",
    "\\-",
    "\\.",
    "\\*",
    "[\\b]",
    "[\\B]",
    "[\\-]",
    "[\\k]",
    "\\a",
    "\\e",
    "\\z",
    "\\A",
    "\\Q",
    "[\\d--[5-9]]",
    "[[ab]&&[bc]]",
    "[a-c--b]",
    "[\\w&&\\d]",
    "[[a-z]--k]",
    "[^[a-k]]",
    "[\\q{a}]",
    "[a&&&b]",
    "[(]",
    "[a||b]",
    "\\n",
    "\\r",
    "\\u2028",
    "\\t",
    "\\v",
    "(?:)",
    "()",
    "[K-k]",
    "[a-é]",
    "[\\s\\S]",
    "[^\\s]",
    "[^\\n]",
    "(?<n>a)",
    "(?",
    "(?a)",
    ")",
    "(",
    "[",
    "\\",
    "*",
    "?",
    "{1}",
    "x{2}{3}",
];

const FLAGS: [&str; 16] = [
    "", "i", "m", "s", "u", "v", "iu", "im", "ms", "iv", "mu", "su", "gim", "imsu", "d", "imsv",
];

#[test]
fn generated_expressions_have_the_scripts_answer() {
    let script = Script::new();
    let mut dice = Dice(0x5eed_1234_abcd_0001);
    let mut tally = Tally::default();
    for number in 0..12_000 {
        let mut source = dice.expression(2);
        if number % 3 == 0 {
            source = format!("^{source}$");
        }
        let flags = FLAGS[number % FLAGS.len()];
        let texts: Vec<String> = (0..12).map(|_| dice.text()).collect();
        tally.compare(&script, &source, flags, &texts);
    }
    tally.check();
    // Not by refusing.
    assert!(tally.same > 4_500, "{} had the same answer", tally.same);
    assert!(tally.wrong > 1_000, "{} were no JavaScript", tally.wrong);
    assert!(
        tally.refused[..4].iter().all(|count| *count > 10),
        "{:?}",
        tally.refused
    );
}

/// Expressions from programs, manuals and forms, and each corner of the syntax.
#[test]
fn collected_expressions_have_the_scripts_answer() {
    const TEXTS: &str = "ada@example.com|a.b+c@ex-ample.co.uk|1234|12345|١٢٣٤٥|<b>hi|word|<w|a|&|]|K|ſ|s|https://example.com/a?b=c#d|2026-11-28|2026-11-28T10:00:00.5Z|\
        11/28/2026|23:59:59|192.168.0.1|AA:bb:cc:00:11:22|4111111111111111|AT611904300234573201|1.2.3-rc.1+x|refs/heads/main|fix(api)!: x|ABC-12|see #12|order.paid|vip,new|\
        evt_12345678901234|e30.e30.x|QUJD|<script>\n</script>|<!-- a -->|中文|Привет|Ärger|ß|ẞ|STRASSE|straße|Straße|οδος|ΟΔΟΣ|İstanbul|istanbul|ISTANBUL|ıi|😀|😎x|é|naïve|\u{212B}|å|Å|µ|Μ|μ|\
        x: error\nfailed|error\rx|a\u{2028}error|a\nb|a\r\nb|\n\n| |\t\u{A0}|begin\nend|begin end|urgent!|ſurgent|urgentſ|k\u{212A}|/api/v1/x|a.jpg|aaaaaaaa|aaaab|xxxxxx|\
        {{ x }}|${x}|a{,2}|a{1,|u{2}|uu|\u{0}|\u{1}|\u{8}|\r\n|\\c|\u{1F}|8|xZ|u00|-|^|$|#|yes|+43 1 234|(0)|€5|$1,000.00|gray|colour|Ada Lovelace|É|_|a_1|\u{FEFF}|aéa";
    let script = Script::new();
    let mut texts: Vec<String> = TEXTS
        .split('|')
        .map(|text| text.trim_start_matches(' ').to_owned())
        .collect();
    texts.extend([String::new(), "|".into(), "a|b".into(), " ".into()]);
    let mut tally = Tally::default();
    let mut tried = 0;
    for line in include_str!("regex/collected.txt").lines() {
        let (source, flags) = line[1..].rsplit_once('/').unwrap();
        for more in ["", "i", "m", "u"] {
            if more.is_empty()
                || !flags.contains([more, "v"].concat().chars().collect::<Vec<_>>().as_slice())
            {
                tally.compare(&script, source, &format!("{flags}{more}"), &texts);
                tried += 1;
            }
        }
    }
    tally.check();
    assert!(tried > 800 && tally.same > 500, "{} of {tried}", tally.same);
}

#[test]
fn each_atom_has_the_scripts_answer_with_all_flags() {
    let script = Script::new();
    let mut dice = Dice(77);
    let mut tally = Tally::default();
    let texts: Vec<String> = (0..150).map(|_| dice.text()).collect();
    for atom in ATOMS {
        for flags in FLAGS {
            for source in [
                format!("{atom}"),
                format!("^{atom}$"),
                format!("^(?:{atom})+$"),
            ] {
                tally.compare(&script, &source, flags, &texts);
            }
        }
    }
    tally.check();
}

#[test]
fn sets_have_the_same_characters() {
    let script = Script::new();
    let all = |last: u32| {
        (0..=last)
            .filter_map(char::from_u32)
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let known = pattern("^\\p{Assigned}+$", "u").unwrap();
    let (plane, more) = (all(0xFFFF), all(0x1_FFFF));
    for (sets, texts, flags) in [
        (
            &["\\d", "\\w", "\\W", "\\s", "\\S", ".", "[^a]", "\\x00"][..],
            &plane,
            &["", "i", "s", "m", "u", "iu", "iv"][..],
        ),
        (
            &[
                "\\p{L}",
                "\\p{Lu}",
                "\\P{Lu}",
                "\\p{N}",
                "\\p{P}",
                "\\p{S}",
                "\\p{Alphabetic}",
                "\\p{Emoji}",
                "\\p{Script=Greek}",
                "\\p{sc=Han}",
                "\\p{White_Space}",
                "\\p{ID_Start}",
                "\\p{Any}",
                "\\p{ASCII}",
                "\\p{Uppercase}",
                "\\p{gc=Nd}",
            ][..],
            &more,
            &["u", "iu", "v", "iv"][..],
        ),
    ] {
        for set in sets {
            for flags in flags {
                let source = format!("^{set}$");
                let expected = script.found(&source, flags, texts).unwrap();
                let pattern = pattern(&source, flags).unwrap();
                // Of the characters that this Unicode has: the script engine's is a newer one.
                let differ: Vec<_> = texts
                    .iter()
                    .zip(expected)
                    .filter(|(text, expected)| pattern.matches(&json!({"s": text})) != *expected)
                    .filter(|(text, _)| {
                        !set.to_lowercase().starts_with("\\p") || known.matches(&json!({"s": format!("{text}{}{}", text.to_uppercase(), text.to_lowercase())}))
                    })
                    .map(|(text, _)| text.escape_unicode().to_string())
                    .collect();
                assert!(
                    differ.is_empty(),
                    "/{source}/{flags}: {}: {:?}",
                    differ.len(),
                    &differ[..differ.len().min(20)]
                );
            }
        }
    }
}

/// Every letter that has another case, against every other.
#[test]
fn letters_are_the_same_without_case_where_they_are_in_a_script() {
    let script = Script::new();
    let cased = |c: &char| c.to_lowercase().ne([*c]) || c.to_uppercase().ne([*c]);
    let letters: Vec<char> = (0..=0x1_FFFF)
        .filter_map(char::from_u32)
        .filter(cased)
        .collect();
    assert!(letters.len() > 2_500);
    let folded: Vec<Vec<char>> = letters
        .iter()
        .map(|c| c.to_uppercase().chain(c.to_lowercase()).collect())
        .collect();
    let near: Vec<Vec<String>> = (0..letters.len())
        .map(|own| {
            let same = |other: &usize| {
                own.abs_diff(*other) < 3 || folded[own].iter().any(|c| folded[*other].contains(c))
            };
            let others = (0..letters.len()).filter(same);
            others.map(|other| letters[other].to_string()).collect()
        })
        .collect();
    for flags in ["i", "iu"] {
        let mut tally = Tally::default();
        for (at, letter) in letters.iter().enumerate() {
            tally.compare(&script, &format!("^{letter}$"), flags, &near[at]);
        }
        tally.check();
        assert_eq!(tally.same, letters.len());
    }
}
