//! Connectors: the calls that steps make to the outside, and what they may reach.
//!
//! This module owns the egress policy, name resolution, and the pooled HTTP clients. It carries out a
//! [`FetchRequest`](crate::domain::effect::FetchRequest) and gives a
//! [`FetchResult`](crate::domain::effect::FetchResult); what a named connector's operation is in
//! HTTP stands in [`named`]. It knows nothing of tasks, the journal or
//! the sandbox: whether a call may be made at all, and whether its result is already on record, is
//! decided above.
//!
//! Every request is taken to be hostile, and so is every answer: the destination is judged by the
//! address that is then dialled ([`address`], [`policy`]), on every hop, and what comes back is
//! bounded in bytes and time.

pub mod address;
mod client;
mod clients;
mod content;
mod digest;
pub mod named;
mod pace;
mod payer;
pub mod policy;
mod redirect;
mod request;
mod resolve;
mod response;
mod rule;
mod transport;
mod watched;

#[cfg(test)]
mod tests;

pub use client::{ConnectorError, FetchClient, FetchSettings};
pub use digest::{call_digest, call_summary};
pub use pace::{Pace, Paced};
pub use payer::Payer;
pub use policy::{EgressPolicy, WorkspacePolicy};
pub use rule::{EgressRule, RuleError};

/// The longest URL, in bytes, that a request or a redirect may have. RFC 9110 (4.1) asks for at
/// least 8,000 octets.
pub const URL_BYTES: usize = 8 * 1024;
/// Headers that a request or a response may have; hyper's own bound for HTTP/1.
pub const HEADERS: usize = 100;
/// Bytes that the names and values of a request's or a response's headers may have in sum. Four
/// times the 16 KiB that common servers accept.
pub const HEADER_BYTES: usize = 64 * 1024;
/// Redirects that one call follows. The Fetch standard allows 20, curl's documentation suggests
/// fewer; a chain of more than 10 is a loop.
pub const REDIRECTS: usize = 10;
/// Addresses of one name that are looked at. A hostile zone may list thousands, so the list is cut before the
/// policy judges it: an allowed address behind forbidden ones may be cut off.
pub const MAX_ADDRESSES: usize = 16;
