//! Reading a line from the terminal that is not shown.

use std::io::{self, BufRead, Read, Stdin, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// The longest line that is read, in bytes.
const MOST: u64 = 64 * 1024;

/// The terminal as it was, again when this is dropped.
struct EchoGuard<'s> {
    stdin: &'s Stdin,
    before: Termios,
}

impl Drop for EchoGuard<'_> {
    fn drop(&mut self) {
        // Nothing is left to be done about a terminal that is gone.
        let _ = tcsetattr(self.stdin, OptionalActions::Now, &self.before);
    }
}

/// Asks on stderr and reads one line from stdin, a terminal, without showing it.
///
/// # Errors
/// If the terminal cannot be read or set.
pub fn read_hidden(question: &str) -> io::Result<String> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    hidden.local_modes.insert(LocalModes::ECHONL);
    let shown = EchoGuard {
        stdin: &stdin,
        before,
    };
    // Keys that were typed before the question was shown are dropped, with their echo.
    tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
    let mut stderr = io::stderr();
    write!(stderr, "{question}")?;
    stderr.flush()?;
    let mut line = String::new();
    stdin.lock().take(MOST).read_line(&mut line)?;
    drop(shown);
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
