//! From a wasmtime error to the fault that a step author reads.

use wasmtime::Trap;

use super::limiter::OutOfMemory;
use super::logs::Logs;
use crate::domain::clock::Millis;
use crate::domain::effect::CallFault;
use crate::domain::limits::StepLimits;
use crate::domain::run::StepFault;

/// A limit that the host functions keep themselves.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct LimitReached(pub(super) String);

/// What ended the run. `logs` is what it printed.
pub(super) fn of(error: &wasmtime::Error, limits: StepLimits, logs: &Logs) -> StepFault {
    if let Some(OutOfMemory { limit }) = error.downcast_ref() {
        return StepFault::Memory { limit: *limit };
    }
    if let Some(LimitReached(what)) = error.downcast_ref() {
        return StepFault::Limit(what.clone());
    }
    if let Some(fault) = error.downcast_ref::<CallFault>() {
        return match fault {
            CallFault::Nondeterministic { .. } => StepFault::Nondeterministic(fault.to_string()),
            CallFault::NotReplayed { .. } => StepFault::NotReplayed(fault.to_string()),
            CallFault::Paused { .. } | CallFault::NotRecorded(_) => {
                StepFault::Host(fault.to_string())
            }
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
        // wasmtime's own limits (hostcall fuel, handles) have private error types.
        None => StepFault::Limit(format!("{error:#}")),
    }
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
