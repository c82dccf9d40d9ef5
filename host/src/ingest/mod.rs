//! The way of a webhook's request to the store: [`receive`] reads its body ([`read`]), verifies it ([`verify`], with keys of [`sender_keys`]), decodes it ([`decode`]), checks it with its webhook's schema ([`fit`]), makes it data ([`body`]) and
//! a task ([`accept`]), or merges it into the task that it is about, or answers a repeat with the first task ([`dedup`]). It knows nothing of
//! routes and statuses.

pub mod accept;
pub mod admit;
pub mod body;
pub mod bucket;
pub mod decode;
pub mod dedup;
pub mod deliveries;
mod finishing;
pub mod fit;
pub mod inspect;
pub mod limits;
pub mod read;
pub mod receive;
pub mod reply;
pub mod sender_keys;
pub mod upload;
pub mod verify;

mod correlate;
mod forms;
mod headers;
mod judge;
mod made;
mod schema;
