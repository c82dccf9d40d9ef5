//! Pages for what the engine is built of. A run writes to it, if only to count references, and the host restores the
//! pages that it wrote to. A stretch of such pages costs a copy, but those behind the 32nd stretch cost the next run a
//! page fault each (wasmtime's `reset_with_pagemap`).
//!
//! QuickJS takes its small blocks out of arenas of nearly 4 KiB, and everything else one by one. The arenas of
//! the time in which the engine is built lie here, each in a page of its own. Those that runs write to lie side by
//! side: `cargo xtask js-engine` builds the engine once to find out which they are, and once more with this [`Plan`].

use std::cell::{Cell, UnsafeCell};
use std::ptr;

use rquickjs::{Ctx, qjs};

use super::scrub;

/// Bytes of a page, as the host restores it.
pub const PAGE: usize = 4096;
/// Bytes of an arena. A header of 24 bytes stands before the blocks; what is left over is less than the largest
/// small block, and never less than 8 bytes, as no size divides 4,072.
pub const ARENA: std::ops::RangeInclusive<usize> = PAGE - 512..=PAGE - 8;
/// Arenas that have room, some more than are alive at once. Those that come after them lie where everything else does.
const ARENAS: usize = 256;
/// Arenas that [`seal`] makes, one for each size.
const NEW: usize = 31;
/// No arena: they are numbered as QuickJS asks for them, from 0 on.
const NONE: u16 = u16::MAX;

/// Which arena is which page. `cargo xtask js-engine` (`plan.rs`) finds it by its mark.
#[repr(C)]
struct Plan {
    mark: [u8; 16],
    /// Where the pages are.
    pages: Cell<u32>,
    /// The arenas of the first pages. It is written into the component before the engine is built.
    wanted: [Cell<u16>; ARENAS],
    /// The arena of each page, once the engine is built.
    made: [Cell<u16>; ARENAS],
}

// SAFETY: a component has one thread.
unsafe impl Sync for Plan {}

static PLAN: Plan = Plan {
    mark: *b"stepwell: arenas",
    pages: Cell::new(0),
    wanted: [const { Cell::new(NONE) }; ARENAS],
    made: [const { Cell::new(NONE) }; ARENAS],
};

impl Plan {
    /// The page that an arena is to have.
    fn page(&self, arena: u16) -> Option<usize> {
        // SAFETY: it is read; the compiler must not know what stands there.
        let wanted = |page: &Cell<u16>| unsafe { page.as_ptr().read_volatile() };
        self.wanted.iter().position(|page| wanted(page) == arena)
    }

    /// Pages that are kept for arenas.
    fn count(&self) -> usize {
        self.page(NONE).unwrap_or(ARENAS)
    }
}

#[repr(C, align(4096))]
struct Page([u64; PAGE / 8]);

/// Pages for arenas, handed out until it is sealed.
pub struct Nursery {
    pages: UnsafeCell<[Page; ARENAS]>,
    /// Arenas that were asked for.
    arenas: Cell<u16>,
    /// Pages behind those of the plan that were handed out at least once.
    used: Cell<usize>,
    /// The free page that is handed out next; it begins with the address of the one after it.
    free: Cell<*mut u8>,
    sealed: Cell<bool>,
}

// SAFETY: a component has one thread.
unsafe impl Sync for Nursery {}

pub static NURSERY: Nursery = Nursery {
    pages: UnsafeCell::new([const { Page([0; PAGE / 8]) }; ARENAS]),
    arenas: Cell::new(0),
    used: Cell::new(0),
    free: Cell::new(ptr::null_mut()),
    sealed: Cell::new(false),
};

impl Nursery {
    pub fn take(&self, size: usize) -> Option<*mut u8> {
        if self.sealed.get() || !ARENA.contains(&size) {
            return None;
        }
        let arena = self.arenas.get();
        self.arenas.set(arena.saturating_add(1));
        let page = match PLAN.page(arena) {
            Some(page) => self.page(page),
            None => self.other()?,
        };
        PLAN.pages.set(self.pages.get().addr() as u32);
        PLAN.made[self.index(page)].set(arena);
        Some(page)
    }

    /// A page that no arena of the plan has.
    fn other(&self) -> Option<*mut u8> {
        let free = self.free.get();
        if !free.is_null() {
            // SAFETY: a free page begins with the address of the next one.
            self.free.set(unsafe { free.cast::<*mut u8>().read() });
            return Some(free);
        }
        let (planned, used) = (PLAN.count(), self.used.get());
        if planned + used >= ARENAS {
            return None;
        }
        self.used.set(used + 1);
        Some(self.page(planned + used))
    }

    fn page(&self, index: usize) -> *mut u8 {
        // SAFETY: there are so many.
        unsafe { self.pages.get().cast::<Page>().add(index).cast() }
    }

    fn index(&self, page: *mut u8) -> usize {
        (page.addr() - self.pages.get().addr()) / PAGE
    }

    pub fn has(&self, block: *mut u8) -> bool {
        block.addr().wrapping_sub(self.pages.get().addr()) < ARENAS * PAGE
    }

    /// Takes a page back. A sealed nursery leaves it as it is.
    pub fn give_back(&self, page: *mut u8) {
        if !self.sealed.get() {
            PLAN.made[self.index(page)].set(NONE);
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
    for size in sizes() {
        let before = NURSERY.arenas.get();
        // SAFETY: the context is alive, and what it allocates is never used.
        while NURSERY.arenas.get() == before
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
    let arenas = NURSERY.arenas.get();
    let new = arenas.saturating_sub(NEW as u16)..arenas;
    let made = PLAN.made.iter().map(Cell::get).enumerate();
    made.filter(move |(_, arena)| new.contains(arena))
        .map(|(page, _)| NURSERY.page(page))
}
