//! The address that the server listens on, and the URLs that lead to it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;

use super::error::AppError;

/// Begins to listen. Returns the address, too, which is never of port 0.
pub(super) async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), AppError> {
    let failed = |source: io::Error| {
        if source.kind() == io::ErrorKind::AddrInUse {
            AppError::PortInUse(address)
        } else {
            AppError::Listen { address, source }
        }
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// An address that a client on this machine can connect to: the unspecified one cannot be.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

pub(super) fn check_public_url(url: Option<&str>) -> Result<(), AppError> {
    let Some(text) = url else { return Ok(()) };
    let fine = url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    if fine {
        Ok(())
    } else {
        Err(AppError::PublicUrl(text.chars().take(120).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_public_url_is_refused() {
        for fine in [
            None,
            Some("https://hooks.example.com"),
            Some("http://10.0.0.1:8080/stepwell/"),
        ] {
            assert!(check_public_url(fine).is_ok(), "{fine:?}");
        }
        for wrong in [
            "hooks.example.com",
            "ftp://a.b",
            "https://a.b/?x=1",
            "https://a.b/#x",
            "https://user@a.b",
            "",
        ] {
            assert!(check_public_url(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unspecified_address_is_reached_by_loopback() {
        for (listen, expected) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.1.2.3:80", "10.1.2.3:80"),
        ] {
            assert_eq!(
                reachable(listen.parse().unwrap()),
                expected.parse().unwrap()
            );
        }
    }
}
