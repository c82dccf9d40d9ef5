//! The world `stepwell:step/step` as Rust, generated from `wit/`, and what a script engine imports
//! beside it.

#![allow(missing_docs, clippy::unwrap_used)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "step",
    imports: {
        "stepwell:step/task-extras.respond": async | trappable,
        "stepwell:step/blobs.size": async | trappable,
        "stepwell:step/blobs.read": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    require_store_data_send: true,
    with: {
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "stepwell:step/connectors.pending-response": crate::sandbox::pending::PendingResponse,
        "stepwell:step/connectors.pending-result": crate::sandbox::pending::PendingResult,
    },
});

/// `stepwell:step/script`, which only the server's own engine may import.
pub mod scripts {
    wasmtime::component::bindgen!({
        inline: "
            package stepwell:host;
            world scripts {
                import stepwell:step/script@0.1.0;
                use stepwell:step/script@0.1.0.{extent};
                export prepare: func(extent: extent) -> result<_, string>;
            }
        ",
        path: "../wit",
        world: "stepwell:host/scripts",
        imports: { default: trappable },
        exports: { default: async },
        require_store_data_send: true,
    });
}
