//! Standard output, standard error and the environment of a step, without WASI.
//!
//! Rust's standard library prints a panic's message, so every step has the code that writes to
//! standard error, and through the C library that brought a dozen WASI imports into each component:
//! streams, terminals, the environment. An instance is made for every run, and it costs something for
//! every import. We replace the three C functions that the standard library uses for this: output goes
//! to `console`, and `getenv` always returns null. A step then imports only the WASI interfaces that it
//! uses itself.

/// Bytes that are kept of an unfinished line; as many as a run keeps of all lines. What is printed beyond
/// them is lost until the piece that ends the line. Other lines are passed on whole: the host cuts them,
/// and says so.
const LINE_BYTES: usize = 64 * 1024;

/// Stands in a line for what was lost of it. It makes the line longer than what the host keeps, so that a
/// loss at a line's end is also marked.
const CUT: &[u8] = " … (cut) … ".as_bytes();

/// The unfinished last line of a stream.
struct LineBuffer {
    kept: Vec<u8>,
    /// Whether bytes after `kept` were lost.
    is_cut: bool,
}

impl LineBuffer {
    const fn new() -> Self {
        Self {
            kept: Vec::new(),
            is_cut: false,
        }
    }

    /// Adds what is printed, and calls `on_line` with each line that it ends, without the line feed.
    fn push(&mut self, bytes: &[u8], mut on_line: impl FnMut(&str)) {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        // What follows the last line feed is unfinished.
        let rest = lines.next_back().unwrap_or_default();
        for end in lines {
            self.mark_cut();
            self.kept.extend_from_slice(end);
            on_line(&String::from_utf8_lossy(&self.kept));
            self.kept.clear();
        }
        let room = LINE_BYTES.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&rest[..rest.len().min(room)]);
        self.is_cut |= rest.len() > room;
    }

    /// Flushes the unfinished line, if there is one.
    fn finish(&mut self, on_line: impl FnOnce(&str)) {
        self.mark_cut();
        if !self.kept.is_empty() {
            on_line(&String::from_utf8_lossy(&self.kept));
            self.kept.clear();
        }
    }

    /// Appends [`CUT`] if bytes were lost here.
    fn mark_cut(&mut self) {
        if std::mem::take(&mut self.is_cut) {
            self.kept.extend_from_slice(CUT);
        }
    }
}

#[cfg(target_family = "wasm")]
pub(crate) use c_overrides::finish;

/// Replacements of C functions: the linker takes a function with the same name and signature instead of
/// the C library's.
#[cfg(target_family = "wasm")]
#[allow(unsafe_code)]
mod c_overrides {
    use std::cell::RefCell;
    use std::ffi::{c_char, c_int, c_void};

    use super::LineBuffer;
    use crate::console::Level;
    use crate::host;

    /// `EBADF` of wasi-libc.
    const BAD_DESCRIPTOR: c_int = 8;

    /// `struct iovec`.
    #[repr(C)]
    struct IoVec {
        start: *const u8,
        length: usize,
    }

    unsafe extern "C" {
        /// Where wasi-libc keeps `errno`.
        fn __errno_location() -> *mut c_int;
    }

    thread_local! {
        static OUTPUT: RefCell<LineBuffer> = const { RefCell::new(LineBuffer::new()) };
        static ERROR: RefCell<LineBuffer> = const { RefCell::new(LineBuffer::new()) };
    }

    /// `write(2)`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn write(descriptor: c_int, start: *const c_void, length: usize) -> isize {
        let part = IoVec {
            start: start.cast(),
            length,
        };
        // SAFETY: as the caller of `write` promises.
        unsafe { writev(descriptor, &raw const part, 1) }
    }

    /// `writev(2)`.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn writev(descriptor: c_int, parts: *const IoVec, count: c_int) -> isize {
        let (buffer, level) = match descriptor {
            1 => (&OUTPUT, Level::Log),
            2 => (&ERROR, Level::Error),
            _ => {
                // SAFETY: `__errno_location` never returns null, and a step has one thread.
                unsafe { *__errno_location() = BAD_DESCRIPTOR };
                return -1;
            }
        };
        let mut written = 0;
        for at in 0..usize::try_from(count).unwrap_or(0) {
            // SAFETY: the caller promises `count` parts, each of them as long as it says.
            let bytes = unsafe {
                let part = &*parts.add(at);
                match part.length {
                    0 => &[],
                    length => std::slice::from_raw_parts(part.start, length),
                }
            };
            buffer.with_borrow_mut(|buffer| {
                buffer.push(bytes, |line| host::console_write(level, line));
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

    /// Flushes the unfinished lines when the step's function has returned (not after a trap).
    pub(crate) fn finish() {
        for (buffer, level) in [(&OUTPUT, Level::Log), (&ERROR, Level::Error)] {
            buffer.with_borrow_mut(|buffer| {
                buffer.finish(|line| host::console_write(level, line));
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_cut_into_lines() {
        let mut buffer = LineBuffer::new();
        let mut lines = Vec::new();
        for printed in ["one\ntw", "o\n\nre", "st"] {
            buffer.push(printed.as_bytes(), |line| lines.push(line.to_owned()));
        }
        assert_eq!(lines, ["one", "two", ""]);
        buffer.finish(|line| lines.push(line.to_owned()));
        buffer.finish(|_| panic!("it is finished"));
        assert_eq!(lines[3..], ["rest"]);
    }

    /// The start of a line that is longer than what is kept, printed in pieces.
    fn overfull() -> LineBuffer {
        let mut buffer = LineBuffer::new();
        for _ in 0..100 {
            buffer.push(&[b'.'; 1000], |_| panic!("no line has ended"));
        }
        assert_eq!(buffer.kept.len(), LINE_BYTES);
        buffer
    }

    #[test]
    fn the_lost_middle_of_a_line_is_marked() {
        let kept = ".".repeat(LINE_BYTES);
        let mut lines = Vec::new();
        let mut buffer = overfull();
        buffer.push(b"end\nnext\n", |line| lines.push(line.to_owned()));
        let expected = [format!("{kept} … (cut) … end"), "next".to_owned()];
        assert_eq!(lines, expected);
        assert!(buffer.kept.is_empty());
        overfull().finish(|line| lines.push(line.to_owned()));
        assert_eq!(lines[2], format!("{kept} … (cut) … "));
    }

    #[test]
    fn a_line_that_loses_nothing_is_passed_on_whole() {
        let mut lines = Vec::new();
        let mut buffer = LineBuffer::new();
        let long = ".".repeat(2 * LINE_BYTES);
        buffer.push(format!("{long}\n").as_bytes(), |line| {
            lines.push(line.to_owned());
        });
        buffer.push(&long.as_bytes()[..LINE_BYTES], |_| {
            panic!("no line has ended")
        });
        buffer.push(b"end\n", |line| lines.push(line.to_owned()));
        assert_eq!(lines, [long.clone(), format!("{}end", &long[..LINE_BYTES])]);
    }
}
