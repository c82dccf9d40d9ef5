//! `wasi:io/poll`: as wasmtime-wasi has it, but for long pauses, see [`crate::sandbox::in_flight`].

use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host, HostPollable};

use crate::sandbox::state::RunState;

impl RunState {
    /// The guest may wait for long: what can be had again is dropped.
    fn rest(&mut self) {
        if self.read > 0 {
            self.forget_read();
        }
    }
}

impl Host for RunState {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.rest();
        self.work.charge(pollables.len() * 100)?;
        let in_flight = self.calls.in_flight.clone();
        in_flight.wait(self.table.poll(pollables)).await
    }
}

impl HostPollable for RunState {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.rest();
        self.work.charge(0)?;
        let in_flight = self.calls.in_flight.clone();
        in_flight.wait(self.table.block(pollable)).await
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.work.charge(0)?;
        self.table.ready(pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        HostPollable::drop(&mut self.table, pollable)
    }
}
