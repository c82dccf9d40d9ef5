//! Which pages of the engine's memory runs write to. By itself, as a process has the memories of all its tests.

#![allow(missing_docs, clippy::unwrap_used)]

mod bench;

use bench::contact::{CONTACT_FORM, contact};
use bench::{Bench, content};

/// After a run, wasmtime copies up to 32 stretches of written pages back and gives all pages behind them to the
/// kernel, which costs the next run a fault each: see guest-sdk/js/src/heap.rs.
#[test]
fn runs_write_to_few_stretches_of_memory() {
    let calls = "
        const response = await connectors.fetch('https://a.example/x?y=1', {method: 'POST', body: {a: data.email}});
        if (!response.ok) throw new Error('no');
        data.url = response.body.url; data.at = new Date().toISOString();
        await task.park(60_000);";
    let steps = [content(""), CONTACT_FORM.to_owned(), content(calls)];
    for step in steps {
        // A new memory: what one run has written is written for good.
        let compiled = Bench::new().compiled(&step);
        assert!(compiled.is_whole());
        let stretches = Bench::new().stretches(&step, contact(), compiled);
        let count = stretches.len();
        let pages: usize = stretches.iter().map(|(from, to)| to - from + 1).sum();
        println!("{pages} pages in {count} stretches");
        assert!((10..=32).contains(&count), "{count}: {stretches:?}: {step}");
    }
}
