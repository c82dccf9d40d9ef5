//! Hands 16 MiB to the host in one call: `"how"` says through which function.

use stepwell_sdk::prelude::*;

#[step(condition = { how: String })]
fn hostcall_flood() -> Result {
    let huge = "x".repeat(16 * 1024 * 1024);
    match data::require::<String>("/how")?.as_str() {
        "log" => console::log!("{huge}"),
        "set" => data::set("/huge", &huge)?,
        "pointer" => data::set(&format!("/{huge}"), 1)?,
        "get" => data::set("/got", data::get::<Value>(&format!("/{huge}"))?)?,
        "config" => data::set("/got", task::config(&huge))?,
        "name" => task::set_name(&huge)?,
        "tags" => task::set_tags([huge])?,
        "result" => task::complete_with(&huge)?,
        "failure" => return Err(Failure::stop(huge)),
        _ => {
            let call = connectors::fetch(Request::post("http://127.0.0.1:9/").body(huge));
            data::set("/status", call.wait()?.status)?;
        }
    }
    Ok(())
}
