//! Pages for what the engine is built of. A run writes to it, if only to count references, and the host restores the
//! pages that it wrote to. A stretch of such pages costs a copy, but those behind the 32nd stretch cost the next run a
//! page fault each (wasmtime's `reset_with_pagemap`).
//!
//! QuickJS takes its small blocks out of arenas of nearly 4 KiB, and everything else one by one. The arenas of
//! the time in which the engine is built lie here, side by side, each in a page of its own.

use std::cell::{Cell, UnsafeCell};
use std::ptr;

use rquickjs::{Ctx, qjs};

use super::scrub;

/// Bytes of a page, as the host restores it.
pub const PAGE: usize = 4096;
/// Bytes of an arena. A header of 24 bytes stands before the blocks; what is left over is less than the largest
/// small block, and never less than 8 bytes, as no size divides 4,072.
pub const ARENA: std::ops::RangeInclusive<usize> = PAGE - 512..=PAGE - 8;
/// Arenas that have room. Those that come after them lie where everything else does.
const ARENAS: usize = 384;

#[repr(C, align(4096))]
struct Page([u64; PAGE / 8]);

/// Pages for arenas, handed out until it is sealed.
pub struct Nursery {
    pages: UnsafeCell<[Page; ARENAS]>,
    /// Pages that were handed out at least once.
    used: Cell<usize>,
    /// The free page that is handed out next; it begins with the address of the one after it.
    free: Cell<*mut u8>,
    sealed: Cell<bool>,
}

// SAFETY: a component has one thread.
unsafe impl Sync for Nursery {}

pub static NURSERY: Nursery = Nursery {
    pages: UnsafeCell::new([const { Page([0; PAGE / 8]) }; ARENAS]),
    used: Cell::new(0),
    free: Cell::new(ptr::null_mut()),
    sealed: Cell::new(false),
};

impl Nursery {
    pub fn take(&self, size: usize) -> Option<*mut u8> {
        if self.sealed.get() || !ARENA.contains(&size) {
            return None;
        }
        let free = self.free.get();
        if !free.is_null() {
            // SAFETY: a free page begins with the address of the next one.
            self.free.set(unsafe { free.cast::<*mut u8>().read() });
            return Some(free);
        }
        let used = self.used.get();
        if used == ARENAS {
            return None;
        }
        self.used.set(used + 1);
        // SAFETY: the page is one of them, and nobody has it yet.
        Some(unsafe { self.pages.get().cast::<Page>().add(used).cast() })
    }

    pub fn has(&self, block: *mut u8) -> bool {
        block.addr().wrapping_sub(self.pages.get().addr()) < ARENAS * PAGE
    }

    /// Takes a page back. A sealed nursery leaves it as it is.
    pub fn give_back(&self, page: *mut u8) {
        if !self.sealed.get() {
            // SAFETY: its owner no longer uses it, and it has room for an address.
            unsafe { page.cast::<*mut u8>().write(self.free.get()) };
            self.free.set(page);
        }
    }
}

/// The sizes of QuickJS's small blocks with their headers, `arena_block_sizes` in quickjs.c.
pub fn sizes() -> impl Iterator<Item = usize> {
    (16..128)
        .step_by(8)
        .chain((128..256).step_by(16))
        .chain((256..=512).step_by(32))
}

/// Ends the time in which arenas lie together. What a run allocates lies behind all that is there: the holes of
/// the arenas are taken for good, and small blocks of each size get a new arena.
pub fn seal(ctx: &Ctx<'_>) {
    /// Bytes of a small block's header.
    const HEADER: usize = 8;
    let pages = || (NURSERY.used.get(), NURSERY.free.get());
    for size in sizes() {
        let before = pages();
        // SAFETY: the context is alive, and what it allocates is never used.
        while pages() == before
            && before.0 < ARENAS
            && !unsafe { qjs::js_malloc(ctx.as_raw().as_ptr(), (size - HEADER) as _) }.is_null()
        {
        }
    }
    NURSERY.sealed.set(true);
    for arena in new_arenas() {
        // SAFETY: an arena.
        unsafe { scrub::zero_free(arena) };
    }
}

/// The arenas that [`seal`] made.
pub fn new_arenas() -> impl Iterator<Item = *mut u8> {
    let used = NURSERY.used.get();
    let pages = NURSERY.pages.get().cast::<Page>();
    // SAFETY: pages of the nursery.
    (used.saturating_sub(NEW)..used).map(move |page| unsafe { pages.add(page).cast() })
}

/// Arenas of the objects that the language itself is made of, and of the first that are made of those.
const BASE: usize = 68;
/// The first arena behind those of what calls are made with.
const CALLS: usize = 136;
/// Arenas that [`seal`] made, one for each size.
const NEW: usize = 31;

/// Writes to the arenas that lie between those that nearly every run writes to. Together they are two stretches
/// of pages instead of a dozen, and what they cost more is a copy of some 50 pages.
pub fn begin_run() {
    let used = NURSERY.used.get();
    write_to((0..BASE).chain(used - NEW..used));
}

/// The same for a run that begins a call.
pub fn begin_call() {
    write_to(BASE..CALLS);
}

fn write_to(pages: impl Iterator<Item = usize>) {
    for page in pages.filter(|page| *page < NURSERY.used.get()) {
        let start = NURSERY.pages.get().cast::<u64>();
        // SAFETY: a page of the nursery. No arena has the last 8 bytes of its page.
        unsafe {
            start.add((page + 1) * (PAGE / 8) - 1).write_volatile(1);
        }
    }
}
