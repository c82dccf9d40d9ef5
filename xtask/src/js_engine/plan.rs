//! Which arenas of the engine's memory lie side by side (`guest-sdk/js/src/heap/nursery.rs`): those that runs of
//! usual steps write to, if only to count references, so that the host restores few stretches of pages after a run.

use anyhow::{Context, Result, bail};

use crate::bench::contact::{CALLS, CONTACT_FORM, contact};
use crate::bench::{Bench, content};

/// `struct Plan` in the engine: its mark, an address, and two numbers for each page.
const MARK: &[u8; 16] = b"stepwell: arenas";
const ARENAS: usize = 256;
const WANTED: usize = MARK.len() + 4;
const MADE: usize = WANTED + 2 * ARENAS;
const END: usize = MADE + 2 * ARENAS;
/// No arena.
const NONE: u16 = u16::MAX;
const PAGE: usize = 4096;

/// The arenas that runs of usual steps write to, those last that nearly all runs do: then each step's are neighbours.
pub fn of(engine: &[u8]) -> Result<Vec<u16>> {
    let plan = at(engine)?;
    let word = |at: usize| u16::from_le_bytes([engine[at], engine[at + 1]]);
    let pages =
        usize::from(word(plan + MARK.len())) | usize::from(word(plan + MARK.len() + 2)) << 16;
    let made: Vec<u16> = (plan + MADE..plan + END).step_by(2).map(word).collect();
    // From what all do to what few do.
    let steps = [content(""), CONTACT_FORM.to_owned(), content(CALLS)];
    let mut wanted = Vec::new();
    for step in steps {
        let bench = Bench::of(engine);
        let compiled = bench.compiled(&step);
        let written = Bench::of(engine).written(&step, contact(), compiled);
        let arenas = written.into_iter().filter_map(|page| {
            let page = page.checked_sub(pages / PAGE)?;
            made.get(page).copied().filter(|arena| *arena != NONE)
        });
        let mut more: Vec<u16> = arenas.filter(|arena| !wanted.contains(arena)).collect();
        more.append(&mut wanted);
        wanted = more;
    }
    if wanted.is_empty() {
        bail!("runs write to no arena: the engine's memory was not found");
    }
    Ok(wanted)
}

/// The component with a plan, before it is built.
pub fn with(component: &[u8], wanted: &[u16]) -> Result<Vec<u8>> {
    let plan = at(component)?;
    let mut component = component.to_vec();
    let places = component[plan + WANTED..plan + MADE].chunks_exact_mut(2);
    for (place, arena) in places.zip(wanted) {
        place.copy_from_slice(&arena.to_le_bytes());
    }
    Ok(component)
}

/// Where the plan is in a component.
fn at(component: &[u8]) -> Result<usize> {
    let mut found = component
        .windows(END)
        .enumerate()
        .filter(|(_, bytes)| bytes.starts_with(MARK));
    let (at, _) = found
        .next()
        .context("the engine has no plan of its arenas")?;
    if found.next().is_some() {
        bail!("the engine has two plans of its arenas");
    }
    Ok(at)
}
