//! `${NAME}` and its forms with a default in a manifest's texts, as a POSIX shell has them. It works
//! on texts that YAML has already taken apart, so no variable can change the manifest's shape.

use std::ffi::OsString;

/// Looks a variable up.
pub type Vars<'v> = &'v dyn Fn(&str) -> Option<OsString>;

/// How deep defaults may be nested.
const DEPTH: usize = 16;

/// Why a text cannot be filled in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvError {
    /// Not set, and no default.
    #[error("the environment variable {0} is not set; set it, or give a default: ${{{0}:-…}}")]
    Missing(String),
    /// Not set, or empty, and the manifest says why it must be there.
    #[error("the environment variable {name} is needed: {message}")]
    Needed {
        /// The variable.
        name: String,
        /// The manifest's words.
        message: String,
    },
    /// Bytes that are no UTF-8.
    #[error("the environment variable {0} is not UTF-8 text; encode it, e.g. with base64")]
    NotText(String),
    /// No `}`.
    #[error("`${{` is not closed; write ${{NAME}}, or $$ for a dollar sign")]
    Open,
    /// The text in the braces is no name.
    #[error(
        "`{0}` is not a variable's name: letters, digits and _; write ${{NAME}} or ${{NAME:-default}}, or $$ for a dollar sign"
    )]
    BadName(String),
    /// Defaults within defaults without end.
    #[error("defaults are nested deeper than {DEPTH} levels")]
    TooDeep,
    /// A text that grows without bound.
    #[error("the text has more than {0} bytes when its variables are filled in")]
    TooLong(usize),
}

/// `text` with its variables filled in; `most` bounds the result, in bytes.
///
/// The forms are those of POSIX (XCU 2.6.2): `${NAME:-default}`, `${NAME:?message}` and
/// `${NAME:+other}`, each without the colon too, if a variable that is empty counts as one that is
/// set. A default is a text like any other: variables in it are filled in, if it is used at all.
/// `$$` is a dollar sign, and so is a `$` that no `{` follows. What a variable holds is not looked
/// into again.
pub fn expand(text: &str, vars: Vars<'_>, most: usize) -> Result<String, EnvError> {
    let mut parser = Parser {
        rest: text,
        vars,
        most,
    };
    let mut out = String::with_capacity(text.len().min(most));
    parser.text(&mut out, true, 0)?;
    Ok(out)
}

/// The operator after a variable's name.
enum Form {
    Plain,
    /// `-`: instead of what is not there.
    Default,
    /// `?`: why it must be there.
    Needed,
    /// `+`: instead of what is there.
    Other,
}

struct Parser<'t> {
    rest: &'t str,
    vars: Vars<'t>,
    most: usize,
}

