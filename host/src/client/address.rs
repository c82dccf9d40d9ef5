//! A server's address, as it is typed.

use url::Url;

/// A server's address as people write it. One of this machine may be without its scheme.
///
/// # Errors
/// What would be right.
pub fn address(text: &str) -> Result<Url, String> {
    let whole = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        parsed => match Url::parse(&format!("http://{text}")) {
            Ok(url) if is_loopback(&url) => Ok(url),
            // Elsewhere a missing scheme must not send the token over plain HTTP.
            Ok(_) if !text.contains("://") && !text.is_empty() => {
                Err(format!("it has no scheme: write https://{text}"))
            }
            _ => Err(match parsed {
                Ok(_) => "not http or https".to_owned(),
                Err(error) => error.to_string(),
            }),
        },
    }?;
    match whole.cannot_be_a_base() {
        true => Err("not http or https".into()),
        false => Ok(whole),
    }
}

/// Whether the address is this machine's own by its text, without asking the resolver.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_this_machine_needs_no_scheme() {
        for (typed, taken) in [
            ("127.0.0.1:7404", "http://127.0.0.1:7404/"),
            ("localhost:7404", "http://localhost:7404/"),
            ("localhost", "http://localhost/"),
            ("[::1]:7404/base", "http://[::1]:7404/base"),
            (
                "HTTPS://stepwell.example.com",
                "https://stepwell.example.com/",
            ),
            (
                "http://stepwell.example.com:7400",
                "http://stepwell.example.com:7400/",
            ),
        ] {
            assert_eq!(address(typed).unwrap().as_str(), taken, "{typed}");
        }
    }

    #[test]
    fn what_is_no_address_says_what_would_be_right() {
        for (typed, said) in [
            (
                "stepwell.example.com:7400",
                "write https://stepwell.example.com:7400",
            ),
            ("10.0.0.7:7400", "write https://10.0.0.7:7400"),
            ("ftp://localhost", "not http or https"),
            ("file:///tmp", "not http or https"),
            ("", "relative URL"),
            ("http://", "empty host"),
            ("127.0.0.1:99999", "relative URL"),
        ] {
            let refused = address(typed).unwrap_err();
            assert!(refused.contains(said), "{typed}: {refused}");
        }
    }
}
