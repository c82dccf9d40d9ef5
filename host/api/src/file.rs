//! Files that came with webhooks.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// The query of a link to a file. The link is whole in the file's `url`, and is not to be put together otherwise.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
pub struct FileLinkQuery {
    /// The name under which the file is to be saved.
    pub name: String,
    /// Its content type as its sender gave it.
    pub r#type: String,
    /// From when on the link is not valid any more, in milliseconds since 1970.
    pub expires: u64,
    /// The server's signature of all that.
    pub signature: String,
}
