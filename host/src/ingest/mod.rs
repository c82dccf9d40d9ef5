//! The way of a webhook's request to the store: [`receive`] reads its body ([`read`]), makes it data ([`body`]) and
//! a task ([`accept`]), or merges it into the task that it is about. It knows nothing of routes and statuses.

pub mod accept;
pub mod body;
pub mod read;
pub mod receive;

mod correlate;
