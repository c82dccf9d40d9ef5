//! Which addresses are public. It knows ranges, not policy: what may be done with an address that is
//! not public is for [`super::policy`] to say.
//!
//! Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its
//! updates), the IPv6 address space registry (global unicast is `2000::/3`), RFC 6052 (NAT64), RFC
//! 5214 (ISATAP), and the providers' documentation for metadata services. Where a registry lists a
//! block as globally reachable but no webhook is served from it (PCP anycast, ORCHIDv2, 6to4
//! relays), it is refused with its surroundings: a false refusal costs a rule, a false permission
//! costs a network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses with a special meaning.
#[derive(Debug, PartialEq, Eq)]
pub struct Range {
    /// What it is for, in a few words.
    pub what: &'static str,
    /// The block in CIDR notation.
    pub block: &'static str,
}

/// How an address is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Global unicast: any step may reach it.
    Public,
    /// An address at which an operator's own services live (loopback, private, shared, unique
    /// local).
    Internal(&'static Range),
    /// An address that no service has a reason to be named with: metadata services, link-local,
    /// multicast, reserved, or a transition mechanism that hides another address.
    Special(&'static Range),
}

type Row4 = ([u8; 4], u32, bool, Range);
type Row6 = ([u16; 8], u32, bool, Range);

const fn v4(
    base: [u8; 4],
    length: u32,
    internal: bool,
    block: &'static str,
    what: &'static str,
) -> Row4 {
    (base, length, internal, Range { what, block })
}

const fn v6(
    base: [u16; 8],
    length: u32,
    internal: bool,
    block: &'static str,
    what: &'static str,
) -> Row6 {
    (base, length, internal, Range { what, block })
}

/// The first row that holds an address decides, so a narrower block stands before a wider one.
#[rustfmt::skip]
static V4: &[Row4] = &[
    v4([0, 0, 0, 0],         8,  false, "0.0.0.0/8",          "this network"),
    v4([10, 0, 0, 0],        8,  true,  "10.0.0.0/8",         "private network"),
    v4([100, 100, 100, 200], 32, false, "100.100.100.200/32", "cloud metadata service"),
    v4([100, 64, 0, 0],      10, true,  "100.64.0.0/10",      "shared address space (carrier-grade NAT)"),
    v4([127, 0, 0, 0],       8,  true,  "127.0.0.0/8",        "loopback"),
    // Azure serves its platform (wire server, DNS, health probes) at this public address, to the
    // machine itself only.
    v4([168, 63, 129, 16],   32, false, "168.63.129.16/32",   "cloud platform service"),
    v4([169, 254, 169, 254], 32, false, "169.254.169.254/32", "cloud metadata service"),
    v4([169, 254, 0, 0],     16, false, "169.254.0.0/16",     "link-local"),
    v4([172, 16, 0, 0],      12, true,  "172.16.0.0/12",      "private network"),
    v4([192, 0, 0, 0],       24, false, "192.0.0.0/24",       "IETF protocol assignments"),
    v4([192, 0, 2, 0],       24, false, "192.0.2.0/24",       "documentation"),
    v4([192, 88, 99, 0],     24, false, "192.88.99.0/24",     "6to4 relay anycast"),
    v4([192, 168, 0, 0],     16, true,  "192.168.0.0/16",     "private network"),
    v4([198, 18, 0, 0],      15, true,  "198.18.0.0/15",      "benchmarking"),
    v4([198, 51, 100, 0],    24, false, "198.51.100.0/24",    "documentation"),
    v4([203, 0, 113, 0],     24, false, "203.0.113.0/24",     "documentation"),
    v4([224, 0, 0, 0],       4,  false, "224.0.0.0/4",        "multicast"),
    v4([255, 255, 255, 255], 32, false, "255.255.255.255/32", "limited broadcast"),
    v4([240, 0, 0, 0],       4,  false, "240.0.0.0/4",        "reserved"),
];

#[rustfmt::skip]
static V6: &[Row6] = &[
    v6([0, 0, 0, 0, 0, 0, 0, 0],            128, false, "::/128",             "unspecified"),
    v6([0, 0, 0, 0, 0, 0, 0, 1],            128, true,  "::1/128",            "loopback"),
    v6([0, 0, 0, 0, 0, 0, 0, 0],            96,  false, "::/96",              "IPv4-compatible"),
    v6([0, 0, 0, 0, 0xffff, 0, 0, 0],       96,  false, "::ffff:0:0:0/96",    "IPv4-translated"),
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0],    48,  false, "64:ff9b:1::/48",     "local-use NAT64"),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0],        64,  false, "100::/64",           "discard-only"),
    v6([0x100, 0, 0, 1, 0, 0, 0, 0],        64,  false, "100:0:0:1::/64",     "dummy prefix"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0],       32,  false, "2001::/32",          "Teredo"),
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0],       48,  false, "2001:2::/48",        "benchmarking"),
    v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0],    28,  false, "2001:10::/28",       "ORCHID"),
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0],    28,  false, "2001:20::/28",       "ORCHIDv2"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0],       23,  false, "2001::/23",          "IETF protocol assignments"),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0],   32,  false, "2001:db8::/32",      "documentation"),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0],       16,  false, "2002::/16",          "6to4"),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0],       20,  false, "3fff::/20",          "documentation"),
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0],       16,  false, "5f00::/16",          "segment routing"),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0],   32,  false, "fd00:ec2::/32",      "cloud metadata service"),
    v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128, false, "fd00:42::42/128",    "cloud metadata service"),
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128, false, "fd20:ce::254/128",  "cloud metadata service"),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0],       7,   true,  "fc00::/7",           "unique local"),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0],       10,  false, "fe80::/10",          "link-local"),
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0],       10,  false, "fec0::/10",          "site-local"),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0],       8,   false, "ff00::/8",           "multicast"),
];

