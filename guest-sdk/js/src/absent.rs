//! What Node or browsers have and a step does not, and what there is instead. The globals are
//! undefined, so that a bundle which asks `typeof window` goes on; only the message of the error that
//! using one is has the sentence.

const NETWORK: &str = "a step reaches others by `fetch` and `connectors`";
const FILES: &str = "a step has its own files by `import`, and the task's document by `data`";
const THREADS: &str = "a step runs in one thread; work beside it is a subtask, `task.subtask`";
const KEPT: &str = "what is to be kept goes into `data`";
const PAGE: &str = "a step has no page and no user";
const SETTINGS: &str = "secrets and settings are in task.config(key)";
const TIMERS: &str = "timers are `setTimeout` and `setInterval`";
const DECOMPRESSED: &str = "answers are decompressed before a step sees them";
const BUNDLE: &str =
    "packages are brought along: bundle them into the step, or add their files to it";

/// What a step has instead of a global; none for a name that nobody expects.
pub fn global(name: &str) -> Option<&'static str> {
    Some(match name {
        "process" => SETTINGS,
        "XMLHttpRequest" | "WebSocket" | "EventSource" | "WebTransport" | "RTCPeerConnection" => {
            NETWORK
        }
        "Worker" | "SharedWorker" | "ServiceWorker" | "MessageChannel" | "MessagePort"
        | "BroadcastChannel" | "SharedArrayBuffer" => THREADS,
        "localStorage" | "sessionStorage" | "indexedDB" | "caches" | "cookieStore" => KEPT,
        "document" | "window" | "self" | "navigator" | "location" | "history" | "alert"
        | "confirm" | "prompt" | "DOMParser" | "Image" | "HTMLElement" => PAGE,
        "requestAnimationFrame" | "requestIdleCallback" => TIMERS,
        "FileReader" => "a Blob is read by its `text()` or `arrayBuffer()`",
        "WebAssembly" => "a step that is WebAssembly is added as a component",
        "DecompressionStream" => DECOMPRESSED,
        "WritableStream" | "TransformStream" | "CompressionStream" => {
            "a step writes to no stream; there are ReadableStream and its reader"
        }
        "TextDecoderStream" | "TextEncoderStream" => {
            "text in parts is decoded by `new TextDecoder()` with {stream: true}"
        }
        "__dirname" | "__filename" => FILES,
        "importScripts" => "a step has `import` and `require`",
        "Deno" | "Bun" => "the engine is neither Deno nor Bun",
        "$" | "jQuery" => PAGE,
        _ => return None,
    })
}

/// What a step has instead of a module that Node or a registry has.
pub fn module(name: &str) -> &'static str {
    match name {
        "fs" | "fs/promises" => FILES,
        "path" => {
            "a step has no file system; the names of its files are relative to the file that imports"
        }
        "os" => "a step knows nothing of the machine that it runs on",
        "process" | "dotenv" => SETTINGS,
        "http" | "https" | "http2" | "net" | "tls" | "dgram" | "dns" | "dns/promises" | "axios"
        | "node-fetch" | "undici" | "got" | "request" => NETWORK,
        "child_process" | "worker_threads" | "cluster" => THREADS,
        "vm" => "a step is one realm; `eval` and `new Function` are there",
        "stream" | "stream/web" | "stream/promises" => {
            "bodies are read whole, by `text()`, `json()` or `arrayBuffer()`"
        }
        "zlib" => DECOMPRESSED,
        "timers" => TIMERS,
        "timers/promises" => "`await new Promise((resolve) => setTimeout(resolve, ms))` waits",
        "perf_hooks" => "`performance.now()` is a global",
        "readline" | "tty" | "repl" => PAGE,
        "string_decoder" => "text in parts is decoded by `new TextDecoder()` with {stream: true}",
        "module" => "a step has `import` and `require`",
        "sqlite" => KEPT,
        "inspector" => "`console` prints to the task's log",
        "events" | "assert" | "async_hooks" | "v8" | "test" => {
            "of Node's modules there are `buffer`, `crypto`, `querystring`, `url` and `util`"
        }
        _ => BUNDLE,
    }
}
