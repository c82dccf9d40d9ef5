//! How a webhook's request becomes a task: its body is checked and turned into data ([`body`]), and
//! the task is accepted ([`accept`]). It knows nothing of HTTP servers, and does not run anything.

pub mod accept;
pub mod body;
