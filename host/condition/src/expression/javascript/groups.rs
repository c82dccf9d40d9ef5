//! Groups: what captures, names, and sets flags. That something is captured makes no difference to
//! whether an expression is found; what groups there are does to what escapes mean.

use super::parse::Parser;
use super::{Parsed, Tree, wrong};

const LOOK_AROUND: &str = "look-ahead and look-behind do not exist here, for matching takes linear time; say the parts in conditions of their own, with `$and` and `$not`";

impl Parser<'_> {
    pub(super) fn group(&mut self) -> Parsed<Tree> {
        let start = self.at;
        self.at += 1;
        let outside = self.flags;
        if self.take("?=") || self.take("?!") || self.take("?<=") || self.take("?<!") {
            return wrong(start, LOOK_AROUND);
        }
        if self.take("?<") {
            self.group_name(start)?;
        } else if self.take("?") {
            self.modifiers(start)?;
        }
        let inner = self.enter(start, Self::choice)?;
        self.flags = outside;
        if !self.take(")") {
            return wrong(start, "unclosed group; write `\\(` for the character");
        }
        // A sequence of one, so that `(a*)*` is no repeat of a repeat.
        Ok(Tree::Sequence(vec![inner]))
    }

    /// The name of a group.
    fn group_name(&mut self, start: usize) -> Parsed<()> {
        let name = self.source[self.at..]
            .iter()
            .take_while(|c| **c != u32::from('>'));
        let length = name.clone().count();
        // Halves of pairs and escapes are for the script engine to judge.
        let fits = name.clone().enumerate().all(|(number, c)| {
            let letter = char::from_u32(*c);
            letter.is_none_or(|c| {
                c.is_alphabetic()
                    || matches!(c, '$' | '_' | '\\' | '{' | '}')
                    || number > 0 && (c.is_alphanumeric() || matches!(c, '\u{200C}' | '\u{200D}'))
            })
        });
        let name: Vec<u32> = name.copied().collect();
        if self.names.contains(&name) {
            return wrong(start, "there is a group of this name already");
        }
        self.names.push(name);
        self.at += length;
        if !fits || length == 0 || !self.take(">") {
            return wrong(start, "a group's name is an identifier, as in `(?<name>…)`");
        }
        Ok(())
    }

    /// `(?i-ms:`, which sets flags within the group.
    fn modifiers(&mut self, start: usize) -> Parsed<()> {
        const RIGHT: &str = "`(?` begins no group; write `(?:…)`, `(?<name>…)` or `(?i:…)`";
        let mut seen = String::new();
        let mut value = true;
        loop {
            let letter = self.peek(0);
            self.at += 1;
            match letter {
                ':' if seen != "-" => return Ok(()),
                _ if seen.contains(letter) => return wrong(start, RIGHT),
                'i' => self.flags.ignore_case = value,
                'm' => self.flags.lines = value,
                's' => self.flags.dot_all = value,
                '-' => value = false,
                _ => return wrong(start, RIGHT),
            }
            seen.push(letter);
        }
    }
}

/// How many groups are captured, and whether one has a name. What a decimal escape and `\k` are
/// depends on groups that may only come later.
pub(super) fn count(source: &[u32]) -> (usize, bool) {
    let is = |at: usize, c: char| source.get(at) == Some(&u32::from(c));
    let (mut count, mut named, mut in_class, mut at) = (0, false, false, 0);
    while at < source.len() {
        if is(at, '\\') {
            at += 1;
        } else if is(at, '[') {
            in_class = true;
        } else if is(at, ']') {
            in_class = false;
        } else if is(at, '(') && !in_class {
            let name = is(at + 1, '?') && is(at + 2, '<') && !is(at + 3, '=') && !is(at + 3, '!');
            count += usize::from(name || !is(at + 1, '?'));
            named |= name;
        }
        at += 1;
    }
    (count, named)
}
