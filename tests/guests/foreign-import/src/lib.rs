//! Imports a function that the world does not have.

mod bindings {
    wit_bindgen::generate!({
        inline: "package evil:host; interface shell { run: func(command: string) -> string; } world w { import shell; }",
        generate_all,
    });
}

use stepwell_sdk::prelude::*;

#[step(condition = {})]
fn foreign_import() -> Result {
    data::set("/out", bindings::evil::host::shell::run("id"))?;
    Ok(())
}
