//! Escapes that stand for characters.

use regex_syntax::hir::{Class, HirKind};

use super::parse::Parser;
use super::ranges::Ranges;
use super::{Parsed, classes, folding, wrong};

/// One character, or a set of them.
pub(super) enum Atom {
    One(u32),
    Set(Ranges),
}

impl Atom {
    pub(super) fn into_set(self) -> Ranges {
        match self {
            Self::One(character) => Ranges::one(character),
            Self::Set(set) => set,
        }
    }
}

impl Parser<'_> {
    /// An escape whose backslash, at `start`, is behind the parser.
    pub(super) fn character_escape(&mut self, start: usize, in_class: bool) -> Parsed<Atom> {
        let unicode = self.flags.unicode;
        let letter = self.peek(0);
        let Some(character) = self.source.get(self.at).copied() else {
            return wrong(
                start,
                "a backslash ends the expression; write `\\\\` for the character",
            );
        };
        self.at += 1;
        Ok(Atom::One(match letter {
            'd' => return Ok(Atom::Set(classes::digits())),
            's' => return Ok(Atom::Set(classes::space())),
            'w' => return Ok(Atom::Set(self.word())),
            'D' => return Ok(Atom::Set(self.all_but(&classes::digits()))),
            'S' => return Ok(Atom::Set(self.all_but(&classes::space()))),
            'W' => return Ok(Atom::Set(self.all_but(&self.word()))),
            'p' | 'P' if unicode => return self.property(start, letter == 'P').map(Atom::Set),
            't' => 0x09,
            'n' => 0x0A,
            'v' => 0x0B,
            'f' => 0x0C,
            'r' => 0x0D,
            'b' if in_class => 0x08,
            'c' => {
                let control = self.peek(0);
                let digit = control.is_ascii_digit() || control == '_';
                if control.is_ascii_alphabetic() || digit && in_class && !unicode {
                    self.at += 1;
                    u32::from(control) % 32
                } else if unicode {
                    return wrong(start, "`\\c` takes a letter, as in `\\cJ`");
                } else {
                    // Annex B: the backslash is a character, and `c` the next one.
                    self.at -= 1;
                    '\\'.into()
                }
            }
            '0' if unicode && !self.peek(0).is_ascii_digit() => 0,
            '0'..='7' if !unicode => self.octal(character),
            'x' => match self.hex(2) {
                Some(value) => value,
                None if unicode => {
                    return wrong(start, "`\\x` takes two hexadecimal digits, as in `\\x0A`");
                }
                None => character,
            },
            'u' => match self.unicode_escape() {
                Some(value) => value,
                None if unicode => {
                    return wrong(
                        start,
                        "`\\u` takes a code point, as in `\\u00E4` or `\\u{1F600}`",
                    );
                }
                None => character,
            },
            '^' | '$' | '\\' | '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|'
            | '/' => character,
            '-' if in_class => character,
            '&' | '!' | '#' | '%' | ',' | ':' | ';' | '<' | '=' | '>' | '@' | '`' | '~'
                if self.flags.sets && in_class =>
            {
                character
            }
            _ if unicode => {
                return wrong(
                    start,
                    "this escape has no meaning with the flag `u` or `v`; leave the backslash out",
                );
            }
            _ => character,
        }))
    }

    /// What `\w` stands for.
    fn word(&self) -> Ranges {
        if self.flags.unicode {
            self.folded(classes::word())
        } else {
            classes::word()
        }
    }

    /// Annex B: up to three octal digits, the value at most 255.
    fn octal(&mut self, first: u32) -> u32 {
        let mut value = first - u32::from('0');
        let more = if value <= 3 { 2 } else { 1 };
        for _ in 0..more {
            let Some(digit) = self.peek(0).to_digit(8) else {
                break;
            };
            value = value * 8 + digit;
            self.at += 1;
        }
        value
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        let value = (0..digits).try_fold(0, |value, ahead| {
            Some(value * 16 + self.peek(ahead).to_digit(16)?)
        })?;
        self.at += digits;
        Some(value)
    }

    /// What follows `\u`.
    fn unicode_escape(&mut self) -> Option<u32> {
        if self.flags.unicode && self.peek(0) == '{' {
            let digits = (1..)
                .take_while(|ahead| self.peek(*ahead).is_ascii_hexdigit())
                .count();
            let value = (1..=digits).try_fold(0u32, |value, ahead| {
                let value = value * 16 + self.peek(ahead).to_digit(16)?;
                (value <= 0x10_FFFF).then_some(value)
            })?;
            (digits > 0 && self.peek(digits + 1) == '}').then(|| self.at += digits + 2)?;
            return Some(value);
        }
        let value = self.hex(4)?;
        let after = self.at;
        if self.flags.unicode && (0xD800..0xDC00).contains(&value) && self.take("\\u") {
            match self.hex(4) {
                Some(low @ 0xDC00..0xE000) => {
                    return Some(0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00));
                }
                _ => self.at = after,
            }
        }
        Some(value)
    }

    /// `\p{…}` or `\P{…}`.
    fn property(&mut self, start: usize, negated: bool) -> Parsed<Ranges> {
        let wrong_name = || {
            wrong(
                start,
                "this is no property that is known here; some that are: `\\p{L}`, `\\p{Lu}`, `\\p{Alphabetic}`, `\\p{Script=Greek}`",
            )
        };
        if !self.take("{") {
            return wrong_name();
        }
        let mut name = String::new();
        while self.peek(0).is_ascii_alphanumeric() || matches!(self.peek(0), '_' | '=') {
            name.push(self.peek(0));
            self.at += 1;
        }
        let script = |name: &str| class_of(&format!("Script={name}")).is_some();
        let category = |name: &str| class_of(&format!("General_Category={name}")).is_some();
        let lone_script = !name.contains('=') && script(&name) && !category(&name);
        let Some(set) = class_of(&name).filter(|_| !lone_script && self.take("}")) else {
            return wrong_name();
        };
        self.count(&set)?;
        Ok(match (negated, self.flags.sets) {
            (false, _) => set,
            (true, false) => self.all_but(&set),
            // With `v`, the complement is one of sets without case.
            (true, true) => self.all_but(&self.folded(set)),
        })
    }
}

/// The characters with a Unicode property.
fn class_of(name: &str) -> Option<Ranges> {
    let hir = regex_syntax::parse(&format!(r"\p{{{name}}}")).ok()?;
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => Some(folding::from_class(class)),
        _ => None,
    }
}
