//! `${NAME}` and `${NAME:-default}` in a manifest's texts. It works on texts that YAML has already
//! taken apart, so no variable can change the manifest's shape.

use std::ffi::OsString;

/// Looks a variable up.
pub type Vars<'v> = &'v dyn Fn(&str) -> Option<OsString>;

/// Why a text cannot be filled in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvError {
    /// Not set, and no default.
    #[error("the environment variable {0} is not set; set it, or give a default: ${{{0}:-…}}")]
    Missing(String),
    /// Bytes that are no UTF-8.
    #[error("the environment variable {0} is not UTF-8 text; encode it, e.g. with base64")]
    NotText(String),
    /// No `}`.
    #[error("`${{` is not closed; write ${{NAME}}, or $$ for a dollar sign")]
    Open,
    /// What stands in the braces is no name.
    #[error(
        "`{0}` is not a variable's name: letters, digits and _; write ${{NAME}} or ${{NAME:-default}}, or $$ for a dollar sign"
    )]
    BadName(String),
}

/// `text` with its variables filled in. As in a shell, a default stands in for a variable that is
/// empty, too. `$$` is a dollar sign, and so is a `$` that no `{` follows.
pub fn expand(text: &str, vars: Vars<'_>) -> Result<String, EnvError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(inside) = after.strip_prefix('{') {
            let (expression, behind) = inside.split_once('}').ok_or(EnvError::Open)?;
            out.push_str(&value(expression, vars)?);
            rest = behind;
        } else {
            out.push('$');
            rest = after.strip_prefix('$').unwrap_or(after);
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn value(expression: &str, vars: Vars<'_>) -> Result<String, EnvError> {
    let (name, default) = match expression.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (expression, None),
    };
    let is_name = !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        return Err(EnvError::BadName(name.to_owned()));
    }
    match (vars(name), default) {
        (Some(value), Some(default)) if value.is_empty() => Ok(default.to_owned()),
        (Some(value), _) => value
            .into_string()
            .map_err(|_| EnvError::NotText(name.to_owned())),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(EnvError::Missing(name.to_owned())),
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
            // What a variable holds is not looked into again.
            ("${TRICKY}", "${TOKEN}: $$"),
            ("ü${TOKEN}ü", "üs3cretü"),
        ] {
            assert_eq!(expand(text, &vars).as_deref(), Ok(expected), "{text}");
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
        ] {
            assert_eq!(expand(text, &vars).unwrap_err().to_string(), message);
        }
        for name in ["", "1ST", "a-b", "TOKEN ", "ü"] {
            assert_eq!(
                expand(&format!("${{{name}}}"), &vars),
                Err(EnvError::BadName(name.to_owned()))
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_refused() {
        use std::os::unix::ffi::OsStringExt;
        let bytes = |_: &str| Some(OsString::from_vec(vec![0xff]));
        assert_eq!(
            expand("${RAW}", &bytes),
            Err(EnvError::NotText("RAW".into()))
        );
    }
}
