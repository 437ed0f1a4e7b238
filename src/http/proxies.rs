//! The network address of a client: the address of the connection, or the address that a trusted
//! proxy reports.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, HeaderValue},
};
use thiserror::Error;

use super::public_path::PublicPath;
use crate::domain::NetworkAddress;

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PREFIX: &str = "x-forwarded-prefix";

/// The proxies that may set `X-Forwarded-For` and `X-Forwarded-Prefix`.
///
/// By default, no proxy is trusted. The client's address is then the address of its connection, and
/// users see the pages at the application's own paths.
///
/// # Security
/// Uses the rightmost address that is not a trusted proxy, because entries left of it can be
/// forged. Never list a network that contains clients. A port after an address is ignored. If an
/// entry is not an address, the address of the proxy that wrote the entry is used.
///
/// A prefix must be a plain path, and only its rightmost value is used.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<(IpAddr, u8)>);

/// The reason why a text is not a network of proxies.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkError {
    /// The network has bits set after its prefix: `10.1.2.3/8` may mean `10.0.0.0/8` or `10.1.2.3`.
    #[error(
        "trusted proxies: bits are set after the prefix; write `10.0.0.0/8`, or the address alone"
    )]
    HostBits,
    /// The text is not an address, or its prefix is longer than the address.
    #[error("trusted proxies: must be like `10.0.0.7`, `10.0.0.0/8` or `2001:db8::/32`")]
    Shape,
}

debug_is_text!(NetworkError);

impl TrustedProxies {
    /// Trusts no proxy.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Trusts these addresses and networks, in CIDR notation. A mapped IPv4 network such as
    /// `::ffff:10.0.0.0/104` is treated as the IPv4 network.
    ///
    /// # Errors
    /// [`NetworkError`] if one of the texts is not a network, or has bits set after its prefix.
    ///
    /// ```
    /// use sspr::http::TrustedProxies;
    ///
    /// let proxies = TrustedProxies::parse(["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"])?;
    /// # let _ = proxies;
    /// # Ok::<(), sspr::http::NetworkError>(())
    /// ```
    pub fn parse<'a>(networks: impl IntoIterator<Item = &'a str>) -> Result<Self, NetworkError> {
        networks.into_iter().map(network).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the network address of a request's client. Returns `None` without a connection (a
    /// Unix socket, or a host that does not pass the connection on).
    pub(super) fn client(
        &self,
        extensions: &Extensions,
        headers: &HeaderMap,
    ) -> Option<NetworkAddress> {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip();
        Some(NetworkAddress::new(self.client_address(peer, headers)))
    }

    /// Returns the public path of a request: the host's setting, or else the path that a trusted
    /// proxy reports.
    pub(super) fn public_path(
        &self,
        set: Option<&PublicPath>,
        extensions: &Extensions,
        headers: &HeaderMap,
    ) -> PublicPath {
        set.cloned().unwrap_or_else(|| self.prefix(extensions, headers))
    }

    /// Returns the path that the nearest proxy has taken away. The path is empty if that proxy is
    /// not trusted.
    fn prefix(&self, extensions: &Extensions, headers: &HeaderMap) -> PublicPath {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.0.ip().to_canonical());
        if !peer.is_some_and(|peer| self.trusts(peer)) {
            return PublicPath::default();
        }
        let nearest = elements(headers, FORWARDED_PREFIX).next();
        nearest.and_then(PublicPath::parse).unwrap_or_default()
    }

    /// Returns the address of the client that is behind the trusted proxies, for a host with an API
    /// of its own. `peer` is the address of the connection.
    ///
    /// The hosted pages and the native API call it themselves.
    ///
    /// # Security
    /// The search in `X-Forwarded-For` begins at the end and stops at the first address that is not
    /// a trusted proxy. A client can write anything before that address, and none of it counts.
    ///
    /// # Examples
    /// ```
    /// use axum::http::{HeaderMap, HeaderValue};
    /// use sspr::{Client, http::TrustedProxies};
    ///
    /// let proxies = TrustedProxies::parse(["10.0.0.0/8"])?;
    /// let mut headers = HeaderMap::new();
    /// let forwarded = HeaderValue::from_static("127.0.0.1, 192.0.2.7");
    /// headers.insert("x-forwarded-for", forwarded);
    ///
    /// let peer = "10.0.0.1".parse()?;
    /// let address = proxies.client_address(peer, &headers);
    /// assert_eq!(address.to_string(), "192.0.2.7");
    /// let client = Client::at(address);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut nearest = peer.to_canonical();
        for hop in elements(headers, FORWARDED_FOR) {
            if !self.trusts(nearest) {
                break;
            }
            // If a trusted proxy reports something other than an address, the search ends there.
            let Some(address) = address(hop) else { break };
            nearest = address.to_canonical();
        }
        nearest
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|(network, bits)| holds(*network, *bits, address))
    }
}

