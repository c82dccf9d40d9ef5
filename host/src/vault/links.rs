//! Links to files of tasks. A link holds all that it stands for and ends by itself; its signature is an HMAC-SHA256 over
//! every part, each ended by a zero byte, which none contains.

use std::fmt;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::domain::clock::Millis;
use crate::domain::ids::{TaskId, WorkspaceName};

/// The prefix of a link's path.
pub const PREFIX: &str = "/files/";

/// The target of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLink {
    /// The workspace.
    pub workspace: WorkspaceName,
    /// Its task.
    pub task: TaskId,
    /// The file's SHA-256.
    pub digest: [u8; 32],
    /// The name under which it is to be saved; it has no control characters.
    pub name: String,
    /// Its content type as its sender gave it; it has no control characters.
    pub media_type: String,
    /// From when on the link is not valid any more.
    pub expires: Millis,
}

/// Why a link leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It was not made here, or was changed.
    #[error("the link is not one that this server has signed; copy the whole `url` of the file")]
    NotSigned,
    /// Its time is over.
    #[error("the link has expired; a step reads the file with `blobs` as long as its task is kept")]
    Expired,
}

/// Signs links, and checks them.
pub struct FileLinks {
    key: Zeroizing<[u8; 32]>,
    base_url: String,
}

impl fmt::Debug for FileLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileLinks(…)")
    }
}

/// The key of links, of the vault's.
pub(super) fn key(vault: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(
        mac(vault, &[b"stepwell file links 1"])
            .finalize()
            .into_bytes()
            .into(),
    )
}

/// See [`super::Vault::fingerprints`]. No link begins so.
pub(super) fn fingerprint(key: &[u8; 32], secret: &[u8]) -> [u8; 32] {
    mac(key, &[b"stepwell fingerprint 1", secret])
        .finalize()
        .into_bytes()
        .into()
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> Hmac<Sha256> {
    // HMAC takes a key of any length.
    #[allow(clippy::expect_used)]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    for part in parts {
        mac.update(part);
        mac.update(b"\0");
    }
    mac
}

impl FileLinks {
    pub(super) fn new(key: Zeroizing<[u8; 32]>, base_url: &str) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        Self { key, base_url }
    }

    fn signature(&self, link: &FileLink) -> Hmac<Sha256> {
        let (task, expires) = (link.task.to_string(), link.expires.to_string());
        let parts: [&[u8]; 6] = [
            link.workspace.as_str().as_bytes(),
            task.as_bytes(),
            &HEXLOWER.encode(&link.digest).into_bytes(),
            expires.as_bytes(),
            link.media_type.as_bytes(),
            link.name.as_bytes(),
        ];
        mac(&self.key, &parts)
    }

    /// The URL of a link.
    pub fn url(&self, link: &FileLink) -> String {
        let signature = HEXLOWER.encode(&self.signature(link).finalize().into_bytes());
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("name", &link.name)
            .append_pair("type", &link.media_type)
            .append_pair("expires", &link.expires.to_string())
            .append_pair("signature", &signature)
            .finish();
        let digest = HEXLOWER.encode(&link.digest);
        let (base, workspace, task) = (&self.base_url, &link.workspace, link.task);
        format!("{base}{PREFIX}{workspace}/{task}/{digest}?{query}")
    }

    /// The target of a link, by the parts of its path and its query.
    ///
    /// # Errors
    /// [`LinkError`]. An expired link is told from others only if it was signed here.
    pub fn check(
        &self,
        (workspace, task, digest): (&str, &str, &str),
        query: &str,
        now: Millis,
    ) -> Result<FileLink, LinkError> {
        let wrong = LinkError::NotSigned;
        let value = |name: &str| {
            let mut values =
                form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
            let value = values.next().map(|(_, value)| value.into_owned());
            value.filter(|_| values.next().is_none()).ok_or(wrong)
        };
        let hex = |text: &str| {
            let bytes = HEXLOWER.decode(text.as_bytes()).ok();
            bytes
                .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
                .ok_or(wrong)
        };
        let link = FileLink {
            workspace: workspace.parse().map_err(|_| wrong)?,
            task: task.parse().map_err(|_| wrong)?,
            digest: hex(digest)?,
            name: value("name")?,
            media_type: value("type")?,
            expires: value("expires")?.parse().map_err(|_| wrong)?,
        };
        let signature = hex(&value("signature")?)?;
        let signed = self.signature(&link).verify_slice(&signature);
        signed.map_err(|_| wrong)?;
        if now >= link.expires {
            return Err(LinkError::Expired);
        }
        Ok(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(digit: u8) -> FileLinks {
        FileLinks::new(key(&[digit; 32]), "https://hooks.example/")
    }

    fn link() -> FileLink {
        FileLink {
            workspace: "acme".parse().unwrap(),
            task: TaskId::new(),
            digest: [7; 32],
            name: "a & b\"ö.pdf".into(),
            media_type: "application/pdf".into(),
            expires: 2_000,
        }
    }

    fn check(links: &FileLinks, url: &str, now: Millis) -> Result<FileLink, LinkError> {
        let rest = url.strip_prefix("https://hooks.example/files/").unwrap();
        let (path, query) = rest.split_once('?').unwrap();
        let parts: Vec<&str> = path.split('/').collect();
        links.check((parts[0], parts[1], parts[2]), query, now)
    }

    #[test]
    fn a_link_leads_to_what_was_signed_until_it_expires() {
        let (links_a, link) = (links(1), link());
        let url = links_a.url(&link);
        assert_eq!(check(&links_a, &url, 1_999), Ok(link.clone()));
        assert_eq!(check(&links_a, &url, 2_000), Err(LinkError::Expired));
        assert_eq!(check(&links(2), &url, 0), Err(LinkError::NotSigned));
        let doubled = format!("{url}&expires=9000");
        assert_eq!(check(&links_a, &doubled, 0), Err(LinkError::NotSigned));
        for (part, other) in [
            ("/acme/", "/acma/"),
            ("/0707", "/0807"),
            ("expires=2000", "expires=3000"),
            ("expires=2000", "expires=02000"),
            ("expires=2000", "expires=-1"),
            ("name=a", "name=b"),
            ("application", "text"),
            ("signature=", "signature=00"),
            ("signature=", "sig="),
        ] {
            let changed = url.replacen(part, other, 1);
            assert_ne!(changed, url, "{part}");
            let checked = check(&links_a, &changed, 0);
            // A number has one value, however it is written.
            let expected = match other {
                "expires=02000" => Ok(link.clone()),
                _ => Err(LinkError::NotSigned),
            };
            assert_eq!(checked, expected, "{other}");
        }
    }
}
