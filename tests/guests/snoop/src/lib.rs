//! Looks for everything that a step must not find, and writes what it saw into the data: an empty
//! list under `/found` means that the sandbox is tight. It also prints to standard output and error.

use std::fs;
use std::io::Read;

use stepwell_sdk::prelude::*;

#[step(condition = { snoop: true })]
fn snoop() -> Result {
    println!("to standard output");
    eprintln!("to standard error,\nin two lines");
    let mut found = Vec::new();
    let mut errors = Vec::new();
    let mut note = |what: &str, seen: std::result::Result<String, String>| match seen {
        Ok(seen) => found.push(format!("{what}: {seen}")),
        Err(error) => errors.push(format!("{what}: {error}")),
    };

    for (key, value) in std::env::vars() {
        note("variable", Ok(format!("{key}={value}")));
    }
    for argument in std::env::args() {
        note("argument", Ok(argument));
    }
    for path in ["/", ".", "/etc/passwd", "/proc/self/environ", "/tmp"] {
        let listed = fs::read_dir(path).map(|_| format!("{path} can be listed"));
        note("list", listed.map_err(|error| error.to_string()));
        let read = fs::read(path).map(|bytes| format!("{path} has {} bytes", bytes.len()));
        note("read", read.map_err(|error| error.to_string()));
    }
    let written = fs::write("/tmp/snoop", "x").map(|()| "/tmp/snoop".to_owned());
    note("write", written.map_err(|error| error.to_string()));
    let mut input = String::new();
    match std::io::stdin().read_to_string(&mut input) {
        Ok(0) => {}
        Ok(_) => note("stdin", Ok(input)),
        Err(error) => note("stdin", Err(error.to_string())),
    }

    data::set("/found", found)?;
    data::set("/refused", errors)?;
    eprint!("not ended");
    Ok(())
}
