//! Opens a socket by the standard library, which imports `wasi:sockets`: no step has it.

use std::net::TcpStream;

use stepwell_sdk::prelude::*;

#[step(condition = {})]
fn sockets() -> Result {
    let connected = TcpStream::connect("127.0.0.1:22").is_ok();
    data::set("/connected", connected)?;
    Ok(())
}