/// Returns the elements of a list in one or more header lines, the last element first. Empty
/// elements are left out (RFC 9110 section 5.6.1), and an element that is not text becomes an empty
/// text.
fn elements<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().rev().map(HeaderValue::as_bytes);
    let elements = lines.flat_map(|line| line.rsplit(|byte| *byte == b','));
    let present = elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty());
    present.map(|element| core::str::from_utf8(element).unwrap_or_default())
}

/// Reads an address. It may be in brackets or have a port, as some gateways write it (Azure's
/// Application Gateway, IIS).
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']'));
    let bare = bare.unwrap_or(hop).parse();
    bare.or_else(|_| hop.parse().map(|with_port: SocketAddr| with_port.ip())).ok()
}

/// Reads a network in the form in which peers are compared: mapped IPv4 becomes IPv4.
fn network(text: &str) -> Result<(IpAddr, u8), NetworkError> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| NetworkError::Shape)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits: u8 = match bits {
        None => most,
        Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
            bits.parse().map_err(|_| NetworkError::Shape)?
        }
        Some(_) => return Err(NetworkError::Shape),
    };
    if bits > most {
        return Err(NetworkError::Shape);
    }
    let (address, bits) = match (address, address.to_canonical()) {
        (IpAddr::V6(_), canonical @ IpAddr::V4(_)) => {
            (canonical, bits.checked_sub(96).ok_or(NetworkError::HostBits)?)
        }
        (address, _) => (address, bits),
    };
    if is_cut(address, bits) { Ok((address, bits)) } else { Err(NetworkError::HostBits) }
}

