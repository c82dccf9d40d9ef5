//! `file:` URLs, parsed as the URL standard's file states do. The crate `url` keeps to an older text
//! there: it drops a host before a drive letter, and merges slashes.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::Host;

const FRAGMENT: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');
const PATH: &AsciiSet = &FRAGMENT.add(b'#').add(b'?').add(b'^').add(b'{').add(b'}');
const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\'');

/// A `file:` URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileUrl {
    pub host: String,
    path: Vec<String>,
    query: Option<String>,
    fragment: Option<String>,
}

/// What stands after `file:` in a URL, or all of it if it is relative to a base of this scheme.
pub enum Input<'a> {
    Absolute(&'a str),
    Relative(&'a str),
    /// It has another scheme.
    Other,
}

/// Takes the scheme off a text without control characters around it.
pub fn input(text: &str) -> Input<'_> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
    match end {
        Some(end)
            if text[end..].starts_with(':')
                && text.starts_with(|c: char| c.is_ascii_alphabetic()) =>
        {
            if text[..end].eq_ignore_ascii_case("file") {
                Input::Absolute(&text[end + 1..])
            } else {
                Input::Other
            }
        }
        _ => Input::Relative(text),
    }
}

/// A text as the parser reads it: no controls or spaces around it, no tabs or line ends in it.
pub fn cleaned(text: &str) -> String {
    let text = text.trim_matches(|c: char| c <= ' ');
    text.replace(['\t', '\n', '\r'], "")
}

fn is_slash(c: char) -> bool {
    c == '/' || c == '\\'
}

/// Whether a text is a drive's letter, such as `C:` or `C|`.
fn is_drive(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes, [letter, b':' | b'|'] if letter.is_ascii_alphabetic())
}

fn starts_with_drive(text: &str) -> bool {
    text.get(..2).is_some_and(is_drive)
        && text[2..]
            .chars()
            .next()
            .is_none_or(|c| is_slash(c) || c == '?' || c == '#')
}

impl FileUrl {
    /// Parses what stands after the scheme; none if it has a host that is none.
    pub fn parse(rest: &str, base: Option<&Self>) -> Option<Self> {
        let mut url = Self::default();
        let Some(after) = rest.strip_prefix(is_slash) else {
            let Some(base) = base else {
                url.rest(rest);
                return Some(url);
            };
            url = Self {
                fragment: None,
                ..base.clone()
            };
            match rest.chars().next() {
                None => {}
                Some('?' | '#') => url.after_path(rest),
                Some(_) => {
                    url.query = None;
                    if starts_with_drive(rest) {
                        url.path.clear();
                    } else {
                        url.shorten();
                    }
                    url.rest(rest);
                }
            }
            return Some(url);
        };
        let Some(authority) = after.strip_prefix(is_slash) else {
            if let Some(base) = base {
                url.host.clone_from(&base.host);
                let drive = base.path.first().filter(|first| is_drive(first));
                if let Some(drive) = drive.filter(|_| !starts_with_drive(after)) {
                    url.path.push(drive.clone());
                }
            }
            url.rest(after);
            return Some(url);
        };
        let end = authority.find(|c| is_slash(c) || c == '?' || c == '#');
        let (name, tail) = authority.split_at(end.unwrap_or(authority.len()));
        if is_drive(name) {
            url.rest(authority);
            return Some(url);
        }
        if !name.is_empty() {
            let host = Host::parse(name).ok()?.to_string();
            url.host = if host == "localhost" {
                String::new()
            } else {
                host
            };
        }
        url.rest(tail.strip_prefix(is_slash).unwrap_or(tail));
        Some(url)
    }

    /// Path, query and fragment, from the path state on.
    fn rest(&mut self, text: &str) {
        let end = text.find(['?', '#']).unwrap_or(text.len());
        self.segments(&text[..end]);
        self.after_path(&text[end..]);
    }

    fn segments(&mut self, text: &str) {
        let mut parts = text.split(is_slash).peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            let plain = part.to_ascii_lowercase().replace("%2e", ".");
            match &*plain {
                ".." => {
                    self.shorten();
                    if last {
                        self.path.push(String::new());
                    }
                }
                "." => {
                    if last {
                        self.path.push(String::new());
                    }
                }
                _ if self.path.is_empty() && is_drive(part) => {
                    self.path.push(format!("{}:", &part[..1]))
                }
                _ => self.path.push(utf8_percent_encode(part, PATH).to_string()),
            }
        }
    }

    fn after_path(&mut self, text: &str) {
        let (query, fragment) = match text.split_once('#') {
            Some((query, fragment)) => (query, Some(fragment)),
            None => (text, None),
        };
        if let Some(query) = query.strip_prefix('?') {
            self.query = Some(utf8_percent_encode(query, QUERY).to_string());
        }
        self.fragment = fragment.map(|text| utf8_percent_encode(text, FRAGMENT).to_string());
    }

    fn shorten(&mut self) {
        let only_drive = matches!(&self.path[..], [only] if is_drive(only) && only.ends_with(':'));
        if !only_drive {
            self.path.pop();
        }
    }

    /// Another path. What would end one in a URL is part of it here.
    pub fn set_path(&mut self, text: &str) {
        self.path.clear();
        self.segments(text.strip_prefix(is_slash).unwrap_or(text));
    }

    /// Another query; none for an empty text.
    pub fn set_query(&mut self, text: &str) {
        let text = text.strip_prefix('?').unwrap_or(text);
        self.query = (!text.is_empty()).then(|| utf8_percent_encode(text, QUERY).to_string());
    }

    /// Another fragment; none for an empty text.
    pub fn set_fragment(&mut self, text: &str) {
        let text = text.strip_prefix('#').unwrap_or(text);
        self.fragment = (!text.is_empty()).then(|| utf8_percent_encode(text, FRAGMENT).to_string());
    }

    /// The path, with the slash before it.
    pub fn pathname(&self) -> String {
        format!("/{}", self.path.join("/"))
    }

    /// The query with its mark, or nothing.
    pub fn search(&self) -> String {
        marked('?', self.query.as_deref())
    }

    /// The fragment with its mark, or nothing.
    pub fn hash(&self) -> String {
        marked('#', self.fragment.as_deref())
    }

    /// All of it.
    pub fn href(&self) -> String {
        let mut href = format!("file://{}{}", self.host, self.pathname());
        for (mark, part) in [('?', &self.query), ('#', &self.fragment)] {
            if let Some(part) = part {
                href.push(mark);
                href.push_str(part);
            }
        }
        href
    }
}

fn marked(mark: char, part: Option<&str>) -> String {
    match part {
        Some(part) if !part.is_empty() => format!("{mark}{part}"),
        _ => String::new(),
    }
}
