//! The name of a step after its file or crate, and what that means on a server that has steps
//! already: one rule for `step add` and `deploy`. A name that is given is taken as it is written.

use std::path::Path;

use stepwell_script::{part_name, step_name};

use crate::terminal::output::printable;

/// A step's name by its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// The name by the rule.
    pub name: String,
    /// The source's own spelling. Before there was one rule, `deploy` kept the case of files and
    /// `step add` did not, so a server may have a step of either name.
    spelled: String,
}

impl Derived {
    /// Of a file, by its way below a folder of steps; without its ending.
    pub fn of_file(below: &Path) -> Self {
        let below = below.with_extension("");
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        Self::of(parts.join("/"))
    }

    /// Of a crate, by its package.
    pub fn of_crate(package: &str) -> Self {
        Self::of(package.to_owned())
    }

    fn of(spelled: String) -> Self {
        Self {
            name: step_name(&spelled),
            spelled,
        }
    }

    /// Of one of the `parts` steps of a file.
    pub fn part(&self, part: usize, parts: usize) -> Self {
        Self {
            name: part_name(&self.name, part, parts),
            spelled: part_name(&self.spelled, part, parts),
        }
    }

    /// Whether the rule has changed the source's spelling.
    pub fn is_changed(&self) -> bool {
        self.name != self.spelled
    }
}

/// What the rule makes of a name: two that come out equal are one step's.
pub fn normal(name: &str) -> String {
    step_name(name)
}

/// The name under which a step that is called after its source is sent, given those that the server
/// has. One that is there under another spelling of the name is the same step and keeps its name, or
/// there would be two, and both would run.
pub fn settle<'n>(derived: &Derived, there: impl IntoIterator<Item = &'n str>) -> String {
    let mut found = None;
    for other in there {
        if other == derived.name {
            return derived.name.clone();
        }
        if normal(other) == derived.name && (found.is_none() || other == derived.spelled) {
            found = Some(other);
        }
    }
    found.unwrap_or(&derived.name).to_owned()
}

/// The note about a step's name, if it differs from the source's: the rule has changed it, or the server has
/// it under another spelling.
pub fn note(source: &str, derived: &Derived, settled: &str) -> Option<String> {
    let source = printable(source);
    if settled != derived.name {
        Some(format!(
            "{source} is the step {settled}, which is there under that name (a new one would be {})",
            derived.name
        ))
    } else if derived.is_changed() {
        Some(format!("{source} is the step {settled}"))
    } else {
        None
    }
}

/// The warning that the step `name` is added while `other` is there, which may be the same step under
/// another name: `paid` and `orders/paid`, or `lead` and `lead-1` of a file that has two steps now.
pub fn rival(name: &str, other: &str) -> Option<String> {
    let last = |name: &str| {
        let name = step_name(name);
        let last = name.rsplit('/').next().unwrap_or_default();
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        match last.rsplit_once('-') {
            Some((stem, part)) if digits(part) => stem.to_owned(),
            _ => last.to_owned(),
        }
    };
    let parts_of_one_file = name.contains('-') && other.contains('-') && {
        let stem = |name: &str| name.rsplit_once('-').map(|(stem, _)| stem.to_owned());
        stem(name) == stem(other)
    };
    (name != other && last(name) == last(other) && !parts_of_one_file).then(|| {
        let other = printable(other);
        format!(
            "there is a step {other} too; if it is {name} by another way, both run: \
             `stepwell step delete {other}` ends it"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_called_after_their_sources() {
        for (file, name) in [
            ("contact_form.wasm", "contact-form"),
            ("SendMail.js", "sendmail"),
            ("Send Mail.ts", "send-mail"),
            ("orders/Paid_Late.js", "orders/paid-late"),
            ("Orders/paid.js", "orders/paid"),
            ("v1.2.wasm", "v1.2"),
            ("greet", "greet"),
        ] {
            assert_eq!(Derived::of_file(Path::new(file)).name, name);
        }
        assert_eq!(Derived::of_crate("My_Step").name, "my-step");
        assert_eq!(Derived::of_crate("v1.2").name, "v1.2");
        let lead = Derived::of_file(Path::new("Lead.js"));
        assert_eq!(lead.part(2, 3).name, "lead-2");
        assert_eq!(lead.part(1, 1), lead);
    }

    #[test]
    fn a_step_that_is_there_keeps_its_name() {
        let mail = Derived::of_file(Path::new("SendMail.js"));
        for (there, settled) in [
            (&[] as &[&str], "sendmail"),
            (&["sendmail"], "sendmail"),
            (&["SendMail"], "SendMail"),
            (&["SendMail", "sendmail"], "sendmail"),
            (&["SENDMAIL", "SendMail", "Sendmail"], "SendMail"),
            (&["send-mail", "mail"], "sendmail"),
        ] {
            assert_eq!(settle(&mail, there.iter().copied()), settled, "{there:?}");
        }
        let part = Derived::of_file(Path::new("a/My_Lead.js")).part(2, 2);
        assert_eq!(settle(&part, ["a/My-Lead-2"]), "a/My-Lead-2");
        assert_eq!(settle(&part, ["a/My-Lead-1", "My-Lead-2"]), "a/my-lead-2");
    }

    #[test]
    fn what_changes_a_name_is_told() {
        let note =
            |file: &str, settled: &str| note(file, &Derived::of_file(Path::new(file)), settled);
        assert_eq!(note("greet.js", "greet"), None);
        assert_eq!(
            note("Greet.js", "greet").unwrap(),
            "Greet.js is the step greet"
        );
        let kept = note("Greet.js", "Greet").unwrap();
        assert!(kept.contains("there under that name"), "{kept}");
    }

    #[test]
    fn names_that_may_be_one_step_are_told() {
        for (name, other, is_rival) in [
            ("paid", "orders/paid", true),
            ("orders/paid", "paid", true),
            ("orders/paid", "refunds/Paid", true),
            ("lead-1", "lead", true),
            ("lead", "lead-2", true),
            ("SendMail", "sendmail", true),
            ("lead-1", "lead-2", false),
            ("paid", "paid", false),
            ("paid", "unpaid", false),
            ("send-mail", "send-sms", false),
        ] {
            assert_eq!(rival(name, other).is_some(), is_rival, "{name} {other}");
        }
    }
}