/// Returns whether no bit is set after the prefix.
fn is_cut(address: IpAddr, bits: u8) -> bool {
    match address {
        IpAddr::V4(address) => u32::from(address).checked_shl(u32::from(bits)).unwrap_or(0) == 0,
        IpAddr::V6(address) => u128::from(address).checked_shl(u32::from(bits)).unwrap_or(0) == 0,
    }
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
        let proxies = TrustedProxies::parse(trusted.iter().copied()).unwrap();
        proxies.client_address(peer.parse().unwrap(), &headers).to_string()
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
    fn a_mapped_prefix_is_the_ipv4_prefix() {
        for (network, peer) in [
            ("::ffff:10.0.0.0/104", "10.9.8.7"),
            ("::ffff:10.0.0.7", "10.0.0.7"),
            ("::ffff:10.0.0.7/128", "10.0.0.7"),
            ("::ffff:0:0/96", "192.0.2.7"),
        ] {
            assert_eq!(seen(&[network], peer, &["198.51.100.9"]), "198.51.100.9", "{network}");
        }
        assert_eq!(seen(&["::ffff:10.0.0.0/104"], "11.0.0.1", &["198.51.100.9"]), "11.0.0.1");
        assert_eq!(seen(&["::ffff:10.0.0.0/104"], "a00::1", &["198.51.100.9"]), "a00::1");
    }

    #[test]
    fn every_network_that_is_read_holds_its_own_address() {
        for network in
            ["10.0.0.7", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::/0", "::1", "fe80::/10"]
                .into_iter()
                .chain([
                    "::ffff:10.0.0.0/104",
                    "::ffff:192.0.2.1",
                    "64:ff9b::/96",
                    "::10.0.0.0/104",
                ])
        {
            let address = network.split('/').next().unwrap();
            let peer: IpAddr = address.parse().unwrap();
            let peer = peer.to_canonical().to_string();
            assert_eq!(seen(&[network], &peer, &["198.51.100.9"]), "198.51.100.9", "{network}");
        }
    }

    #[test]
    fn a_part_that_is_no_text_spoils_only_itself() {
        let behind = |lines: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
            }
            let proxies = TrustedProxies::parse(["10.0.0.0/8"]).unwrap();
            proxies.client_address("10.0.0.1".parse().unwrap(), &headers).to_string()
        };
        assert_eq!(behind(&[b"\xfc, 198.51.100.9"]), "198.51.100.9");
        assert_eq!(behind(&[b"\xff", b"198.51.100.9, 10.2.2.2"]), "198.51.100.9");
        assert_eq!(behind(&["für, 198.51.100.9,, ,10.2.2.2,".as_bytes()]), "198.51.100.9");
        assert_eq!(behind(&[b"198.51.100.9", b""]), "198.51.100.9");
        // The nearest entry counts, and it is not an address.
        assert_eq!(behind(&[b"198.51.100.9, \xfc, 10.2.2.2"]), "10.2.2.2");
    }

    #[test]
    fn a_prefix_is_believed_from_a_trusted_peer_only_and_must_be_a_plain_path() {
        let prefix = |trusted: &str, lines: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_PREFIX, HeaderValue::from_bytes(line).unwrap());
            }
            let mut extensions = Extensions::new();
            let peer: SocketAddr = "10.0.0.1:4000".parse().unwrap();
            extensions.insert(ConnectInfo(peer));
            let proxies = TrustedProxies::parse([trusted]).unwrap();
            proxies.prefix(&extensions, &headers).as_str().to_owned()
        };
        assert_eq!(prefix("10.0.0.1", &[b"/auth"]), "/auth");
        assert_eq!(prefix("10.0.0.1", &[b"/auth/"]), "/auth");
        assert_eq!(prefix("10.0.0.1", &[b"//evil.example, /a/b-c_d.e~f"]), "/a/b-c_d.e~f");
        assert_eq!(prefix("10.0.0.1", &[b"\xff", b"/auth"]), "/auth");
        assert_eq!(prefix("10.0.0.2", &[b"/auth"]), "");
        for bad in ["evil.example", "//evil.example", "/\\evil", "/a//b", "/a/../b", "/a?b", "/a#b"]
            .into_iter()
            .chain([
                "https://evil.example",
                "/a\"b",
                "/<b>",
                "/a'b",
                "/a;b",
                "/%2e%2e",
                "/ä",
                "/",
                "",
            ])
        {
            assert_eq!(prefix("10.0.0.1", &[bad.as_bytes()]), "", "{bad}");
        }
    }

    #[test]
    fn networks_are_checked() {
        for bad in
            ["", "10.0.0.0/33", "10.0.0/8", "2001:db8::/129", "here", "10.0.0.0/-1", "10.0.0.0/+8"]
        {
            assert_eq!(TrustedProxies::parse([bad]).unwrap_err(), NetworkError::Shape, "{bad}");
        }
        for bad in [
            "10.1.2.3/8",
            "10.0.0.1/31",
            "128.0.0.0/0",
            "2001:db8::1/32",
            "::1/0",
            "::ffff:10.0.0.1/104",
            "::ffff:10.0.0.0/95",
            "::ffff:0.0.0.0/80",
        ] {
            assert_eq!(TrustedProxies::parse([bad]).unwrap_err(), NetworkError::HostBits, "{bad}");
        }
        assert!(holds("0.0.0.0".parse().unwrap(), 0, "255.1.2.3".parse().unwrap()));
        assert!(holds("::".parse().unwrap(), 0, "2001:db8::1".parse().unwrap()));
    }
}
