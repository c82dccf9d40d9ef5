//! Which address a request comes from, behind proxies that are trusted.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName};

use crate::settings::{ProxyHeader, ProxySettings};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client: `peer`, or what trusted proxies say of it. The list in the header is read from its end:
/// each trusted address vouches for the one before it, and the first that is not trusted is the client. What
/// stands before that one, the client may have written itself.
pub(super) fn client_address(proxies: &ProxySettings, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let is_trusted = |address: IpAddr| {
        proxies
            .trusted
            .iter()
            .any(|network| network.contains(address))
    };
    let (name, read): (_, fn(&str) -> Option<IpAddr>) = match proxies.header {
        _ if !is_trusted(peer) => return peer,
        ProxyHeader::ProxyProtocol => return peer,
        ProxyHeader::XForwardedFor => (X_FORWARDED_FOR, address),
        ProxyHeader::Forwarded => (FORWARDED, forwarded_for),
    };
    let mut client = peer;
    let lines = headers.get_all(name).into_iter().rev();
    for line in lines {
        let Ok(line) = line.to_str() else { break };
        for element in line.rsplit(',') {
            if !is_trusted(client) {
                return client;
            }
            let Some(address) = read(element.trim()) else {
                return client;
            };
            client = address;
        }
    }
    client
}

/// An address as proxies write it: with a port or without, IPv6 in brackets or bare.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let ip = bare.unwrap_or(text).parse::<IpAddr>().ok();
    let ip = ip.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    ip.map(|ip| ip.to_canonical())
}

/// The parameter `for` of one element of `Forwarded` (RFC 7239 section 4). A hidden or unknown client has no address.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("for") {
            return None;
        }
        address(value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(header: ProxyHeader, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let proxies = ProxySettings {
            trusted: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            header,
        };
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(*name, line.parse().unwrap());
        }
        client_address(&proxies, peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_last_address_that_is_not_trusted_is_the_client() {
        const XFF: &str = "x-forwarded-for";
        for (peer, lines, expected) in [
            // Nothing is believed of a stranger.
            ("192.0.2.1", vec!["198.51.100.7"], "192.0.2.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec!["198.51.100.7"], "198.51.100.7"),
            // The client wrote the first.
            (
                "10.0.0.1",
                vec!["203.0.113.9, 198.51.100.7"],
                "198.51.100.7",
            ),
            (
                "10.0.0.1",
                vec!["203.0.113.9", "198.51.100.7"],
                "198.51.100.7",
            ),
            (
                "10.0.0.1",
                vec!["203.0.113.9,198.51.100.7,10.0.0.2"],
                "198.51.100.7",
            ),
            (
                "10.0.0.1",
                vec!["198.51.100.7", "10.0.0.3, 10.0.0.2"],
                "198.51.100.7",
            ),
            // All of them are proxies: the farthest.
            ("10.0.0.1", vec!["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // An entry that is no address ends the list.
            ("10.0.0.1", vec!["203.0.113.9, unknown"], "10.0.0.1"),
            (
                "10.0.0.1",
                vec!["203.0.113.9, nonsense, 10.0.0.2"],
                "10.0.0.2",
            ),
            ("10.0.0.1", vec![""], "10.0.0.1"),
            ("10.0.0.1", vec!["198.51.100.7:4711"], "198.51.100.7"),
            ("10.0.0.1", vec!["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", vec!["[2001:db8::1]"], "2001:db8::1"),
            ("fd00::1", vec!["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", vec!["::ffff:198.51.100.7"], "198.51.100.7"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| (XFF, *line)).collect();
            assert_eq!(
                found(ProxyHeader::XForwardedFor, peer, &lines),
                expected,
                "{peer} {lines:?}"
            );
        }
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        for (line, expected) in [
            ("for=198.51.100.7", "198.51.100.7"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("proto=https;for=198.51.100.7;by=10.0.0.1", "198.51.100.7"),
            ("for=203.0.113.9, for=198.51.100.7", "198.51.100.7"),
            ("for=198.51.100.7, for=10.0.0.2;proto=http", "198.51.100.7"),
            ("for=unknown", "10.0.0.1"),
            ("for=_hidden", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
        ] {
            let lines = [("forwarded", line)];
            assert_eq!(
                found(ProxyHeader::Forwarded, "10.0.0.1", &lines),
                expected,
                "{line}"
            );
        }
    }

    #[test]
    fn a_header_that_was_not_chosen_is_not_read() {
        let both = [
            ("forwarded", "for=203.0.113.9"),
            ("x-forwarded-for", "198.51.100.7"),
        ];
        assert_eq!(
            found(ProxyHeader::XForwardedFor, "10.0.0.1", &both),
            "198.51.100.7"
        );
        assert_eq!(
            found(ProxyHeader::Forwarded, "10.0.0.1", &both),
            "203.0.113.9"
        );
        assert_eq!(
            found(ProxyHeader::ProxyProtocol, "10.0.0.1", &both),
            "10.0.0.1"
        );
    }
}
