//! The world `stepwell:step/step` as Rust, generated from `wit/`.

#![allow(missing_docs, clippy::unwrap_used)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "step",
    imports: { default: trappable },
    exports: { default: async },
    require_store_data_send: true,
    with: {
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "stepwell:step/connectors.pending-response": crate::sandbox::host::connectors::PendingResponse,
    },
});
