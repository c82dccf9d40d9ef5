//! Blocks for the values of one text, side by side. QuickJS needs two for an object and three for an array, and its own
//! allocator takes a hundred instructions for each.
//!
//! A header of eight bytes stands in front of each block that QuickJS has. It says whether the block lies in one of
//! QuickJS's own arenas or came from the allocator below, which here is [`crate::heap`]. A block of a slab passes for
//! one of the latter: when it is given back, the allocator tells it by its header.

use std::alloc::{self, Layout};
use std::ptr;

use rquickjs::qjs;

use super::{Counters, Object, Text, counters};

/// Bytes of a header.
pub const HEADER: usize = size_of::<Header>();
/// Chunks begin at a multiple of this, so that a block leads to its chunk.
const ALIGN: usize = 64 * 1024;
/// Bytes of a chunk: with those that the C library needs for itself, chunks lie side by side.
const CHUNK: usize = ALIGN - 32;
/// At the start of a chunk: how many of its blocks are in use.
const COUNT: usize = 16;
/// What the count of a chunk has in addition while blocks are taken from it.
const OPEN: usize = 1 << 30;

/// `struct JSMallocBlockHeader`.
#[repr(C)]
pub struct Header {
    index: u16,
    class: u8,
    kind: u8,
    /// References; for a block that has none, its size.
    pub count: i32,
}

/// The index of a block that lies in no arena of QuickJS's.
const NOWHERE: u16 = 0xffff;
/// QuickJS writes 0xff for these where the size of an arena's blocks would stand.
const IS_OBJECT: u8 = 0xfe;
const IS_SIZED: u8 = 0xfd;
const IS_TEXT: u8 = 0xfc;

impl Header {
    /// Of an object with one reference.
    pub const OBJECT: Self = Self {
        index: NOWHERE,
        class: IS_OBJECT,
        kind: 0,
        count: 1,
    };

    /// Of a string of bytes with one reference.
    pub const TEXT: Self = Self {
        index: NOWHERE,
        class: IS_TEXT,
        kind: 0,
        count: 1,
    };

    /// Of a block of so many bytes.
    #[inline(always)]
    pub fn sized(bytes: usize) -> Self {
        Self {
            index: NOWHERE,
            class: IS_SIZED,
            kind: 0,
            count: bytes as i32,
        }
    }
}

/// How many bytes a block of a slab has, its header among them; None if it is another allocator's.
///
/// # Safety
/// QuickJS has the block of the allocator below it. It is a block with a header or an arena, which begins with an
/// address: no address has an odd byte at its end.
#[inline]
pub unsafe fn size(block: *const u8) -> Option<usize> {
    // SAFETY: both are longer than a header.
    let header = unsafe { &*block.cast::<Header>() };
    match (header.index, header.class) {
        (NOWHERE, IS_OBJECT) => Some(HEADER + size_of::<Object>()),
        (NOWHERE, IS_SIZED) => Some(HEADER + header.count as usize),
        // SAFETY: a string's length never changes but where it grows into what was rounded up.
        (NOWHERE, IS_TEXT) => {
            Some(HEADER + text_size(unsafe { (*block.add(HEADER).cast::<Text>()).length as usize }))
        }
        _ => None,
    }
}

/// How many bytes a string of so many bytes has: it ends with a zero, and the next block is aligned.
#[inline(always)]
pub fn text_size(length: usize) -> usize {
    (size_of::<Text>() + length + 1).next_multiple_of(HEADER)
}

/// Gives a block of a slab back.
///
/// # Safety
/// The block is one of a slab and nobody uses it any more.
pub unsafe fn free(block: *mut u8) {
    // SAFETY: the chunk lives as long as it has blocks.
    unsafe { count_off(block.sub(block.addr() % ALIGN), 1) }
}

unsafe fn count_off(chunk: *mut u8, blocks: usize) {
    // SAFETY: a chunk that lives.
    unsafe {
        let count = chunk.cast::<usize>();
        *count -= blocks;
        if *count == 0 {
            alloc::dealloc(chunk, layout());
        }
    }
}

fn layout() -> Layout {
    // SAFETY: the alignment is a power of two, and the size is small.
    unsafe { Layout::from_size_align_unchecked(CHUNK, ALIGN) }
}

/// Takes blocks and counts them for the runtime.
pub struct Slab {
    chunk: *mut u8,
    used: usize,
    /// How much of the chunk was used, and how many blocks of it were taken, when the runtime was told last.
    reported: usize,
    blocks: usize,
    overhead: usize,
    counters: *mut Counters,
}

impl Slab {
    /// # Safety
    /// The context outlives this; `overhead` is the layout's.
    pub unsafe fn new(context: *mut qjs::JSContext, overhead: usize) -> Self {
        Self {
            chunk: ptr::null_mut(),
            used: CHUNK,
            reported: CHUNK,
            blocks: 0,
            overhead,
            // SAFETY: as the caller says.
            counters: unsafe { counters(context) },
        }
    }

    /// Room for so many blocks with their headers, which together have this size, a multiple of eight. None if there
    /// is no memory, or a chunk has not so much.
    #[inline(always)]
    pub fn take(&mut self, size: usize, blocks: usize) -> Option<*mut u8> {
        if CHUNK - self.used < size && !self.grow(size) {
            return None;
        }
        // SAFETY: the chunk has so much room.
        let block = unsafe { self.chunk.add(self.used) };
        self.used += size;
        self.blocks += blocks;
        Some(block)
    }

    /// Gives back a block that was just taken, before anyone knows it.
    ///
    /// # Safety
    /// The block is of this slab.
    pub unsafe fn give_back(&mut self, block: *mut u8) {
        // SAFETY: as the caller says.
        unsafe {
            let bytes = size(block).unwrap_or_default() - HEADER + self.overhead;
            self.settle();
            (*self.counters).blocks -= 1;
            (*self.counters).bytes -= bytes;
            free(block);
        }
    }

    #[cold]
    fn grow(&mut self, size: usize) -> bool {
        self.settle();
        // SAFETY: the runtime lives.
        let counters = unsafe { &*self.counters };
        if size > CHUNK - COUNT || counters.bytes.saturating_add(CHUNK) > counters.most {
            return false;
        }
        // SAFETY: the size is not zero; the chunk begins with its count.
        unsafe {
            let chunk = alloc::alloc(layout());
            if chunk.is_null() {
                return false;
            }
            self.close();
            chunk.cast::<usize>().write(OPEN);
            (self.chunk, self.used, self.reported) = (chunk, COUNT, COUNT);
        }
        true
    }

    /// Tells the runtime and the chunk what was taken.
    fn settle(&mut self) {
        if self.blocks == 0 {
            return;
        }
        // SAFETY: the runtime and the chunk live.
        unsafe {
            (*self.counters).blocks += self.blocks;
            let bytes = self.used - self.reported - self.blocks * HEADER;
            (*self.counters).bytes += bytes + self.blocks * self.overhead;
            *self.chunk.cast::<usize>() += self.blocks;
        }
        (self.blocks, self.reported) = (0, self.used);
    }

    fn close(&mut self) {
        if !self.chunk.is_null() {
            // SAFETY: no block is taken from this chunk from here on.
            unsafe { count_off(self.chunk, OPEN) };
        }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        self.settle();
        self.close();
    }
}
