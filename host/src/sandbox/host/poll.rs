//! `wasi:io/poll`: as wasmtime-wasi has it, but for long pauses, see [`crate::sandbox::in_flight`].

use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host, HostPollable};

use crate::sandbox::state::RunState;

impl Host for RunState {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        let in_flight = self.calls.in_flight.clone();
        in_flight.wait(self.table.poll(pollables)).await
    }
}

impl HostPollable for RunState {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        let in_flight = self.calls.in_flight.clone();
        in_flight.wait(self.table.block(pollable)).await
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.table.ready(pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        HostPollable::drop(&mut self.table, pollable)
    }
}