impl Parser<'_> {
    /// Reads to the end, or within braces (`depth` > 0) to the `}` that ends them. A text that is
    /// not used is read for its end only: no variable is looked up, and `out` gets nothing.
    fn text(&mut self, out: &mut String, used: bool, depth: usize) -> Result<(), EnvError> {
        if depth > DEPTH {
            return Err(EnvError::TooDeep);
        }
        loop {
            let stop = |c| c == '$' || (depth > 0 && c == '}');
            let end = self.rest.find(stop).unwrap_or(self.rest.len());
            let (before, after) = self.rest.split_at(end);
            self.push(out, used, before)?;
            self.rest = after;
            if let Some(inside) = after.strip_prefix("${") {
                self.rest = inside;
                self.variable(out, used, depth)?;
            } else if let Some(behind) = after.strip_prefix('$') {
                self.rest = behind.strip_prefix('$').unwrap_or(behind);
                self.push(out, used, "$")?;
            } else if let Some(behind) = after.strip_prefix('}') {
                self.rest = behind;
                return Ok(());
            } else if depth > 0 {
                return Err(EnvError::Open);
            } else {
                return Ok(());
            }
        }
    }

    /// Reads the text between `${` and its `}`.
    fn variable(&mut self, out: &mut String, used: bool, depth: usize) -> Result<(), EnvError> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (name, behind) = self.rest.split_at(length);
        let (colon, operator) = match behind.strip_prefix(':') {
            Some(operator) => (true, operator),
            None => (false, behind),
        };
        let form = match operator.chars().next() {
            Some('-') => Form::Default,
            Some('?') => Form::Needed,
            Some('+') => Form::Other,
            Some('}') if !colon => Form::Plain,
            _ => return Err(self.not_a_variable()),
        };
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.not_a_variable());
        }
        // Each of the four is one byte long.
        self.rest = &operator[1..];
        let set = (self.vars)(name).filter(|_| used);
        let there = set
            .as_ref()
            .is_some_and(|value| !colon || !value.is_empty());
        let word_used = used && there == matches!(form, Form::Other);
        match form {
            Form::Plain if used && set.is_none() => {
                return Err(EnvError::Missing(name.to_owned()));
            }
            Form::Plain => {}
            Form::Default | Form::Other => self.text(out, word_used, depth + 1)?,
            Form::Needed => {
                let mut message = String::new();
                self.text(&mut message, word_used, depth + 1)?;
                if word_used {
                    let name = name.to_owned();
                    return Err(match message.trim() {
                        "" => EnvError::Missing(name),
                        message => EnvError::Needed {
                            name,
                            message: message.to_owned(),
                        },
                    });
                }
            }
        }
        if there && !matches!(form, Form::Other) || matches!(form, Form::Plain) {
            let value = set.unwrap_or_default().into_string();
            let value = value.map_err(|_| EnvError::NotText(name.to_owned()))?;
            self.push(out, used, &value)?;
        }
        Ok(())
    }

    fn push(&self, out: &mut String, used: bool, text: &str) -> Result<(), EnvError> {
        if !used {
            return Ok(());
        }
        if out.len() + text.len() > self.most {
            return Err(EnvError::TooLong(self.most));
        }
        out.push_str(text);
        Ok(())
    }

    /// The braces are not closed, or the text in them is no name.
    fn not_a_variable(&self) -> EnvError {
        match self.rest.split_once('}') {
            None => EnvError::Open,
            Some((expression, _)) => {
                let end = expression.find(":-").unwrap_or(expression.len());
                EnvError::BadName(expression[..end].chars().take(80).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(name: &str) -> Option<OsString> {
        match name {
            "TOKEN" => Some("s3cret".into()),
            "EMPTY" => Some("".into()),
            "TRICKY" => Some("${TOKEN}: $$".into()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_filled_in() {
        for (text, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("${TOKEN}", "s3cret"),
            ("a ${TOKEN} b ${TOKEN}", "a s3cret b s3cret"),
            ("${GONE:-demo}", "demo"),
            ("${GONE:-}", ""),
            ("${EMPTY}", ""),
            ("${EMPTY:-demo}", "demo"),
            ("${TOKEN:-demo}", "s3cret"),
            ("${GONE:-http://h:1/a-b}", "http://h:1/a-b"),
            ("$${TOKEN}", "${TOKEN}"),
            ("5$ or $$5, $TOKEN", "5$ or $5, $TOKEN"),
            ("$$$${TOKEN}$", "$${TOKEN}$"),
            // A default is a text like any other.
            ("${GONE:-${TOKEN}}", "s3cret"),
            ("${GONE:-${ALSO_GONE:-${EMPTY:-<${TOKEN}>}}}!", "<s3cret>!"),
            ("${TOKEN:-${GONE}}", "s3cret"),
            ("${TOKEN:-${GONE:?never asked}}", "s3cret"),
            ("${GONE:-a ${TOKEN} b}${TOKEN}", "a s3cret bs3cret"),
            ("${GONE:-5$$}", "5$"),
            ("${GONE:-$$${TOKEN}}", "$s3cret"),
            ("${GONE:-$TOKEN}", "$TOKEN"),
            // As in a shell, the first brace of its own ends a default.
            ("${GONE:-{\"a\":1}}", "{\"a\":1}"),
            // Without the colon, what is empty is there.
            (
                "${EMPTY-demo}|${GONE-demo}|${GONE-${TOKEN}}",
                "|demo|s3cret",
            ),
            ("${EMPTY?needed}|${TOKEN:?needed}", "|s3cret"),
            (
                "${TOKEN:+set}|${EMPTY:+set}|${EMPTY+set}|${GONE+set}",
                "set||set|",
            ),
            ("${TOKEN:+<${TOKEN}>}", "<s3cret>"),
            ("${GONE:-${TRICKY}}", "${TOKEN}: $$"),
            // What a variable holds is not looked into again.
            ("${TRICKY}", "${TOKEN}: $$"),
            ("ü${TOKEN}ü", "üs3cretü"),
        ] {
            assert_eq!(
                expand(text, &vars, 1_000).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_filled_in_says_what_would_be_right() {
        for (text, message) in [
            (
                "${GONE}",
                "the environment variable GONE is not set; set it, or give a default: ${GONE:-…}",
            ),
            (
                "a ${TOKEN",
                "`${` is not closed; write ${NAME}, or $$ for a dollar sign",
            ),
            (
                "${GONE:-${TOKEN}",
                "`${` is not closed; write ${NAME}, or $$ for a dollar sign",
            ),
            (
                "${TOKEN:-${GONE",
                "`${` is not closed; write ${NAME}, or $$ for a dollar sign",
            ),
            (
                "${GONE:-${ALSO_GONE}}",
                "the environment variable ALSO_GONE is not set; set it, or give a default: ${ALSO_GONE:-…}",
            ),
            (
                "${EMPTY:?ask ${TOKEN} for it}",
                "the environment variable EMPTY is needed: ask s3cret for it",
            ),
            (
                "${GONE?}",
                "the environment variable GONE is not set; set it, or give a default: ${GONE:-…}",
            ),
        ] {
            assert_eq!(expand(text, &vars, 1_000).unwrap_err().to_string(), message);
        }
        for name in [
            "", "1ST", "a.b", "TOKEN ", "ü", "TOKEN:", "TOKEN:=x", "TOKEN%x", "${TOKEN",
        ] {
            assert_eq!(
                expand(&format!("${{{name}}}"), &vars, 1_000),
                Err(EnvError::BadName(name.to_owned()))
            );
        }
    }

    #[test]
    fn nothing_grows_without_bound() {
        let nested = |levels: usize| "${A:-".repeat(levels) + "x" + &"}".repeat(levels);
        let none = |_: &str| None;
        assert_eq!(expand(&nested(16), &none, 1_000).as_deref(), Ok("x"));
        assert_eq!(expand(&nested(17), &none, 1_000), Err(EnvError::TooDeep));
        assert_eq!(
            expand(&nested(100_000), &none, 1_000),
            Err(EnvError::TooDeep)
        );
        let long = |_: &str| Some(OsString::from("y".repeat(600)));
        assert_eq!(
            expand("${A}${A}", &long, 1_000),
            Err(EnvError::TooLong(1_000))
        );
        assert_eq!(
            expand("${A:+}${A}", &long, 1_000).map(|text| text.len()),
            Ok(600)
        );
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_refused() {
        use std::os::unix::ffi::OsStringExt;
        let bytes = |_: &str| Some(OsString::from_vec(vec![0xff]));
        assert_eq!(
            expand("${RAW}", &bytes, 1_000),
            Err(EnvError::NotText("RAW".into()))
        );
    }
}
