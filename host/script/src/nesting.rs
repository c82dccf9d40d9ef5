//! A bound on how deeply a source nests, found without recursion before it is parsed: the parser
//! and all that walks its tree recurse.

/// Most brackets that are open at once, `${` of a template among them.
pub const BRACKETS: usize = 256;
/// Most operators and `else`s in a chain: the other ways to nest, as in `!!!x`, `a => b => c` or
/// `a + b + c`.
pub const CHAIN: usize = 10_000;

/// Words that begin a statement, so that no chain goes on: for sources without semicolons.
const BEGINNERS: [&str; 7] = ["const", "let", "var", "return", "throw", "export", "case"];

/// Words behind a `}` that do not begin a statement.
const GOES_ON: [&str; 6] = ["else", "in", "instanceof", "of", "as", "satisfies"];

/// Where a source nests too deeply, as a byte offset, with the bound that it breaks.
pub fn too_deep(text: &str) -> Option<(usize, String)> {
    let mut scan = Scan {
        text: text.as_bytes(),
        at: 0,
        value: false,
    };
    let mut open: Vec<Open> = Vec::new();
    let (mut links, mut base, mut elses) = (0usize, 0usize, 0usize);
    let mut after_block = false;
    while let Some(token) = scan.token(open.last().is_some_and(|open| open.template)) {
        let start = token.start;
        if after_block && matches!(token.kind, Kind::Word(word) if !GOES_ON.contains(&word)) {
            links = base;
        }
        after_block = matches!(token.kind, Kind::Close) && text.as_bytes()[start] == b'}';
        match token.kind {
            Kind::Open { template } => {
                open.push(Open {
                    template,
                    links,
                    base,
                    elses,
                });
                (links, base, elses) = (links + 1, links + 1, 0);
            }
            Kind::Close => {
                if let Some(outer) = open.pop() {
                    // What follows a bracket goes on with the chain before it, one link longer.
                    (links, base, elses) = (outer.links + 1, outer.base, outer.elses);
                }
            }
            Kind::End => links = base,
            Kind::Word("else") => elses += 1,
            Kind::Word(word) if BEGINNERS.contains(&word) => links = base,
            Kind::Word(
                "if" | "for" | "while" | "do" | "new" | "await" | "typeof" | "void" | "delete"
                | "yield",
            )
            | Kind::Operator => links += 1,
            Kind::Word(_) | Kind::Literal => {}
        }
        if open.len() > BRACKETS {
            return Some((
                start,
                format!("more than {BRACKETS} brackets are open; nest less deeply"),
            ));
        }
        if links + elses > CHAIN {
            return Some((
                start,
                format!("a chain of more than {CHAIN} operators; use several statements"),
            ));
        }
    }
    None
}

/// The state before an open bracket.
struct Open {
    template: bool,
    links: usize,
    base: usize,
    elses: usize,
}

struct Token<'a> {
    start: usize,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Open { template: bool },
    Close,
    End,
    Word(&'a str),
    Operator,
    Literal,
}

/// Tokens, distinguished as far as needed. Whether a `/` divides or begins a regular expression is
/// guessed from what stands before it.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    /// Whether the last token ended a value.
    value: bool,
}

