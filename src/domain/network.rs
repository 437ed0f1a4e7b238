//! Network addresses, as limits see them.

use std::net::{IpAddr, Ipv6Addr};

/// The network address of a request, for limits.
///
/// IPv4 counts as a whole address. IPv6 counts as its /64 and, with higher limits, as its /56 and
/// its /48. IPv4-mapped IPv6 addresses are treated as IPv4. The host must take the address from the
/// connection or from a proxy that it trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetworkAddress(IpAddr);

impl NetworkAddress {
    /// Creates the network address of a peer.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// Returns the address, for the audit log.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.0
    }

    /// Returns the smallest network that counts, the /32 or the /64, as 17 bytes.
    #[must_use]
    pub fn near(&self) -> [u8; 17] {
        match self.0 {
            IpAddr::V4(v4) => tagged(4, v4.to_ipv6_mapped()),
            IpAddr::V6(v6) => tagged(64, masked(v6, 64)),
        }
    }

    /// Returns the network that providers give to one subscriber, the /56 of an IPv6 address, as 17
    /// bytes. Returns `None` for IPv4.
    #[must_use]
    pub fn subscriber(&self) -> Option<[u8; 17]> {
        match self.0 {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => Some(tagged(56, masked(v6, 56))),
        }
    }

    /// Returns the network of one subscriber, the /32 or the /56, as 17 bytes. Limits on the number
    /// of networks use it.
    #[must_use]
    pub fn of_one_subscriber(&self) -> [u8; 17] {
        self.subscriber().unwrap_or_else(|| self.near())
    }

    /// Returns the network of one site, the /48 of an IPv6 address, as 17 bytes. Returns `None` for
    /// IPv4.
    #[must_use]
    pub fn wide(&self) -> Option<[u8; 17]> {
        match self.0 {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => Some(tagged(48, masked(v6, 48))),
        }
    }
}

impl From<IpAddr> for NetworkAddress {
    fn from(address: IpAddr) -> Self {
        Self::new(address)
    }
}

fn masked(address: Ipv6Addr, bits: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits)))
}

fn tagged(tag: u8, address: Ipv6Addr) -> [u8; 17] {
    let mut bytes = [0; 17];
    let (head, tail) = bytes.split_at_mut(1);
    head.fill(tag);
    tail.copy_from_slice(&address.octets());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> NetworkAddress {
        NetworkAddress::new(text.parse().unwrap())
    }

    #[test]
    fn ipv6_neighbours_share_a_64_and_a_48() {
        let (a, b) = (network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_eq!(a.near(), b.near());
        let c = network("2001:db8:1:3::1");
        assert_ne!(a.near(), c.near());
        assert_eq!(a.wide(), c.wide());
        assert_ne!(a.wide(), network("2001:db8:2::1").wide());
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_eq!(network("192.0.2.1").wide(), None);
        assert_ne!(network("192.0.2.1").near(), network("192.0.2.2").near());
    }

    #[test]
    fn each_kind_of_network_has_a_tag_of_its_own() {
        let (v4, v6) = (network("192.0.2.1"), network("2001:db8:1:2::1"));
        let bytes = |head: &[u8], tail: &[u8]| {
            let mut bytes = [0; 17];
            bytes[..head.len()].copy_from_slice(head);
            bytes[17 - tail.len()..].copy_from_slice(tail);
            bytes
        };
        assert_eq!(v4.near(), bytes(&[4], &[0xff, 0xff, 192, 0, 2, 1]));
        assert_eq!(v6.near(), bytes(&[64, 0x20, 1, 0xd, 0xb8, 0, 1, 0, 2], &[]));
        assert_eq!(v6.wide(), Some(bytes(&[48, 0x20, 1, 0xd, 0xb8, 0, 1], &[])));
        assert_eq!(NetworkAddress::from(std::net::IpAddr::from([192, 0, 2, 1])), v4);
    }
}
