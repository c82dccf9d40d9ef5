use proptest::prelude::*;

use super::*;

fn judge(text: &str) -> Class {
    classify(text.parse().unwrap())
}

/// The first and last address of every block of the registries, and the neighbours.
#[test]
fn special_purpose_blocks_are_not_public() {
    let table: &[(&str, &str)] = &[
        ("0.0.0.0", "this network"),
        ("0.255.255.255", "this network"),
        ("10.0.0.0", "private network"),
        ("10.255.255.255", "private network"),
        ("100.64.0.0", "shared address space (carrier-grade NAT)"),
        (
            "100.127.255.255",
            "shared address space (carrier-grade NAT)",
        ),
        ("100.100.100.200", "cloud metadata service"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.255", "loopback"),
        ("168.63.129.16", "cloud platform service"),
        ("169.254.0.0", "link-local"),
        ("169.254.169.254", "cloud metadata service"),
        ("169.254.170.2", "link-local"),
        ("169.254.255.255", "link-local"),
        ("172.16.0.0", "private network"),
        ("172.31.255.255", "private network"),
        ("192.0.0.0", "IETF protocol assignments"),
        ("192.0.0.9", "IETF protocol assignments"),
        ("192.0.0.170", "IETF protocol assignments"),
        ("192.0.0.192", "IETF protocol assignments"),
        ("192.0.0.255", "IETF protocol assignments"),
        ("192.0.2.0", "documentation"),
        ("192.0.2.255", "documentation"),
        ("192.88.99.1", "6to4 relay anycast"),
        ("192.168.0.0", "private network"),
        ("192.168.255.255", "private network"),
        ("198.18.0.0", "benchmarking"),
        ("198.19.255.255", "benchmarking"),
        ("198.51.100.7", "documentation"),
        ("203.0.113.255", "documentation"),
        ("224.0.0.0", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.0", "reserved"),
        ("255.255.255.254", "reserved"),
        ("255.255.255.255", "limited broadcast"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::2", "IPv4-compatible"),
        ("::127.0.0.1", "IPv4-compatible"),
        ("::8.8.8.8", "IPv4-compatible"),
        ("::ffff:0:127.0.0.1", "IPv4-translated"),
        ("::ffff:0:8.8.8.8", "IPv4-translated"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:10.1.2.3", "private network"),
        ("::ffff:169.254.169.254", "cloud metadata service"),
        ("::ffff:255.255.255.255", "limited broadcast"),
        ("64:ff9b::127.0.0.1", "NAT64 of a non-public IPv4 address"),
        (
            "64:ff9b::169.254.169.254",
            "NAT64 of a non-public IPv4 address",
        ),
        ("64:ff9b::192.168.1.1", "NAT64 of a non-public IPv4 address"),
        ("64:ff9b:0:0:0:1::", "outside global unicast"),
        ("64:ff9b:1::", "local-use NAT64"),
        ("64:ff9b:1::8.8.8.8", "local-use NAT64"),
        ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "local-use NAT64"),
        ("100::", "discard-only"),
        ("100::ffff:ffff:ffff:ffff", "discard-only"),
        ("100:0:0:1::1", "dummy prefix"),
        ("2001::", "Teredo"),
        ("2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "Teredo"),
        ("2001:1::1", "IETF protocol assignments"),
        ("2001:1::3", "IETF protocol assignments"),
        ("2001:2::1", "benchmarking"),
        ("2001:3::1", "IETF protocol assignments"),
        ("2001:4:112::1", "IETF protocol assignments"),
        ("2001:10::1", "ORCHID"),
        ("2001:1f:ffff::", "ORCHID"),
        ("2001:20::1", "ORCHIDv2"),
        ("2001:2f::1", "ORCHIDv2"),
        ("2001:30::1", "IETF protocol assignments"),
        (
            "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
            "IETF protocol assignments",
        ),
        ("2001:db8::", "documentation"),
        ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"),
        ("2002::", "6to4"),
        ("2002:7f00:1::", "6to4"),
        ("2002:808:808::1", "6to4"),
        ("2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "6to4"),
        ("3fff::", "documentation"),
        ("3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"),
        ("4000::", "outside global unicast"),
        ("5f00::1", "segment routing"),
        ("1fff:ffff::1", "outside global unicast"),
        ("200::1", "outside global unicast"),
        ("fc00::1", "unique local"),
        ("fdff:ffff::1", "unique local"),
        ("fd00:ec2::254", "cloud metadata service"),
        ("fd00:ec2::23", "cloud metadata service"),
        ("fd00:42::42", "cloud metadata service"),
        ("fd20:ce::254", "cloud metadata service"),
        ("fe00::1", "outside global unicast"),
        ("fe80::1", "link-local"),
        ("febf:ffff::1", "link-local"),
        ("fec0::1", "site-local"),
        ("feff::1", "site-local"),
        ("ff00::", "multicast"),
        ("ff02::1", "multicast"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast"),
        (
            "2606:4700::5efe:127.0.0.1",
            "ISATAP of a non-public IPv4 address",
        ),
        (
            "2606:4700::200:5efe:10.0.0.1",
            "ISATAP of a non-public IPv4 address",
        ),
    ];
    for (text, what) in table {
        match judge(text) {
            Class::Public => panic!("{text} is judged public, it is: {what}"),
            Class::Internal(range) | Class::Special(range) => {
                assert_eq!(range.what, *what, "{text}");
            }
        }
    }
}

#[test]
fn global_unicast_is_public() {
    let table = [
        "1.0.0.0",
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "192.175.48.1",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2000::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2001:db7:ffff::1",
        "2001:db9::1",
        "2003::1",
        "2606:4700:4700::1111",
        "2620:4f:8000::1",
        "2a00:1450::1",
        "3ffe::1",
        "3fff:1000::1",
        "2606:4700::5efe:8.8.8.8",
    ];
    for text in table {
        assert_eq!(judge(text), Class::Public, "{text}");
    }
}

/// Only an operator's own kind of address may be opened by a name.
#[test]
fn metadata_and_link_local_are_not_internal() {
    for text in [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "::1",
        "fd12::1",
    ] {
        assert!(matches!(judge(text), Class::Internal(_)), "{text}");
    }
    for text in [
        "169.254.169.254",
        "169.254.1.1",
        "100.100.100.200",
        "168.63.129.16",
        "fe80::1",
        "fd00:ec2::254",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "64:ff9b::10.0.0.1",
    ] {
        assert!(matches!(judge(text), Class::Special(_)), "{text}");
    }
}

/// The block's text is in messages, so it has to be the block that is tested.
#[test]
fn blocks_are_written_as_they_are_tested() {
    for (base, length, _, range) in V4 {
        let net: ipnet::Ipv4Net = range.block.parse().unwrap();
        assert_eq!(
            (net.trunc(), net.addr()),
            (net, Ipv4Addr::from(*base)),
            "{}",
            range.block
        );
        assert_eq!(u32::from(net.prefix_len()), *length, "{}", range.block);
    }
    for (base, length, _, range) in V6 {
        let net: ipnet::Ipv6Net = range.block.parse().unwrap();
        assert_eq!(
            (net.trunc(), net.addr()),
            (net, Ipv6Addr::from(*base)),
            "{}",
            range.block
        );
        assert_eq!(u32::from(net.prefix_len()), *length, "{}", range.block);
    }
}

proptest! {
    #[test]
    fn a_mapped_address_is_judged_as_the_address_itself(bits: u32) {
        let plain = Ipv4Addr::from_bits(bits);
        prop_assert_eq!(
            classify(IpAddr::V6(plain.to_ipv6_mapped())),
            classify(IpAddr::V4(plain))
        );
    }

    #[test]
    fn nat64_is_public_if_and_only_if_its_ipv4_address_is(bits: u32) {
        let plain = Ipv4Addr::from_bits(bits);
        let nat64 = Ipv6Addr::from_bits(0x64_ff9b << 96 | u128::from(bits));
        prop_assert_eq!(
            classify(IpAddr::V6(nat64)) == Class::Public,
            classify(IpAddr::V4(plain)) == Class::Public
        );
    }

    #[test]
    fn nothing_outside_global_unicast_is_public(bits: u128) {
        let address = Ipv6Addr::from_bits(bits);
        let global = bits >> 125 == 1 || bits >> 32 == 0x64_ff9b << 64 || bits >> 32 == 0xffff;
        prop_assert!(global || classify(IpAddr::V6(address)) != Class::Public);
    }
}