static NAT64: Range = Range {
    what: "NAT64 of a non-public IPv4 address",
    block: "64:ff9b::/96",
};
static ISATAP: Range = Range {
    what: "ISATAP of a non-public IPv4 address",
    block: "::5efe:0:0",
};
static UNASSIGNED: Range = Range {
    what: "outside global unicast",
    block: "not in 2000::/3",
};

/// Judges an address. An address that carries an IPv4 address (IPv4-mapped, NAT64, ISATAP) is judged
/// by that one as well.
#[must_use]
pub fn classify(address: IpAddr) -> Class {
    match address.to_canonical() {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> Class {
    let bits = address.to_bits();
    V4.iter()
        .find(|(base, length, ..)| (bits ^ u32::from_be_bytes(*base)) >> (u32::BITS - length) == 0)
        .map_or(Class::Public, |(.., internal, range)| {
            classed(*internal, range)
        })
}

fn classify_v6(address: Ipv6Addr) -> Class {
    let bits = address.to_bits();
    let segments = address.segments();
    // RFC 6052: the well-known prefix reaches the IPv4 internet through a translator.
    if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return match classify_v4(embedded(bits)) {
            Class::Public => Class::Public,
            Class::Internal(_) | Class::Special(_) => Class::Special(&NAT64),
        };
    }
    let row = V6.iter().find(|(base, length, ..)| {
        (bits ^ Ipv6Addr::from(*base).to_bits()) >> (u128::BITS - length) == 0
    });
    if let Some((.., internal, range)) = row {
        return classed(*internal, range);
    }
    if bits >> 125 != 0b001 {
        return Class::Special(&UNASSIGNED);
    }
    // RFC 5214: an interface identifier of this form is tunnelled to the IPv4 address it ends with.
    if matches!(segments[4], 0 | 0x200)
        && segments[5] == 0x5efe
        && classify_v4(embedded(bits)) != Class::Public
    {
        return Class::Special(&ISATAP);
    }
    Class::Public
}

/// The IPv4 address in the last 32 bits.
fn embedded(bits: u128) -> Ipv4Addr {
    let [.., a, b, c, d] = bits.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

fn classed(internal: bool, range: &'static Range) -> Class {
    if internal {
        Class::Internal(range)
    } else {
        Class::Special(range)
    }
}

#[cfg(test)]
mod tests;
