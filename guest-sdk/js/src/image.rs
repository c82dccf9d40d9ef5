//! The memory that `prepare` leaves. The host keeps what differs from the engine's snapshot, and a run begins by
//! putting that into its own memory: it goes on where `prepare` was done. Modules that many steps have are layers of
//! their own, of which the host keeps one for all of these steps.
//!
//! The stack is not part of it: it lies below all else, and nothing on it outlives a call.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::arch::wasm32::{memory_grow, memory_size};
use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::{ptr, slice};

use crate::heap::scrub;
use crate::wasm::bindings::stepwell::step::script;

/// Bytes of a page of WebAssembly's memory.
const PAGE: usize = 64 * 1024;
/// The most bytes of a part, as the WIT has it.
const PART: usize = 64 * 1024;
/// Bytes in front of each stretch: where it goes, how long it is, and whether it is a part of its own, as `u32` each,
/// and as many zeros.
const HEAD: usize = 16;

unsafe extern "C" {
    /// Where the linker lets static data begin, behind the stack.
    static __global_base: u8;
}

/// Where the host puts parts: away from the heap, which they are about to change.
#[repr(C, align(16))]
struct Stage {
    bytes: UnsafeCell<[u8; PART]>,
    /// Where the next block is that is asked for, and how much room is there.
    next: Cell<*mut u8>,
    room: Cell<usize>,
}

// SAFETY: a component has one thread.
unsafe impl Sync for Stage {}

static STAGE: Stage = Stage {
    bytes: UnsafeCell::new([0; PART]),
    next: Cell::new(ptr::null_mut()),
    room: Cell::new(0),
};

/// The C library's allocator, but for the block that a part comes in.
struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

// SAFETY: what `part` says is next is handed out to it alone, and it does not give it back.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let next = STAGE.next.get();
        if !next.is_null() && layout.size() <= STAGE.room.get() {
            STAGE.next.set(ptr::null_mut());
            return next;
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe {
            if scrub::is_on() {
                block.write_bytes(0, layout.size());
            }
            System.dealloc(block, layout);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe {
            if !scrub::is_on() {
                return System.realloc(block, layout, size);
            }
            let moved = System.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, size.min(layout.size()));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

/// Gives the host all memory but the stack.
///
/// # Errors
/// The stack lies elsewhere: the engine was linked in another way.
pub fn keep() -> Result<(), String> {
    let start = (&raw const __global_base).addr().next_multiple_of(HEAD);
    let on_stack = 0_u8;
    if (&raw const on_stack).addr() >= start {
        return Err("the stack does not lie below the static data".into());
    }
    let end = memory_size(0) * PAGE;
    for at in (start..end).step_by(PART) {
        let length = PART.min(end - at);
        // SAFETY: the memory is there, and nothing writes to it before the host has read it.
        let part = unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(at), length) };
        script::keep(at as u32, part);
    }
    Ok(())
}

/// Takes over what `prepare` left, if the host has it. Nothing may be borrowed from the heap or from static data.
///
/// # Errors
/// The run may not have so much memory.
#[inline(never)]
pub fn resume() -> Result<(), String> {
    let stage = || STAGE.bytes.get().cast::<u8>();
    let mut first = 0;
    while let Some(length) = part(first, stage(), PART) {
        // SAFETY: the stage has room for a head, wherever the part ends.
        let (pages, small, is_followed) = unsafe {
            let head = stage().cast::<u32>();
            let words = [1, 2, 3].map(|at| head.add(at).read());
            (words[0] as usize, words[1], words[2] == 1)
        };
        let more = pages.saturating_sub(memory_size(0));
        if more > 0 && memory_grow(0, more) == usize::MAX {
            return Err("RangeError: out of memory".into());
        }
        let mut large = first.saturating_add(small);
        put(HEAD, length, &mut large);
        for index in 1..small {
            if let Some(length) = part(first.saturating_add(index), stage(), PART) {
                put(0, length, &mut large);
            }
        }
        if !is_followed {
            break;
        }
        first = large;
    }
    Ok(())
}

/// Has the host put a part to where there is this much room; how long it is.
fn part(index: u32, to: *mut u8, room: usize) -> Option<usize> {
    STAGE.room.set(room);
    STAGE.next.set(to);
    let bytes = script::image(index).map(ManuallyDrop::new);
    STAGE.next.set(ptr::null_mut());
    bytes.map(|bytes| bytes.len())
}

/// Puts the stretches of the part on the stage where they belong, from a place in it on. `large` is the part that is the
/// next stretch of its own.
fn put(mut at: usize, length: usize, large: &mut u32) {
    let stage = STAGE.bytes.get().cast::<u8>();
    while at < length {
        // SAFETY: the host made the part of what `keep` gave it, in multiples of 16 bytes.
        unsafe {
            let head = stage.add(at).cast::<u32>();
            let (to, bytes) = (head.read() as usize, head.add(1).read() as usize);
            let is_large = head.add(2).read() == 1;
            at += HEAD;
            let to = ptr::with_exposed_provenance_mut::<u8>(to);
            if is_large {
                part(*large, to, bytes);
                *large += 1;
                continue;
            }
            let from = stage.add(at);
            if bytes <= 8 * HEAD {
                for block in (0..bytes).step_by(HEAD) {
                    let value = from.add(block).cast::<u128>().read();
                    to.add(block).cast::<u128>().write(value);
                }
            } else {
                to.copy_from_nonoverlapping(from, bytes);
            }
            at += bytes;
        }
    }
}
