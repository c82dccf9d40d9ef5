//! The task or delivery that is meant by an id, or by the first digits of one.

use anyhow::Result;
use stepwell_api::{Delivery, DeliveryPage, TaskPage};
use uuid::Uuid;

use crate::cli::exit::UsageError;
use crate::client::{Client, ClientError};
use crate::domain::ids::{IdError, TaskId};
use crate::terminal::output::printable;

/// Digits that name a task at least: fewer are a slip of the pen.
const LEAST_DIGITS: usize = 4;
/// Tasks that are named when the digits fit several.
const NAMED: usize = 5;

/// An id from the command line: a whole one, or its first hexadecimal digits.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    Whole(TaskId),
    /// Lower-case digits without hyphens, fewer than 32.
    First(String),
}

/// The whole id of the task that `typed` means. A whole one is only checked.
///
/// # Errors
/// The text is no id and no beginning of one; no task begins with it, or several do.
pub(super) async fn resolve(client: &Client, typed: &str) -> Result<String> {
    let digits = match parse(typed)? {
        Typed::Whole(id) => return Ok(id.to_string()),
        Typed::First(digits) => digits,
    };
    let path = ["tasks"];
    let page = client
        .get::<TaskPage>(&path, &newest(&digits))
        .await?
        .read()?;
    let found = page.tasks.into_iter();
    let found = found.map(|task| (task.id, task.state.as_str().to_owned()));
    the_only(typed, &digits, found, ("task", "tasks'"))
}

/// The whole id of the delivery that `typed` means. A whole one is only checked.
///
/// # Errors
/// As of [`resolve`].
pub(in crate::cli) async fn resolve_delivery(client: &Client, typed: &str) -> Result<String> {
    let digits = match parse(typed)? {
        Typed::Whole(id) => return Ok(id.to_string()),
        Typed::First(digits) => digits,
    };
    let path = ["deliveries"];
    let (mut query, mut found) = (newest(&digits), Vec::new());
    // A page may have fewer than there are: tasks of other origins are left out of it.
    loop {
        let page = client.get::<DeliveryPage>(&path, &query).await?.read()?;
        let fits = |one: &Delivery| begins_with(&one.id, &digits);
        found.extend(page.deliveries.into_iter().filter(fits));
        let next = page.next.filter(|next| next.replace('-', "") > digits);
        let Some(next) = next.filter(|_| found.len() <= NAMED) else {
            break;
        };
        query.retain(|(key, _)| *key != "before");
        query.push(("before", next));
    }
    let found = found.into_iter();
    let found = found.map(|Delivery { id, verdict, .. }| (id, verdict));
    the_only(typed, &digits, found, ("delivery", "deliveries'"))
}

fn begins_with(id: &str, digits: &str) -> bool {
    id.replace('-', "").starts_with(digits)
}

/// The query for those whose ids begin with these digits. Ids sort as their digits do: they are the newest before the
/// first one that comes after all of them.
fn newest(digits: &str) -> Vec<(&'static str, String)> {
    let mut query = vec![("limit", (NAMED + 1).to_string())];
    query.extend(first_after(digits).map(|id| ("before", id)));
    query
}

/// The only id that begins with these digits, of ids with what they are.
fn the_only(
    typed: &str,
    digits: &str,
    found: impl Iterator<Item = (String, String)>,
    (noun, theirs): (&str, &str),
) -> Result<String> {
    let found: Vec<(String, String)> = found.filter(|(id, _)| begins_with(id, digits)).collect();
    match &found[..] {
        [] => Err(ClientError::NotFound {
            code: "not-found".into(),
            detail: format!("there is no {noun} whose id begins with `{typed}`"),
        }
        .into()),
        [(id, _)] => Ok(id.clone()),
        _ => {
            let named = found.iter().take(NAMED);
            let named = named.map(|(id, word)| format!("{} ({})", printable(id), printable(word)));
            let named: Vec<String> = named.collect();
            let more = if found.len() > NAMED { ", …" } else { "" };
            Err(UsageError::Value(format!(
                "`{typed}` is the beginning of several {theirs} ids: {}{more}; give more digits",
                named.join(", ")
            ))
            .into())
        }
    }
}

