//! The `stepwell` binary: server and command line in one.

use std::path::Path;
use std::process::ExitCode;

/// A task's way is a few hundred small allocations, many of them freed by another thread than made
/// them: what this allocator is good at. It took a fifth of the server's CPU off.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The server starts itself with this command to compile a component. It is not a user's command.
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let [command, input, output] = arguments.as_slice()
        && command == "compile-component"
    {
        return stepwell::sandbox::compile_child(Path::new(input), Path::new(output)).into();
    }
    stepwell::cli::main()
}
