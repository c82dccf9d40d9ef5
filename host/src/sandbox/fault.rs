//! From a wasmtime error to the fault that a step author reads.

use wasmtime::Trap;

use super::limiter::MemoryLimitExceeded;
use super::logs::Logs;
use crate::domain::clock::Millis;
use crate::domain::effect::CallFault;
use crate::domain::limits::{self, StepLimits};
use crate::domain::run::StepFault;

/// A limit that the host functions keep themselves.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct LimitReached(pub(super) String);

/// The fault that ended the run. `logs` are its log lines.
pub(super) fn of(error: &wasmtime::Error, limits: StepLimits, logs: &Logs) -> StepFault {
    if let Some(MemoryLimitExceeded { limit_bytes }) = error.downcast_ref() {
        return StepFault::Memory {
            limit: *limit_bytes,
        };
    }
    if let Some(LimitReached(what)) = error.downcast_ref() {
        return StepFault::Limit(what.clone());
    }
    if let Some(fault) = error.downcast_ref::<CallFault>() {
        return match fault {
            CallFault::Nondeterministic { .. } => StepFault::Nondeterministic(fault.to_string()),
            CallFault::JournalFull { .. } => StepFault::Limit(fault.to_string()),
            CallFault::NotReplayed { .. } => StepFault::NotReplayed(fault.to_string()),
            CallFault::Paused { .. }
            | CallFault::NotRecorded(_)
            | CallFault::NoMemory(_)
            | CallFault::FileUnreadable(_) => StepFault::Host(fault.to_string()),
        };
    }
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        return StepFault::Trap(format!(
            "it called exit({}); a step ends by returning from its function",
            exit.0
        ));
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => StepFault::Fuel { limit: limits.fuel },
        Some(Trap::StackOverflow) => StepFault::Stack,
        Some(Trap::Interrupt) => StepFault::Deadline {
            limit_ms: limits.timeout_ms,
        },
        // A guest's own stack lies at the bottom of its memory: below it is nothing.
        Some(trap @ Trap::MemoryOutOfBounds) => StepFault::Trap(with_backtrace(
            format!("{trap}; in a Rust step most often too deep a recursion"),
            error,
        )),
        // An abort: the guest most often has said why.
        Some(trap @ Trap::UnreachableCodeReached) => {
            StepFault::Trap(logs.explain(&with_backtrace(trap.to_string(), error)))
        }
        Some(trap) => StepFault::Trap(with_backtrace(trap.to_string(), error)),
        None => untyped(error),
    }
}

/// What wasmtime's errors say that tell of one of its own limits, and not of a guest that breaks the rules of its
/// interface.
const LIMITS: [&str; 4] = ["exceed", "limit", "maximum", "no free keys"];

/// The fault of an error that has no type which others see: a limit that wasmtime keeps itself, or a guest that passed
/// what the component model's ABI does not allow, such as a text that is no UTF-8 or lies outside its memory. Its
/// causes are told without the backtrace, which says nothing to an author.
fn untyped(error: &wasmtime::Error) -> StepFault {
    let causes: Vec<String> = error
        .chain()
        .map(ToString::to_string)
        .map(|cause| cut_backtrace(&cause).to_owned())
        .filter(|cause| !cause.is_empty())
        .collect();
    let text = causes.join(": ");
    // The bytes that one host call takes, `Store::set_hostcall_fuel`.
    if text.contains("fuel allocated for hostcalls has been exhausted") {
        return StepFault::Limit(format!(
            "one value is larger than {most} bytes, and at most {most} go to the host at once, be it a value of the data, a request, a result or a line; write large data in smaller parts, each at a place of its own",
            most = limits::HOSTCALL_BYTES
        ));
    }
    if LIMITS.iter().any(|word| text.contains(word)) {
        return StepFault::Limit(text);
    }
    StepFault::Trap(format!(
        "the component broke the rules of its interface (the component model's canonical ABI): {text}"
    ))
}

/// A text up to the backtrace that it ends in.
fn cut_backtrace(text: &str) -> &str {
    let end = text.find("error while executing at wasm backtrace:");
    text[..end.unwrap_or(text.len())].trim_end()
}

/// Until when the run pauses, if it is that which ended it.
pub(super) fn pause(error: &wasmtime::Error) -> Option<Millis> {
    match error.downcast_ref() {
        Some(CallFault::Paused { until }) => Some(*until),
        _ => None,
    }
}

/// The innermost guest functions, where the component kept their names.
fn with_backtrace(message: String, error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() else {
        return message;
    };
    let names: Vec<&str> = backtrace
        .frames()
        .iter()
        .filter_map(|frame| frame.func_name())
        .take(8)
        .collect();
    if names.is_empty() {
        message
    } else {
        format!("{message} (in {})", names.join(" < "))
    }
}
