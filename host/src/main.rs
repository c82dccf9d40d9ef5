//! The `stepwell` binary: server and command line in one.

use std::path::Path;
use std::process::ExitCode;

/// A task's way is a few hundred small allocations, many of them freed by another thread than made
/// them: what this allocator is good at. It took a fifth of the server's CPU off.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The allocator gives memory that is free back to the kernel after so many milliseconds. By default it waits for a second,
/// in which the answers of calls alone can leave several hundred megabytes.
const PURGE_DELAY: std::ffi::c_long = 10;
/// `mi_option_purge_delay`.
const OPTION_PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

#[allow(unsafe_code)]
fn set_up_allocator() {
    // SAFETY: it sets a number, and no other thread runs yet.
    unsafe { libmimalloc_sys::mi_option_set(OPTION_PURGE_DELAY, PURGE_DELAY) };
}

fn main() -> ExitCode {
    set_up_allocator();
    // The server starts itself with this command to compile a component. It is not a user's command.
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let [command, input, output] = arguments.as_slice()
        && command == "compile-component"
    {
        return stepwell::sandbox::compile_child(Path::new(input), Path::new(output)).into();
    }
    stepwell::cli::main()
}