/// The first id after all that begin with these digits; none if there is no later one.
fn first_after(digits: &str) -> Option<String> {
    let last = u128::from_str_radix(&format!("{digits:f<32}"), 16).ok()?;
    Some(Uuid::from_u128(last.checked_add(1)?).to_string())
}

fn parse(typed: &str) -> Result<Typed, UsageError> {
    if let Ok(id) = typed.parse() {
        return Ok(Typed::Whole(id));
    }
    let digits = typed.replace('-', "").to_ascii_lowercase();
    let is_beginning = (LEAST_DIGITS..32).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let is_short = (1..LEAST_DIGITS).contains(&digits.len());
    if is_short && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(UsageError::Value(format!(
            "`{}` is too short for the beginning of a task's id: give {LEAST_DIGITS} digits at least",
            printable(typed)
        )));
    }
    // Hyphens are all where an id has them, or there are none.
    let typed_digits = typed.to_ascii_lowercase();
    if is_beginning && [&digits, &hyphenated(&digits)].contains(&&typed_digits) {
        return Ok(Typed::First(digits));
    }
    Err(UsageError::Name(IdError::Task(typed.to_owned())))
}

/// The digits of an id with its hyphens, as far as there are digits.
fn hyphenated(digits: &str) -> String {
    let whole = format!("{:0<32}", digits.to_ascii_lowercase());
    let id = Uuid::parse_str(&whole).unwrap_or_default().to_string();
    // A hyphen follows the digits 8, 12, 16 and 20.
    let hyphens = [8, 12, 16, 20]
        .iter()
        .filter(|at| **at < digits.len())
        .count();
    id[..digits.len() + hyphens].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190c0de-0a1b-7c2d-8e3f-405162738495";

    #[test]
    fn every_beginning_of_an_id_is_taken_with_and_without_hyphens() {
        for end in LEAST_DIGITS..ID.len() {
            let (hyphens, plain) = (&ID[..end], ID[..end].replace('-', ""));
            let digits = Typed::First(plain.clone());
            if !hyphens.ends_with('-') {
                assert_eq!(parse(hyphens).unwrap(), digits, "{hyphens}");
            }
            assert_eq!(parse(&plain).unwrap(), digits, "{plain}");
            assert_eq!(parse(&plain.to_uppercase()).unwrap(), digits);
        }
        assert_eq!(parse(ID).unwrap(), Typed::Whole(ID.parse().unwrap()));
        assert_eq!(
            parse(&ID.to_uppercase()).unwrap(),
            Typed::Whole(ID.parse().unwrap())
        );
    }

    /// The id whose other digits are all `f` begins so, too.
    #[test]
    fn the_first_id_after_a_beginning_is_past_the_last_one_that_begins_so() {
        for (digits, after) in [
            (
                "0190c0de0a1b7c2d8e3f40516273849",
                "0190c0de-0a1b-7c2d-8e3f-4051627384a0",
            ),
            ("0190", "01910000-0000-0000-0000-000000000000"),
            ("0fff", "10000000-0000-0000-0000-000000000000"),
        ] {
            assert_eq!(first_after(digits).as_deref(), Some(after));
        }
        assert_eq!(first_after("ffff"), None);
    }

    #[test]
    fn a_beginning_that_is_too_short_says_how_long_it_must_be() {
        for short in ["1", "17", "0aF"] {
            let refused = parse(short).unwrap_err().to_string();
            assert!(refused.contains("give 4 digits at least"), "{refused}");
        }
    }

    #[test]
    fn what_is_no_beginning_of_an_id_says_what_an_id_is() {
        for wrong in [
            "",
            "order-7",
            "0190c0dg",
            "0190-c0de",
            "0190c0de--0a1b",
            "é190c0de",
        ] {
            let refused = parse(wrong).unwrap_err().to_string();
            assert!(
                refused.contains("a task id is a UUID"),
                "{wrong}: {refused}"
            );
        }
    }
}
