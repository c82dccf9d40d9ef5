use proptest::prelude::*;

use super::*;

#[test]
fn parses_every_form_and_writes_it_back() {
    let table = [
        ("127.0.0.1/32", "127.0.0.1/32"),
        (" 10.0.0.0/8 ", "10.0.0.0/8"),
        ("127.0.0.1", "127.0.0.1/32"),
        ("127.0.0.1:8080", "127.0.0.1/32:8080"),
        ("10.0.0.0/8:443", "10.0.0.0/8:443"),
        ("::1", "::1/128"),
        ("[::1]", "::1/128"),
        ("[::1]:8080", "[::1/128]:8080"),
        ("fd12::/16", "fd12::/16"),
        ("[fd12::/16]:443", "[fd12::/16]:443"),
        ("api.example.com", "api.example.com"),
        ("API.Example.COM.", "api.example.com"),
        ("api.example.com:8443", "api.example.com:8443"),
        ("*.example.com", "*.example.com"),
        ("*.example.com:1", "*.example.com:1"),
        ("localhost:65535", "localhost:65535"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("my_service", "my_service"),
        ("ａpi。example。", "api.example"),
    ];
    for (text, written) in table {
        let rule = EgressRule::parse(text).unwrap();
        assert_eq!(rule.to_string(), written, "{text}");
        assert_eq!(EgressRule::parse(written).unwrap(), rule, "{text}");
    }
}

#[test]
fn refuses_with_a_way_out() {
    let table = [
        ("", "is empty"),
        ("  ", "is empty"),
        ("https://api.example.com", "is a URL"),
        (
            "10.0.0.1/8",
            "write `10.0.0.0/8` for the network or `10.0.0.1`",
        ),
        ("10.0.0.0/33", "is no network"),
        ("10.0.0.0/", "is no network"),
        ("example.com/path", "is no network"),
        ("[fd12::1/16]:443", "write `fd12::/16`"),
        ("::ffff:127.0.0.1", "write `127.0.0.1`"),
        ("0x7f.1", "write `127.0.0.1`"),
        ("2130706433", "write `127.0.0.1`"),
        ("127.1:80", "write `127.0.0.1`"),
        ("::1:99999", "is no IPv6 address"),
        ("[::1", "is no IPv6 address"),
        ("[::1]8080", "is no IPv6 address"),
        ("[127.0.0.1]:80", "is no IPv6 address"),
        ("example.com:0", "has a bad port"),
        ("example.com:65536", "has a bad port"),
        ("example.com:+80", "has a bad port"),
        ("example.com:", "has a bad port"),
        ("*", "would match every host"),
        ("*:443", "would match every host"),
        ("*.*", "would match every host"),
        ("a.*.com", "is no host pattern"),
        ("*example.com", "is no host pattern"),
        ("*.127.0.0.1", "is no host pattern"),
        ("a..b", "is no host pattern"),
        (".example.com", "is no host pattern"),
        ("user@example.com", "is no host pattern"),
        ("exa mple.com", "is no host pattern"),
        ("﹡", "is no host pattern"),
        ("﹡.example.com", "is no host pattern"),
        ("*.﹡", "is no host pattern"),
        ("a。。b", "is no host pattern"),
        ("\u{ad}.example.com", "is no host pattern"),
    ];
    for (text, part) in table {
        let error = EgressRule::parse(text).expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn patterns_match_names_and_nothing_near_them() {
    let rule = |text| EgressRule::parse(text).unwrap();
    let exact = rule("api.example.com");
    assert!(exact.covers_name("api.example.com"));
    assert!(exact.covers_name("api.example.com."));
    for name in [
        "example.com",
        "xapi.example.com",
        "a.api.example.com",
        "api.example.com.evil",
    ] {
        assert!(!exact.covers_name(name), "{name}");
    }
    let below = rule("*.example.com");
    assert!(below.covers_name("a.example.com"));
    assert!(below.covers_name("a.b.example.com"));
    for name in [
        "example.com",
        ".example.com",
        "evilexample.com",
        "a.example.com.evil",
        "",
    ] {
        assert!(!below.covers_name(name), "{name}");
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_or_written_back(text in "\\PC{0,40}|[0-9a-f.:/*\\[\\]]{0,40}|[a*﹡.。:/８8\u{ad}]{0,9}") {
        if let Ok(rule) = EgressRule::parse(&text) {
            prop_assert_eq!(EgressRule::parse(&rule.to_string()), Ok(rule));
        }
    }
}

#[test]
fn networks_match_the_address_that_is_dialled() {
    let rule = EgressRule::parse("10.0.0.0/8").unwrap();
    for (address, covered) in [
        ("10.1.2.3", true),
        ("::ffff:10.1.2.3", true),
        ("11.0.0.1", false),
        ("::10.1.2.3", false),
        ("64:ff9b::10.1.2.3", false),
    ] {
        assert_eq!(
            rule.covers_address(address.parse().unwrap()),
            covered,
            "{address}"
        );
    }
    assert!(!rule.covers_name("10.1.2.3"));
}
