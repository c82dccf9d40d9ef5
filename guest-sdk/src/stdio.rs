//! Standard output, standard error and the environment of a step, without WASI.
//!
//! Rust's standard library prints a panic's message, so every step has the code that writes to
//! standard error, and through the C library that brought a dozen WASI imports into each component:
//! streams, terminals, the environment. An instance is made for every run, and it costs something for
//! every import. The three C functions that the standard library gets there by are therefore ours:
//! what is printed goes to `console`, and the environment, which is empty in the sandbox, is known to
//! be. What a step imports of WASI is then what it uses.

/// Bytes that are kept of a line that has not ended; as many as a run keeps of all lines. One that has
/// is given whole: the host cuts it, and says so.
const LINE_BYTES: usize = 64 * 1024;

/// What a stream has begun and not ended with a line feed.
struct Begun(Vec<u8>);

impl Begun {
    /// Takes in what is printed, and gives every line that it ends.
    fn print(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        // The last piece has no line feed behind it.
        let rest = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            self.0.extend_from_slice(piece);
            line(&String::from_utf8_lossy(&self.0));
            self.0.clear();
        }
        let room = LINE_BYTES.saturating_sub(self.0.len());
        self.0.extend_from_slice(&rest[..rest.len().min(room)]);
    }

    /// Gives what has no line feed behind it.
    fn finish(&mut self, line: impl FnOnce(&str)) {
        if !self.0.is_empty() {
            line(&String::from_utf8_lossy(&self.0));
            self.0.clear();
        }
    }
}

#[cfg(target_family = "wasm")]
pub(crate) use libc::finish;

/// The C library's functions. They can be replaced only by functions of their name and type.
#[cfg(target_family = "wasm")]
#[allow(unsafe_code)]
mod libc {
    use std::cell::RefCell;
    use std::ffi::{c_char, c_int, c_void};

    use super::Begun;
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

    thread_local! {
        static OUTPUT: RefCell<Begun> = const { RefCell::new(Begun(Vec::new())) };
        static ERROR: RefCell<Begun> = const { RefCell::new(Begun(Vec::new())) };
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
        let (begun, level) = match descriptor {
            1 => (&OUTPUT, Level::Log),
            2 => (&ERROR, Level::Error),
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
            begun.with_borrow_mut(|begun| {
                begun.print(bytes, |line| host::console_write(level, line));
            });
            written += bytes.len();
        }
        written as isize
    }

    /// `getenv(3)`.
    #[unsafe(no_mangle)]
    extern "C" fn getenv(_name: *const c_char) -> *mut c_char {
        std::ptr::null_mut()
    }

    /// Writes what was printed without a line feed behind it. For the end of a run.
    pub(crate) fn finish() {
        for (begun, level) in [(&OUTPUT, Level::Log), (&ERROR, Level::Error)] {
            begun.with_borrow_mut(|begun| begun.finish(|line| host::console_write(level, line)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_cut_into_lines() {
        let mut begun = Begun(Vec::new());
        let mut lines = Vec::new();
        for printed in ["one\ntw", "o\n\nre", "st"] {
            begun.print(printed.as_bytes(), |line| lines.push(line.to_owned()));
        }
        assert_eq!(lines, ["one", "two", ""]);
        begun.finish(|line| lines.push(line.to_owned()));
        begun.finish(|_| panic!("it is finished"));
        assert_eq!(lines[3..], ["rest"]);
    }

    #[test]
    fn a_line_without_end_takes_no_more_memory_than_a_run_keeps() {
        let mut begun = Begun(Vec::new());
        for _ in 0..100 {
            begun.print(&[b'.'; 1000], |_| panic!("no line has ended"));
        }
        let mut length = 0;
        begun.print(b"\n", |line| length = line.len());
        assert_eq!(length, LINE_BYTES);
        assert!(begun.0.is_empty());
        let long = [&[b'.'; 2 * LINE_BYTES][..], b"\n"].concat();
        begun.print(&long, |line| length = line.len());
        assert_eq!(length, 2 * LINE_BYTES, "the host says where it was cut");
    }
}
