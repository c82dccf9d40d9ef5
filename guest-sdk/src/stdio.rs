//! Standard output, standard error and the environment of a step, without WASI.
//!
//! Rust's standard library prints a panic's message, so every step has the code that writes to
//! standard error, and through the C library that brought a dozen WASI imports into each component:
//! streams, terminals, the environment. An instance is made for every run, and it costs something for
//! every import. The three C functions that the standard library gets there by are therefore ours:
//! what is printed goes to `console`, and the environment, which is empty in the sandbox, is known to
//! be. What a step imports of WASI is then what it uses.

// The C library's functions can be replaced only by functions of their name and their types.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};

use crate::console::Level;
use crate::host;

/// `EBADF` of wasi-libc.
const BAD_DESCRIPTOR: c_int = 8;

/// `struct iovec`.
#[repr(C)]
struct Piece {
    start: *const u8,
    length: usize,
}

unsafe extern "C" {
    /// Where wasi-libc keeps `errno`.
    fn __errno_location() -> *mut c_int;
}

/// `write(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(descriptor: c_int, start: *const c_void, length: usize) -> isize {
    let piece = Piece {
        start: start.cast(),
        length,
    };
    // SAFETY: as the caller of `write` promises.
    unsafe { writev(descriptor, &raw const piece, 1) }
}

/// `writev(2)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn writev(descriptor: c_int, pieces: *const Piece, count: c_int) -> isize {
    let level = match descriptor {
        1 => Level::Log,
        2 => Level::Error,
        _ => {
            // SAFETY: it is always there, and a step has one thread.
            unsafe { *__errno_location() = BAD_DESCRIPTOR };
            return -1;
        }
    };
    let mut written = 0;
    for at in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: the caller promises `count` pieces, each of them as long as it says.
        let bytes = unsafe {
            let piece = &*pieces.add(at);
            match piece.length {
                0 => &[],
                length => std::slice::from_raw_parts(piece.start, length),
            }
        };
        print(level, bytes);
        written += bytes.len();
    }
    written as isize
}

/// `getenv(3)`.
#[unsafe(no_mangle)]
extern "C" fn getenv(_name: *const c_char) -> *mut c_char {
    std::ptr::null_mut()
}

thread_local! {
    /// What standard output and standard error have begun and not ended with a line feed.
    static BEGUN: RefCell<[Vec<u8>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

fn print(level: Level, bytes: &[u8]) {
    let mut pieces = bytes.split(|byte| *byte == b'\n');
    // The last piece has no line feed behind it.
    let rest = pieces.next_back().unwrap_or_default();
    BEGUN.with_borrow_mut(|begun| {
        let begun = &mut begun[usize::from(level == Level::Error)];
        for piece in pieces {
            begun.extend_from_slice(piece);
            host::console_write(level, &String::from_utf8_lossy(begun));
            begun.clear();
        }
        begun.extend_from_slice(rest);
    });
}

/// Writes what was printed without a line feed behind it. For the end of a run.
pub(crate) fn finish() {
    BEGUN.with_borrow_mut(|begun| {
        for (begun, level) in begun.iter_mut().zip([Level::Log, Level::Error]) {
            if !begun.is_empty() {
                host::console_write(level, &String::from_utf8_lossy(begun));
                begun.clear();
            }
        }
    });
}
