//! Which addresses are one sender.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network: an address with its host bits zero, and how many bits are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    fn v4(address: Ipv4Addr, prefix: u8) -> Self {
        let mask = u32::MAX
            .checked_shl(32_u32.saturating_sub(prefix.into()))
            .unwrap_or(0);
        Self {
            address: Ipv4Addr::from_bits(address.to_bits() & mask).into(),
            prefix,
        }
    }

    fn v6(address: Ipv6Addr, prefix: u8) -> Self {
        let mask = u128::MAX
            .checked_shl(128_u32.saturating_sub(prefix.into()))
            .unwrap_or(0);
        Self {
            address: Ipv6Addr::from_bits(address.to_bits() & mask).into(),
            prefix,
        }
    }

    /// Its first address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The networks an address is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// What one subscriber holds at least: an IPv4 address; an IPv6 /64, in which every host has 2^64 addresses to choose
    /// from (RFC 4291, section 2.5.1).
    pub host: Network,
    /// What one IPv6 site may hold: a /48 (RFC 6177), in which there are 65,536 of the former.
    pub site: Option<Network>,
    /// The neighbourhood: those who share a fate when there are more sources than can be remembered one by one.
    pub region: Network,
}

impl Source {
    /// IPv4 mapped into IPv6 is IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self {
                host: Network::v4(address, 32),
                site: None,
                region: Network::v4(address, 16),
            },
            IpAddr::V6(address) => Self {
                host: Network::v6(address, 64),
                site: Some(Network::v6(address, 48)),
                region: Network::v6(address, 32),
            },
        }
    }

    /// Every network that can be banned, or counted together, of which the address is part.
    pub fn networks(&self) -> impl Iterator<Item = Network> + use<> {
        std::iter::once(self.host).chain(self.site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_counted_by_its_networks() {
        let networks = |text: &str| {
            let source = Source::of(text.parse().unwrap());
            let site = source.site.map(|site| site.to_string());
            (
                source.host.to_string(),
                site.unwrap_or_default(),
                source.region.to_string(),
            )
        };
        let v4 = (
            "203.0.113.77/32".to_owned(),
            String::new(),
            "203.0.0.0/16".to_owned(),
        );
        assert_eq!(networks("203.0.113.77"), v4);
        assert_eq!(networks("::ffff:203.0.113.77"), v4);
        assert_eq!(
            networks("2001:db8:1:2:3:4:5:6"),
            (
                "2001:db8:1:2::/64".to_owned(),
                "2001:db8:1::/48".to_owned(),
                "2001:db8::/32".to_owned()
            )
        );
    }
}
