//! URLs by the WHATWG rules; the prelude puts `URL` and `URLSearchParams` on top.

use std::borrow::Cow;

use idna::AsciiDenyList;
use rquickjs::{Ctx, Function, Object, Result};
use url::Url;
use url::quirks;

use super::file_url::{self, FileUrl, Input};
use crate::text::Text;

pub fn install<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    let parse = |ctx: Ctx<'js>, text: Text, base: Option<Text>| -> Result<Option<Object<'js>>> {
        parse(&text, base.as_deref())
            .map(|parts| parts.object(&ctx))
            .transpose()
    };
    natives.set("parseUrl", Function::new(ctx.clone(), parse)?)?;
    let set = |ctx: Ctx<'js>, href: Text, part: Text, value: Text| -> Result<Option<Object<'js>>> {
        let parts = set(&href, &part, &value);
        parts.map(|parts| parts.object(&ctx)).transpose()
    };
    natives.set("setUrl", Function::new(ctx.clone(), set)?)?;
    let pairs = |query: Text| -> Vec<String> {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs
            .flat_map(|(name, value)| [name.into_owned(), value.into_owned()])
            .collect()
    };
    natives.set("parseQuery", Function::new(ctx.clone(), pairs)?)?;
    let query = |texts: Vec<Text>| -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for pair in texts.chunks_exact(2) {
            query.append_pair(&pair[0], &pair[1]);
        }
        query.finish()
    };
    natives.set("formatQuery", Function::new(ctx.clone(), query)?)?;
    // A host name in its ASCII form, or as people read it; empty if it is none.
    let ascii = |domain: Text| {
        idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::URL)
            .map(Cow::into_owned)
            .unwrap_or_default()
    };
    natives.set("domainToAscii", Function::new(ctx.clone(), ascii)?)?;
    let unicode = |domain: Text| match idna::domain_to_unicode(&domain) {
        (text, Ok(())) => text,
        _ => String::new(),
    };
    natives.set("domainToUnicode", Function::new(ctx.clone(), unicode)?)
}

/// The members of a URL.
#[derive(Default)]
struct Parts {
    href: String,
    origin: String,
    protocol: String,
    username: String,
    password: String,
    host: String,
    hostname: String,
    port: String,
    pathname: String,
    search: String,
    hash: String,
}

impl Parts {
    fn object<'js>(self, ctx: &Ctx<'js>) -> Result<Object<'js>> {
        let parts = Object::new(ctx.clone())?;
        parts.set("href", self.href)?;
        parts.set("origin", self.origin)?;
        parts.set("protocol", self.protocol)?;
        parts.set("username", self.username)?;
        parts.set("password", self.password)?;
        parts.set("host", self.host)?;
        parts.set("hostname", self.hostname)?;
        parts.set("port", self.port)?;
        parts.set("pathname", self.pathname)?;
        parts.set("search", self.search)?;
        parts.set("hash", self.hash)?;
        Ok(parts)
    }
}

impl From<&Url> for Parts {
    fn from(url: &Url) -> Self {
        Self {
            href: quirks::href(url).to_owned(),
            origin: origin(url),
            protocol: quirks::protocol(url).to_owned(),
            username: quirks::username(url).to_owned(),
            password: quirks::password(url).to_owned(),
            host: quirks::host(url).to_owned(),
            hostname: quirks::hostname(url).to_owned(),
            port: quirks::port(url).to_owned(),
            pathname: quirks::pathname(url).to_owned(),
            search: quirks::search(url).to_owned(),
            hash: quirks::hash(url).to_owned(),
        }
    }
}

impl From<&FileUrl> for Parts {
    fn from(url: &FileUrl) -> Self {
        Self {
            href: url.href(),
            origin: "null".to_owned(),
            protocol: "file:".to_owned(),
            host: url.host.clone(),
            hostname: url.host.clone(),
            pathname: url.pathname(),
            search: url.search(),
            hash: url.hash(),
            ..Self::default()
        }
    }
}

/// A `blob:` URL has the origin of the address in it, if that is one of HTTP.
fn origin(url: &Url) -> String {
    if url.scheme() != "blob" {
        return quirks::origin(url);
    }
    match Url::parse(url.path()) {
        Ok(inner) if matches!(inner.scheme(), "http" | "https") => quirks::origin(&inner),
        _ => "null".to_owned(),
    }
}

/// A URL of another scheme than `file`, or such a one.
enum Parsed {
    Url(Box<Url>),
    File(FileUrl),
}

impl Parsed {
    fn parts(&self) -> Parts {
        match self {
            Self::Url(url) => Parts::from(&**url),
            Self::File(url) => Parts::from(url),
        }
    }
}

fn parse(text: &str, base: Option<&str>) -> Option<Parts> {
    let base = match base {
        Some(base) => Some(parsed(base, None)?),
        None => None,
    };
    Some(parsed(text, base.as_ref())?.parts())
}

