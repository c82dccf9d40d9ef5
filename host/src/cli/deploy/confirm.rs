//! Asks before secrets are deleted.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::deploy::error::DeployError;
use crate::deploy::plan::{Action, Item};
use crate::terminal::output::{Output, printable};

/// The longest answer that is read, in bytes.
const ANSWER_BYTES: u64 = 1024;

/// Asks whether to delete what cannot be read back from the server, if there is any. Without a terminal it is
/// an error.
pub(super) fn confirm(items: &[Item], output: Output) -> Result<(), DeployError> {
    asked(lost(items), output)
}

/// Asks whether the listed items may be deleted, if there are any.
pub(in crate::cli) fn asked(lost: Vec<String>, output: Output) -> Result<(), DeployError> {
    if lost.is_empty() {
        return Ok(());
    }
    let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    if output.json || !is_terminal {
        return Err(DeployError::Unconfirmed(lost));
    }
    match ask(io::stdin().lock(), io::stderr().lock(), &lost) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(DeployError::Declined),
    }
}

fn lost(items: &[Item]) -> Vec<String> {
    let lost = items
        .iter()
        .filter(|item| item.action == Action::Delete && item.kind.is_secret());
    lost.map(|item| {
        let name = printable(&item.name);
        format!("{} {name} of {}", item.kind.word(), item.workspace)
    })
    .collect()
}

fn ask(input: impl BufRead, mut output: impl Write, lost: &[String]) -> io::Result<bool> {
    writeln!(output, "these would be deleted, and cannot be read back:")?;
    for one in lost {
        writeln!(output, "  {one}")?;
    }
    write!(output, "delete them? [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    input.take(ANSWER_BYTES).read_line(&mut answer)?;
    let answer = answer.trim().to_lowercase();
    Ok(answer == "y" || answer == "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        let lost = ["config CRM_TOKEN of sales".to_owned()];
        for (answer, is_yes) in [
            ("y\n", true),
            ("YES\r\n", true),
            (" yes ", true),
            ("\n", false),
            ("", false),
            ("n\n", false),
            ("yep\n", false),
            ("no\ny\n", false),
        ] {
            let mut asked = Vec::new();
            let answered = ask(answer.as_bytes(), &mut asked, &lost).unwrap();
            assert_eq!(answered, is_yes, "{answer:?}");
            let asked = String::from_utf8(asked).unwrap();
            assert!(asked.contains("\n  config CRM_TOKEN of sales\n"), "{asked}");
        }
        assert!(ask(&b"\xff\n"[..], Vec::new(), &lost).is_err());
        let endless = io::BufReader::new(io::repeat(b'y'));
        assert!(!ask(endless, Vec::new(), &lost).unwrap());
    }
}
