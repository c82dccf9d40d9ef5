//! Which pages of the engine's memory runs write to. By itself, as a process has the memories of all its tests.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../src/bench/mod.rs"]
mod bench;

use bench::contact::{CALLS, CONTACT_FORM, contact};
use bench::{Bench, content};

/// After a run, wasmtime copies up to 32 stretches of written pages back and gives all pages behind them to the
/// kernel, which costs the next run a fault each: see guest-sdk/js/src/heap/nursery.rs.
#[test]
fn runs_write_to_few_pages_in_few_stretches() {
    let steps = [
        (content(""), 60),
        (CONTACT_FORM.to_owned(), 85),
        (content(CALLS), 105),
    ];
    for (step, most) in steps {
        // A new memory: what one run has written is written for good.
        let compiled = Bench::new().compiled(&step);
        assert!(compiled.is_whole());
        let pages = Bench::new().written(&step, contact(), compiled);
        let mut stretches: Vec<(usize, usize)> = Vec::new();
        for page in &pages {
            match stretches.last_mut() {
                Some((_, end)) if *end + 1 == *page => *end = *page,
                _ => stretches.push((*page, *page)),
            }
        }
        let count = stretches.len();
        println!("{} pages in {count} stretches", pages.len());
        assert!(
            (20..=most).contains(&pages.len()) && (5..=32).contains(&count),
            "{} pages, {count}: {stretches:?}: {step}",
            pages.len()
        );
    }
}
