//! Version 2 of the PROXY protocol: the bytes with which a proxy begins a connection and names its client.
//! <https://www.haproxy.org/download/3.1/doc/proxy-protocol.txt>, section 2.2.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt};

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The most that follows the fixed part, in bytes: addresses, and extensions that are not read.
const REST: u16 = 4096;

/// Reads the header. Returns the client's address; `None` if the proxy connects for itself (`LOCAL`), or if the
/// client has no IP address.
///
/// # Errors
/// `InvalidData` if the connection does not begin with a header of this version; those of the connection.
pub async fn read_client(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<IpAddr>> {
    let mut fixed = [0; 16];
    stream.read_exact(&mut fixed).await?;
    let [.., version_and_command, family, high, low] = fixed;
    let length = u16::from_be_bytes([high, low]);
    if fixed[..12] != SIGNATURE || version_and_command >> 4 != 2 || length > REST {
        return Err(invalid(
            "the connection does not begin with version 2 of the PROXY protocol",
        ));
    }
    let mut rest = vec![0; length.into()];
    stream.read_exact(&mut rest).await?;
    match (version_and_command & 0xf, family >> 4) {
        (0, _) => Ok(None),
        (1, 1) => {
            let source = rest.first_chunk::<4>().filter(|_| rest.len() >= 12);
            let source =
                source.ok_or_else(|| invalid("the PROXY header's IPv4 addresses are cut"))?;
            Ok(Some(Ipv4Addr::from(*source).into()))
        }
        (1, 2) => {
            let source = rest.first_chunk::<16>().filter(|_| rest.len() >= 36);
            let source =
                source.ok_or_else(|| invalid("the PROXY header's IPv6 addresses are cut"))?;
            Ok(Some(Ipv6Addr::from(*source).to_canonical()))
        }
        (1, _) => Ok(None),
        _ => Err(invalid("the PROXY header's command is unknown")),
    }
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version_and_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [
            &SIGNATURE[..],
            &[version_and_command, family],
            &length,
            rest,
        ]
        .concat()
    }

    async fn read(bytes: &[u8]) -> io::Result<(Option<IpAddr>, Vec<u8>)> {
        let mut rest = bytes;
        let client = read_client(&mut rest).await?;
        Ok((client, rest.to_vec()))
    }

    #[tokio::test]
    async fn the_client_is_the_source_and_what_follows_is_left() {
        let four = [198, 51, 100, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80];
        let mut six = [0; 36];
        six[..16].copy_from_slice(&"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        let extended = [&four[..], &[3, 0, 4, 1, 2, 3, 4]].concat();
        for (bytes, expected) in [
            (header(0x21, 0x11, &four), Some("198.51.100.7")),
            (header(0x21, 0x11, &extended), Some("198.51.100.7")),
            (header(0x21, 0x21, &six), Some("2001:db8::1")),
            // LOCAL, a Unix socket, and an unspecified family.
            (header(0x20, 0x00, &[]), None),
            (header(0x20, 0x11, &four), None),
            (header(0x21, 0x31, &[0; 216]), None),
            (header(0x21, 0x00, &[]), None),
        ] {
            let all = [&bytes[..], b"GET / HTTP/1.1"].concat();
            let (client, rest) = read(&all).await.unwrap();
            assert_eq!(client, expected.map(|ip| ip.parse().unwrap()));
            assert_eq!(rest, b"GET / HTTP/1.1");
            // Cut anywhere, it is an error and not a wrong address.
            for cut in 0..bytes.len() {
                assert!(read(&bytes[..cut]).await.is_err(), "{cut}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let four = [198, 51, 100, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80];
        let mut long = header(0x21, 0x11, &[0; 4096]);
        long[14..16].copy_from_slice(&4097_u16.to_be_bytes());
        for bytes in [
            b"GET / HTTP/1.1\r\nhost: h\r\n\r\n".to_vec(),
            b"PROXY TCP4 198.51.100.7 10.0.0.1 4660 80\r\n".to_vec(),
            header(0x11, 0x11, &four),
            header(0x22, 0x11, &four),
            header(0x21, 0x11, &four[..11]),
            header(0x21, 0x21, &four),
            long,
        ] {
            let error = read(&bytes).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{bytes:?}");
        }
    }
}
