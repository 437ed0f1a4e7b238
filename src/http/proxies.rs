//! Where a request came from: the connection, or what a trusted proxy says of it.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap},
};
use thiserror::Error;

use crate::domain::NetworkAddress;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies whose `X-Forwarded-For` is believed. By default none is: then a client's address is
/// its connection's.
///
/// # Security
/// Of the addresses in the header the rightmost one that is no trusted proxy counts: whatever a
/// client writes into it stands to the left of that. Never list a network that clients are in. A port
/// after an address is passed over; what is no address leads no further than the proxy that wrote it.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<(IpAddr, u8)>);

/// A text is no network.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("trusted proxies: `10.0.0.7`, `10.0.0.0/8` or `2001:db8::/32` is wanted")]
#[non_exhaustive]
pub struct NetworkError;

impl TrustedProxies {
    /// Trusts nobody.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Trusts these addresses and networks, in CIDR notation.
    ///
    /// # Errors
    /// [`NetworkError`] if one of them is not of that form.
    ///
    /// ```
    /// use sspr::http::TrustedProxies;
    ///
    /// let proxies = TrustedProxies::of(["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"])?;
    /// # let _ = proxies;
    /// # Ok::<(), sspr::http::NetworkError>(())
    /// ```
    pub fn of<'a>(networks: impl IntoIterator<Item = &'a str>) -> Result<Self, NetworkError> {
        networks.into_iter().map(network).collect::<Result<_, _>>().map(Self)
    }

    /// The network address of a request's client; `None` without a connection (a Unix socket, or a
    /// host that does not pass it on).
    pub(super) fn client(
        &self,
        extensions: &Extensions,
        headers: &HeaderMap,
    ) -> Option<NetworkAddress> {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip().to_canonical();
        Some(NetworkAddress::new(self.behind(peer, headers)))
    }

    fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut nearest = peer;
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let hops = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.rsplit(','));
        for hop in hops {
            if !self.trusts(nearest) {
                break;
            }
            // What a trusted proxy did not write as an address leads no further.
            let Some(address) = address(hop.trim()) else { break };
            nearest = address.to_canonical();
        }
        nearest
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|(network, bits)| holds(*network, *bits, address))
    }
}

/// An address, also with the port that some gateways write after it (Azure's Application Gateway,
/// IIS) and in brackets.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']'));
    let bare = bare.unwrap_or(hop).parse();
    bare.or_else(|_| hop.parse().map(|with_port: SocketAddr| with_port.ip())).ok()
}

fn network(text: &str) -> Result<(IpAddr, u8), NetworkError> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| NetworkError)?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    if bits > most { Err(NetworkError) } else { Ok((address, bits)) }
}

fn holds(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    let shifted = |bits: u8, width: u8| u32::from(width.saturating_sub(bits));
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let differing = u32::from(network) ^ u32::from(address);
            differing.checked_shr(shifted(bits, 32)).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let differing = u128::from(network) ^ u128::from(address);
            differing.checked_shr(shifted(bits, 128)).unwrap_or(0) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let proxies = TrustedProxies::of(trusted.iter().copied()).unwrap();
        proxies.behind(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn without_trust_only_the_connection_counts() {
        assert_eq!(seen(&[], "192.0.2.1", &["198.51.100.9"]), "192.0.2.1");
        assert_eq!(seen(&["10.0.0.0/8"], "192.0.2.1", &["198.51.100.9"]), "192.0.2.1");
    }

    #[test]
    fn the_rightmost_hop_that_is_not_trusted_counts() {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"];
        assert_eq!(seen(&trusted, "10.1.1.1", &["198.51.100.9"]), "198.51.100.9");
        assert_eq!(
            seen(&trusted, "10.1.1.1", &["6.6.6.6, 198.51.100.9, 10.2.2.2"]),
            "198.51.100.9"
        );
        assert_eq!(seen(&trusted, "10.1.1.1", &["6.6.6.6", "198.51.100.9"]), "198.51.100.9");
        assert_eq!(seen(&trusted, "2001:db8::1", &["2001:dead::1"]), "2001:dead::1");
        assert_eq!(seen(&trusted, "10.1.1.1", &["::ffff:198.51.100.9"]), "198.51.100.9");
    }

    #[test]
    fn a_port_after_an_address_is_passed_over() {
        for hop in ["198.51.100.9:1234", "198.51.100.9", "[::ffff:198.51.100.9]:443"] {
            assert_eq!(seen(&["10.0.0.1"], "10.0.0.1", &["6.6.6.6:80", hop]), "198.51.100.9");
        }
        for hop in ["[2001:db8::9]:443", "[2001:db8::9]"] {
            assert_eq!(seen(&["10.0.0.1"], "10.0.0.1", &[hop]), "2001:db8::9");
        }
    }

    #[test]
    fn nonsense_from_a_trusted_proxy_leads_no_further() {
        let nonsense = [
            "unknown",
            "",
            "1.2.3",
            "<script>",
            "198.51.100.9:",
            "198.51.100.9:65536",
            "[]",
            "[198.51.100.9",
            "198.51.100.9]",
            ":80",
        ];
        for nonsense in nonsense {
            assert_eq!(seen(&["10.0.0.1"], "10.0.0.1", &[nonsense]), "10.0.0.1");
        }
    }

    #[test]
    fn networks_are_checked() {
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "2001:db8::/129", "here", "10.0.0.0/-1"] {
            assert_eq!(TrustedProxies::of([bad]).unwrap_err(), NetworkError);
        }
        assert!(holds("0.0.0.0".parse().unwrap(), 0, "255.1.2.3".parse().unwrap()));
        assert!(holds("::".parse().unwrap(), 0, "2001:db8::1".parse().unwrap()));
    }
}
