//! URLs by the WHATWG rules; the prelude puts `URL` and `URLSearchParams` on top.

use std::borrow::Cow;

use idna::AsciiDenyList;
use rquickjs::{Ctx, Function, Object, Result};
use url::Url;
use url::quirks;

use crate::text::Text;

pub fn install<'js>(ctx: &Ctx<'js>, natives: &Object<'js>) -> Result<()> {
    let parse = |ctx: Ctx<'js>, text: Text, base: Option<Text>| -> Result<Option<Object<'js>>> {
        let base = base.map(|base| Url::parse(&base)).transpose();
        let url = base.and_then(|base| Url::options().base_url(base.as_ref()).parse(&text));
        url.ok().map(|url| parts(&ctx, &url)).transpose()
    };
    natives.set("parseUrl", Function::new(ctx.clone(), parse)?)?;
    let set = |ctx: Ctx<'js>, href: Text, part: Text, value: Text| -> Result<Option<Object<'js>>> {
        let Ok(mut url) = Url::parse(&href) else {
            return Ok(None);
        };
        set(&mut url, &part, &value);
        parts(&ctx, &url).map(Some)
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

fn parts<'js>(ctx: &Ctx<'js>, url: &Url) -> Result<Object<'js>> {
    let parts = Object::new(ctx.clone())?;
    parts.set("href", quirks::href(url))?;
    parts.set("origin", quirks::origin(url))?;
    parts.set("protocol", quirks::protocol(url))?;
    parts.set("username", quirks::username(url))?;
    parts.set("password", quirks::password(url))?;
    parts.set("host", quirks::host(url))?;
    parts.set("hostname", quirks::hostname(url))?;
    parts.set("port", quirks::port(url))?;
    parts.set("pathname", quirks::pathname(url))?;
    parts.set("search", quirks::search(url))?;
    parts.set("hash", quirks::hash(url))?;
    Ok(parts)
}

/// What cannot be set is left as it is, as the standard has it.
fn set(url: &mut Url, part: &str, value: &str) {
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