impl<'a> Scan<'a> {
    fn token(&mut self, in_template: bool) -> Option<Token<'a>> {
        self.trivia();
        let start = self.at;
        let byte = *self.text.get(start)?;
        self.at += 1;
        let value = self.value;
        self.value = false;
        let kind = match byte {
            b'(' | b'[' | b'{' => Kind::Open { template: false },
            b'}' if in_template => self.template(Kind::Close),
            b')' | b']' | b'}' => {
                self.value = byte != b'}';
                Kind::Close
            }
            b';' | b',' => Kind::End,
            b'"' | b'\'' => self.quoted(byte),
            b'`' => self.template(Kind::Literal),
            b'/' if !value => self.regex(),
            b if word(b) => {
                self.skip(word);
                let text = std::str::from_utf8(&self.text[start..self.at]).unwrap_or("");
                self.value = !matches!(
                    text,
                    "return" | "typeof" | "case" | "in" | "of" | "await" | "else" | "void"
                );
                Kind::Word(text)
            }
            _ => Kind::Operator,
        };
        Some(Token { start, kind })
    }

    fn skip(&mut self, wanted: fn(u8) -> bool) {
        while self.text.get(self.at).is_some_and(|byte| wanted(*byte)) {
            self.at += 1;
        }
    }

    fn trivia(&mut self) {
        loop {
            self.skip(|byte| byte.is_ascii_whitespace());
            let rest = &self.text[self.at..];
            if rest.starts_with(b"//") {
                self.skip(|byte| byte != b'\n');
            } else if let Some(comment) = rest.strip_prefix(b"/*") {
                let end = comment.windows(2).position(|two| two == b"*/");
                self.at += end.map_or(rest.len(), |end| end + 4);
            } else {
                return;
            }
        }
    }

    /// A string ends at the latest with its line.
    fn quoted(&mut self, quote: u8) -> Kind<'a> {
        while let Some(&byte) = self.text.get(self.at) {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == quote || byte == b'\n' {
                break;
            }
        }
        self.at = self.at.min(self.text.len());
        self.value = true;
        Kind::Literal
    }

    /// A template's text up to its end, or to an `${`, which is then the token; `}` closes one.
    fn template(&mut self, whole: Kind<'a>) -> Kind<'a> {
        let closes = matches!(whole, Kind::Close);
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'`' => break,
                // The next substitution of the same template is as deep as the one before.
                b'$' if self.text.get(self.at + 1) == Some(&b'{') => {
                    self.at += 2;
                    return if closes {
                        Kind::End
                    } else {
                        Kind::Open { template: true }
                    };
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at = (self.at + 1).min(self.text.len());
        self.value = true;
        whole
    }

    fn regex(&mut self) -> Kind<'a> {
        let (mut class, start) = (false, self.at);
        while let Some(&byte) = self.text.get(self.at) {
            self.at += 1;
            match byte {
                b'\n' => {
                    // No regular expression after all.
                    self.at = start;
                    return Kind::Operator;
                }
                b'\\' => self.at += 1,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => break,
                _ => {}
            }
        }
        self.at = self.at.min(self.text.len());
        self.value = true;
        Kind::Literal
    }
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_sources_pass() {
        let lines =
            "const a = b.c.d ? [1, 2] : { e: `x${f(1)}y${g}` }\ng(a, /[/\"`({[]/)\n".repeat(20_000);
        assert_eq!(too_deep(&lines), None);
        let strings = format!(
            "f('{0}', \"{0}\", `{0}`, /[{0}]/) // {0}\n/* {0} */",
            "([{".repeat(200)
        );
        assert_eq!(too_deep(&strings), None);
        let data = format!("x = [{}]", "{ a: -1, b: [!c] },\n".repeat(30_000));
        assert_eq!(too_deep(&data), None);
        assert_eq!(too_deep(&"`${a}` / b;".repeat(20_000)), None);
        let blocks =
            "function f() {\n  if (a) { b() }\n}\nclass A { m() {} n() {} }\n".repeat(20_000);
        assert_eq!(too_deep(&blocks), None);
    }

    #[test]
    fn every_way_to_nest_is_bounded() {
        let deep = [
            "(", "[", "{", "`${", "f(", "a?(", "x=>{", "if(a){", "/a/[", "\"\"+(", "'\\'' [",
            "{}/a/.b(",
        ];
        for unit in deep {
            let (at, message) = too_deep(&unit.repeat(300)).unwrap_or_else(|| panic!("{unit}"));
            assert!(at < unit.len() * 257, "{unit}");
            assert_eq!(message, "more than 256 brackets are open; nest less deeply");
        }
        let chains = [
            "!",
            "-",
            "a=>",
            "a+",
            "a?b:",
            ".b",
            "()",
            "[0]",
            "if(a)",
            "if(a);else ",
            "new ",
            "await ",
            "a:",
            "{} in ",
        ];
        for unit in chains {
            assert!(too_deep(&unit.repeat(10_001)).is_some(), "{unit}");
        }
        let both = format!("{}(", "!".repeat(100)).repeat(200);
        assert!(too_deep(&both).unwrap().1.contains("chain"));
    }
}
