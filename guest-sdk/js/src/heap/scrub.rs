//! Zeroes what was freed while a step was compiled. What `prepare` leaves in memory is kept, and put into the memory of
//! each run: the parser's own data, of which nothing is in use any more, would be most of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ptr;

/// An arena, `struct JSArena`: where its blocks are, and in its header the class of their size, how many are in use,
/// how many there are, and which one is free.
const BLOCKS: usize = 24;
const CLASS: usize = 16;
const USED: usize = 18;
const COUNT: usize = 20;
const FREE: usize = 22;
/// No block is free.
const NONE: u16 = 0xffff;
/// What of a free block is in use: the index of the next one, and the class of its size.
const LINK: usize = 3;

struct Scrub {
    is_on: Cell<bool>,
    /// The arenas that were made in the meantime.
    arenas: RefCell<BTreeSet<usize>>,
}

// SAFETY: a component has one thread.
unsafe impl Sync for Scrub {}

static SCRUB: Scrub = Scrub {
    is_on: Cell::new(false),
    arenas: RefCell::new(BTreeSet::new()),
};

/// Whether what is freed is zeroed.
#[inline(always)]
pub fn is_on() -> bool {
    SCRUB.is_on.get()
}

/// Begins to zero what is freed.
pub fn begin() {
    SCRUB.is_on.set(true);
}

/// Zeroes what is free in arenas.
pub fn clean() {
    for arena in super::nursery::new_arenas() {
        // SAFETY: an arena.
        unsafe { zero_free(arena) };
    }
    for arena in &*SCRUB.arenas.borrow() {
        // SAFETY: it was not given back.
        unsafe { zero_free(ptr::with_exposed_provenance_mut(*arena)) };
    }
}

/// Zeroes what is free in arenas, and ends. Nothing may be compiled any more.
pub fn end() {
    clean();
    SCRUB.arenas.take();
    SCRUB.is_on.set(false);
}

/// Takes note of a block that QuickJS has, which may be an arena.
pub fn taken(block: *mut u8, size: usize) {
    if super::nursery::ARENA.contains(&size) && !block.is_null() {
        SCRUB.arenas.borrow_mut().insert(block.expose_provenance());
    }
}

/// Zeroes a block that is about to be given back.
///
/// # Safety
/// It has so many bytes, and nobody uses it.
pub unsafe fn given_back(block: *mut u8, size: usize) {
    // SAFETY: as the caller says.
    unsafe { block.write_bytes(0, size) };
    if size >= *super::nursery::ARENA.start() {
        SCRUB.arenas.borrow_mut().remove(&block.addr());
    }
}

/// Zeroes the free blocks of an arena; leaves alone another block of QuickJS's.
///
/// # Safety
/// A block that lives.
pub unsafe fn zero_free(arena: *mut u8) {
    // SAFETY: the header is as long; places of blocks are checked against the arena's size.
    unsafe {
        let word = |at: usize| arena.add(at).cast::<u16>().read();
        // Another block begins with this, an arena with an address.
        if word(0) == NONE {
            return;
        }
        let Some(size) = super::nursery::sizes().nth(arena.add(CLASS).read().into()) else {
            return;
        };
        let (used, count) = (word(USED), word(COUNT));
        if usize::from(count) != (super::nursery::PAGE - BLOCKS) / size || used > count {
            return;
        }
        let mut free = word(FREE);
        for _ in used..count {
            if free >= count {
                return;
            }
            let block = arena.add(BLOCKS + usize::from(free) * size);
            block.add(LINK).write_bytes(0, size - LINK);
            free = block.cast::<u16>().read();
        }
    }
}
