//! What QuickJS allocates from.

#![allow(unsafe_code)]

#[cfg(target_family = "wasm")]
mod nursery;
#[cfg(target_family = "wasm")]
pub(crate) mod scrub;

use std::ffi::c_void;

use rquickjs::allocator::Allocator;

use crate::raw::slab;
#[cfg(target_family = "wasm")]
use nursery::NURSERY;
#[cfg(target_family = "wasm")]
pub(crate) use nursery::seal;

/// The C library's allocator, with the nursery in front of it; it takes back the blocks of slabs as well.
pub(crate) struct Heap;

// What `std::alloc` does not have: a block that knows its size.
unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn calloc(count: usize, size: usize) -> *mut c_void;
    fn realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn free(block: *mut c_void);
    fn malloc_usable_size(block: *mut c_void) -> usize;
}

/// How long a block is that is not the C library's.
unsafe fn foreign(block: *mut u8) -> Option<usize> {
    #[cfg(target_family = "wasm")]
    if NURSERY.has(block) {
        return Some(*nursery::ARENA.end());
    }
    unsafe { slab::size(block) }
}

// SAFETY: a page is as long and as aligned as any block that it stands for, and is told from the C library's
// by its address.
unsafe impl Allocator for Heap {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        #[cfg(target_family = "wasm")]
        if let Some(page) = NURSERY.take(size) {
            return page;
        }
        let block = unsafe { malloc(size).cast() };
        #[cfg(target_family = "wasm")]
        if scrub::is_on() {
            scrub::taken(block, size);
        }
        block
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        // QuickJS never asks for an arena so.
        unsafe { calloc(count, size).cast() }
    }

    unsafe fn dealloc(&mut self, block: *mut u8) {
        #[cfg(target_family = "wasm")]
        if NURSERY.has(block) {
            return NURSERY.give_back(block);
        }
        unsafe {
            match slab::size(block) {
                Some(_) => slab::free(block),
                None => {
                    #[cfg(target_family = "wasm")]
                    if scrub::is_on() {
                        scrub::given_back(block, malloc_usable_size(block.cast()));
                    }
                    free(block.cast());
                }
            }
        }
    }

    unsafe fn realloc(&mut self, block: *mut u8, size: usize) -> *mut u8 {
        let length = match unsafe { foreign(block) } {
            Some(length) => length,
            #[cfg(target_family = "wasm")]
            None if scrub::is_on() => unsafe { malloc_usable_size(block.cast()) },
            None => return unsafe { realloc(block.cast(), size).cast() },
        };
        #[cfg(target_family = "wasm")]
        if scrub::is_on() && size <= length && size > length / 2 {
            return block;
        }
        let moved = unsafe { malloc(size).cast::<u8>() };
        if !moved.is_null() {
            unsafe {
                moved.copy_from_nonoverlapping(block, size.min(length));
                self.dealloc(block);
            }
        }
        moved
    }

    unsafe fn usable_size(block: *mut u8) -> usize {
        unsafe { foreign(block).unwrap_or_else(|| malloc_usable_size(block.cast())) }
    }
}