fn parsed(text: &str, base: Option<&Parsed>) -> Option<Parsed> {
    let text = file_url::cleaned(text);
    let file = match base {
        Some(Parsed::File(base)) => Some(base),
        _ => None,
    };
    match (file_url::input(&text), base) {
        (Input::Absolute(rest), _) => Some(Parsed::File(FileUrl::parse(rest, file)?)),
        (Input::Relative(rest), Some(Parsed::File(base))) => {
            Some(Parsed::File(FileUrl::parse(rest, Some(base))?))
        }
        (Input::Relative(rest), Some(Parsed::Url(base))) => {
            // Any number of slashes begins the authority of a relative URL of these schemes.
            let special = matches!(base.scheme(), "http" | "https" | "ws" | "wss" | "ftp");
            let bare = rest.trim_start_matches(['/', '\\']);
            let collapsed = (special && rest.len() - bare.len() > 2).then(|| format!("//{bare}"));
            let joined = base.join(collapsed.as_deref().unwrap_or(rest)).ok()?;
            Some(Parsed::Url(Box::new(joined)))
        }
        (Input::Relative(_), None) => None,
        (Input::Other, _) => {
            let base = match base {
                Some(Parsed::Url(base)) => Some(&**base),
                _ => None,
            };
            let url = Url::options().base_url(base).parse(&text).ok()?;
            Some(Parsed::Url(Box::new(url)))
        }
    }
}

fn set(href: &str, part: &str, value: &str) -> Option<Parts> {
    match parsed(href, None)? {
        Parsed::File(mut url) => {
            let value = value.replace(['\t', '\n', '\r'], "");
            match part {
                "pathname" => url.set_path(&value),
                "search" => url.set_query(&value),
                "hash" => url.set_fragment(&value),
                "host" | "hostname" => {
                    let mut bare = Url::parse(&format!("file://{}/", url.host)).ok()?;
                    set_url(&mut bare, part, &value);
                    url.host = bare.host_str().unwrap_or_default().to_owned();
                }
                // It stays a file unless it has a host.
                "protocol" if !url.host.is_empty() => {
                    let mut other = Url::parse(&url.href()).ok()?;
                    set_url(&mut other, part, &value);
                    if other.scheme() != "file" {
                        return Some(Parts::from(&other));
                    }
                }
                _ => {}
            }
            Some(Parts::from(&url))
        }
        Parsed::Url(mut url) => {
            if part == "pathname" && !special(&url) && !url.cannot_be_a_base() {
                return set_path(&url, value);
            }
            let hidden = !url.has_host() && url.as_str().contains(":/.//");
            set_url(&mut url, part, value);
            let shown = url.as_str().replacen("/.//", "//", 1);
            if hidden && url.has_authority() {
                return Url::parse(&shown).ok().map(|url| Parts::from(&url));
            }
            Some(Parts::from(&*url))
        }
    }
}

fn special(url: &Url) -> bool {
    matches!(
        url.scheme(),
        "http" | "https" | "ws" | "wss" | "ftp" | "file"
    )
}

/// Another path of a URL whose scheme has no rules of its own. Without a host, a path that begins with
/// two slashes has `/.` before it, so that it is not read as one.
fn set_path(url: &Url, value: &str) -> Option<Parts> {
    let mut other = url.clone();
    if !url.has_authority() {
        other = Url::parse(&format!("{}://h/", url.scheme())).ok()?;
        other.set_query(url.query());
        other.set_fragment(url.fragment());
    }
    let value = value.replace(['\t', '\n', '\r'], "");
    set_url(&mut other, "pathname", &value);
    let mut href = other.as_str().to_owned();
    if url.has_authority() {
        if value.is_empty() {
            let at = href.len() - marked_len(&other);
            if href[..at].ends_with('/') {
                href.remove(at - 1);
            }
        }
    } else {
        let head = format!("{}://h", url.scheme());
        let path = href.strip_prefix(&head)?;
        let dot = if path.starts_with("//") { "/." } else { "" };
        href = format!("{}:{dot}{path}", url.scheme());
    }
    Url::parse(&href).ok().map(|url| Parts::from(&url))
}

/// How long a URL's query and fragment are, with their marks.
fn marked_len(url: &Url) -> usize {
    let query = url.query().map_or(0, |query| query.len() + 1);
    query + url.fragment().map_or(0, |fragment| fragment.len() + 1)
}

/// What cannot be set is left as it is, as the standard has it.
fn set_url(url: &mut Url, part: &str, value: &str) {
    let _ = match part {
        "protocol" => quirks::set_protocol(url, value),
        "username" => quirks::set_username(url, value),
        "password" => quirks::set_password(url, value),
        "host" => quirks::set_host(url, value),
        "hostname" => quirks::set_hostname(url, value),
        "port" => quirks::set_port(url, value),
        "pathname" => {
            quirks::set_pathname(url, value);
            Ok(())
        }
        "search" => {
            quirks::set_search(url, value);
            Ok(())
        }
        "hash" => {
            quirks::set_hash(url, value);
            Ok(())
        }
        _ => Ok(()),
    };
}
