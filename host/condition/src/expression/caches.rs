//! What searches with automata need beside them: caches, which grow while they are used. Each thread keeps
//! those of the expressions that it used last, up to a bound: an expression that is not used takes nothing, and
//! thousands of expressions take no more than a few do.

use std::cell::RefCell;
use std::collections::HashMap;

use regex_automata::meta::{Cache, Regex};

/// Bytes that one thread keeps.
const BYTES: usize = 4 << 20;

#[derive(Default)]
struct Caches {
    /// By the number of the expression, with its size.
    kept: HashMap<u64, (Cache, usize)>,
    bytes: usize,
}

thread_local! {
    static CACHES: RefCell<Caches> = RefCell::default();
}

/// Searches with the cache of the expression of that number.
pub(super) fn with<T>(number: u64, regex: &Regex, search: impl FnOnce(&mut Cache) -> T) -> T {
    CACHES.with_borrow_mut(|caches| {
        let (mut cache, before) = match caches.kept.remove(&number) {
            Some(kept) => kept,
            None => (regex.create_cache(), 0),
        };
        let result = search(&mut cache);
        caches.bytes -= before;
        let size = size_of::<(u64, Cache, usize)>() + cache.memory_usage();
        if caches.bytes + size > BYTES {
            caches.kept.clear();
            caches.bytes = 0;
        }
        if size <= BYTES {
            caches.bytes += size;
            caches.kept.insert(number, (cache, size));
        }
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> (usize, usize) {
        CACHES.with_borrow(|caches| (caches.kept.len(), caches.bytes))
    }

    #[test]
    fn a_thread_keeps_a_bounded_amount() {
        let regex = Regex::new(r"(a|b)*\w{1,20}x").unwrap();
        let find = |number| {
            with(number, &regex, |cache| {
                regex.search_half_with(cache, &"ab".repeat(200).as_str().into())
            })
        };
        find(0);
        let (_, one) = kept();
        let enough = (BYTES / one) as u64 * 3;
        for number in 0..enough {
            assert_eq!(find(number), None);
            let (count, bytes) = kept();
            assert!(
                count > 0 && bytes <= BYTES,
                "{number}: {count} with {bytes}"
            );
        }
        let before = kept();
        find(enough - 1);
        assert_eq!(kept().0, before.0, "the same is used again");
    }
}
