//! The PROXY protocol, version 2 (haproxy, doc/proxy-protocol.txt): what a proxy says before a connection's own first byte
//! about who is at its other end. Without I/O.
//!
//! Version 1 is text without a declared length and is refused; so is everything that names no TCP address, since the address
//! it names is what limits, bans and policies judge. Extensions (TLVs) are read past and not believed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The first twelve bytes (section 2.2): no other protocol begins with them, TLS least of all.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length of the rest.
const FIXED_BYTES: usize = 16;
/// Two IPv4 addresses and two ports.
const TCP4_BYTES: usize = 12;
/// Two IPv6 addresses and two ports.
const TCP6_BYTES: usize = 36;
/// Longest header read. The standard asks for 536 bytes (section 2.2); proxies that describe a TLS session or a cloud
/// endpoint in extensions stay under 1 KiB.
const HEADER_BYTES: usize = 2 * 1024;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// This client, by the proxy's word.
    Client(SocketAddr),
    /// The proxy itself, such as its health check (`LOCAL`).
    Proxy,
}

/// Why a header is refused. The connection is closed without a word (section 2: "the receiver must abort").
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The connection does not begin with the signature.
    #[error("there is no PROXY header of version 2")]
    Missing,
    /// Another version or command.
    #[error("the PROXY header has an unknown version or command")]
    Version,
    /// Not TCP over IPv4 or IPv6.
    #[error("the PROXY header names no TCP address")]
    Family,
    /// Shorter than its addresses, or longer than any we read.
    #[error("the PROXY header has an impossible length")]
    Length,
    /// Addresses nobody can have connected from.
    #[error("the PROXY header names an address that no client has")]
    Address,
}

/// A header on its way in.
#[derive(Debug, Default)]
pub(super) struct Header {
    bytes: Vec<u8>,
}

impl Header {
    /// How many bytes have to come before anything more is known; 0 when the header is whole. A byte more belongs to the
    /// connection and must not be read.
    pub(super) fn missing(&self) -> Result<usize, Refusal> {
        let known = self.bytes.len().min(SIGNATURE.len());
        if self.bytes.get(..known) != SIGNATURE.get(..known) {
            return Err(Refusal::Missing);
        }
        let Some(fixed) = self.bytes.first_chunk::<FIXED_BYTES>() else {
            return Ok(FIXED_BYTES - self.bytes.len());
        };
        let whole = FIXED_BYTES + rest_bytes(fixed)?;
        Ok(whole.saturating_sub(self.bytes.len()))
    }

    /// Takes bytes that came, at most as many as are missing.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What a whole header says.
    pub(super) fn origin(&self) -> Result<Origin, Refusal> {
        let (fixed, rest) = self
            .bytes
            .split_first_chunk::<FIXED_BYTES>()
            .ok_or(Refusal::Length)?;
        let [.., command, family, _, _] = fixed;
        match (command, family) {
            // Addresses of LOCAL are to be ignored, whatever they are.
            (0x20, _) => Ok(Origin::Proxy),
            (0x21, 0x11) => client(tcp4(rest)),
            (0x21, 0x21) => client(tcp6(rest)),
            (0x21, _) => Err(Refusal::Family),
            _ => Err(Refusal::Version),
        }
    }
}

/// The declared length of what follows the fixed part, once version, command and family are such that it may follow.
fn rest_bytes(fixed: &[u8; FIXED_BYTES]) -> Result<usize, Refusal> {
    let [.., command, family, high, low] = *fixed;
    let least = match (command, family) {
        (0x20, _) => 0,
        (0x21, 0x11) => TCP4_BYTES,
        (0x21, 0x21) => TCP6_BYTES,
        (0x21, _) => return Err(Refusal::Family),
        _ => return Err(Refusal::Version),
    };
    let rest = usize::from(u16::from_be_bytes([high, low]));
    if rest < least || FIXED_BYTES + rest > HEADER_BYTES {
        return Err(Refusal::Length);
    }
    Ok(rest)
}

/// Source address, destination address, source port, destination port, all in network order.
fn tcp4(rest: &[u8]) -> Option<(IpAddr, u16)> {
    let (addresses, _) = rest.split_first_chunk::<TCP4_BYTES>()?;
    let [a, b, c, d, _, _, _, _, high, low, _, _] = *addresses;
    Some((Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low])))
}

fn tcp6(rest: &[u8]) -> Option<(IpAddr, u16)> {
    let (source, rest) = rest.split_first_chunk::<16>()?;
    let (_destination, ports) = rest.split_first_chunk::<16>()?;
    let port = ports.first_chunk::<2>()?;
    // A proxy that listens on `[::]` writes IPv4 clients as mapped addresses.
    let source = Ipv6Addr::from(*source).to_canonical();
    Some((source, u16::from_be_bytes(*port)))
}

fn client(source: Option<(IpAddr, u16)>) -> Result<Origin, Refusal> {
    let (address, port) = source.ok_or(Refusal::Length)?;
    if address.is_unspecified() || address.is_multicast() {
        return Err(Refusal::Address);
    }
    Ok(Origin::Client(SocketAddr::new(address, port)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend((rest.len() as u16).to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    const V4: [u8; 12] = [203, 0, 113, 7, 192, 0, 2, 1, 0xd4, 0x31, 0x20, 0xfb];

    fn v6(source: Ipv6Addr) -> Vec<u8> {
        [
            &source.octets()[..],
            &Ipv6Addr::LOCALHOST.octets()[..],
            &[0x00, 0x50, 0x20, 0xfb],
        ]
        .concat()
    }

    /// Reads `bytes` in pieces of the given sizes (the last one for all that is left); what was taken, and what it says.
    fn read(bytes: &[u8], pieces: &[usize]) -> Result<(usize, Origin), Option<Refusal>> {
        let mut header = Header::default();
        let mut taken = 0;
        let mut pieces = pieces.iter().copied().chain(std::iter::repeat(usize::MAX));
        loop {
            let missing = header.missing().map_err(Some)?;
            if missing == 0 {
                return Ok((taken, header.origin().map_err(Some)?));
            }
            let piece = pieces.next().unwrap().clamp(1, missing);
            let end = (taken + piece).min(bytes.len());
            if end == taken {
                return Err(None);
            }
            header.push(&bytes[taken..end]);
            taken = end;
        }
    }

    fn refusal(bytes: &[u8]) -> Refusal {
        read(bytes, &[]).unwrap_err().unwrap()
    }

    #[test]
    fn a_client_is_named_by_its_proxy() {
        let four = header(0x21, 0x11, &V4);
        let expected = Origin::Client("203.0.113.7:54321".parse().unwrap());
        assert_eq!(read(&four, &[]), Ok((28, expected)));
        let six = header(0x21, 0x21, &v6("2001:db8::7".parse().unwrap()));
        let expected = Origin::Client("[2001:db8::7]:80".parse().unwrap());
        assert_eq!(read(&six, &[]), Ok((52, expected)));
        let mapped = header(0x21, 0x21, &v6("::ffff:203.0.113.7".parse().unwrap()));
        let expected = Origin::Client("203.0.113.7:80".parse().unwrap());
        assert_eq!(read(&mapped, &[]), Ok((52, expected)));
    }

    #[test]
    fn extensions_are_read_past_and_nothing_behind_them() {
        let mut rest = V4.to_vec();
        rest.extend([0x04, 0x00, 0x03, 1, 2, 3]);
        let mut bytes = header(0x21, 0x11, &rest);
        let length = bytes.len();
        bytes.extend([0x16, 0x03, 0x01]);
        assert_eq!(read(&bytes, &[]).unwrap().0, length);
    }

    #[test]
    fn the_proxys_own_connections_are_its_own_whatever_addresses_they_carry() {
        for (family, rest) in [
            (0x00, &[][..]),
            (0x11, &V4[..]),
            (0x31, &[0; 216][..]),
            (0xff, &[1][..]),
        ] {
            let bytes = header(0x20, family, rest);
            assert_eq!(read(&bytes, &[]), Ok((bytes.len(), Origin::Proxy)));
        }
    }

    #[test]
    fn what_is_no_header_is_refused_at_its_first_wrong_byte() {
        assert_eq!(refusal(b"\x16\x03\x01\x02\x00\x01"), Refusal::Missing);
        assert_eq!(
            refusal(b"PROXY TCP4 203.0.113.7 192.0.2.1 54321 8443\r\n"),
            Refusal::Missing
        );
        assert_eq!(refusal(b"\r\n\r\n\0\r\nQUIT\r"), Refusal::Missing);
        assert_eq!(read(&SIGNATURE[..5], &[]), Err(None), "not whole yet");
    }

    #[test]
    fn what_names_no_tcp_client_is_refused() {
        for (command, family, refused) in [
            (0x11, 0x11, Refusal::Version),
            (0x31, 0x11, Refusal::Version),
            (0x22, 0x11, Refusal::Version),
            (0x2f, 0x11, Refusal::Version),
            (0x21, 0x00, Refusal::Family),
            (0x21, 0x10, Refusal::Family),
            (0x21, 0x12, Refusal::Family),
            (0x21, 0x22, Refusal::Family),
            (0x21, 0x31, Refusal::Family),
            (0x21, 0x41, Refusal::Family),
        ] {
            assert_eq!(
                refusal(&header(command, family, &[1; 216])),
                refused,
                "{command:x} {family:x}"
            );
        }
        for nobody in ["0.0.0.0", "224.0.0.1"] {
            let mut rest = V4;
            rest[..4].copy_from_slice(&nobody.parse::<Ipv4Addr>().unwrap().octets());
            assert_eq!(refusal(&header(0x21, 0x11, &rest)), Refusal::Address);
        }
        for nobody in ["::", "ff02::1", "::ffff:0.0.0.0"] {
            let bytes = header(0x21, 0x21, &v6(nobody.parse().unwrap()));
            assert_eq!(refusal(&bytes), Refusal::Address);
        }
    }

    #[test]
    fn a_length_that_cannot_be_is_refused_before_the_rest_has_come() {
        assert_eq!(refusal(&header(0x21, 0x11, &V4[..11])), Refusal::Length);
        assert_eq!(refusal(&header(0x21, 0x21, &[1; 35])), Refusal::Length);
        let mut long = header(0x21, 0x11, &[]);
        long[14..16].copy_from_slice(&((HEADER_BYTES - FIXED_BYTES) as u16 + 1).to_be_bytes());
        assert_eq!(refusal(&long), Refusal::Length);
        let longest = header(0x21, 0x11, &[1; HEADER_BYTES - FIXED_BYTES]);
        assert_eq!(read(&longest, &[]).unwrap().0, HEADER_BYTES);
    }

    proptest! {
        /// However the bytes are cut up, the same comes out, and never more is taken than the header.
        #[test]
        fn any_split_reads_the_same(
            command in prop::sample::select(vec![0x20_u8, 0x21, 0x22]),
            family in prop::sample::select(vec![0x00_u8, 0x11, 0x21, 0x31]),
            rest in prop::collection::vec(any::<u8>(), 0..80),
            tail in prop::collection::vec(any::<u8>(), 0..20),
            pieces in prop::collection::vec(1_usize..20, 0..40),
        ) {
            let mut bytes = header(command, family, &rest);
            let length = bytes.len();
            bytes.extend(tail);
            let whole = read(&bytes, &[]);
            prop_assert_eq!(read(&bytes, &pieces), whole);
            prop_assert!(whole.is_err() || whole.unwrap().0 == length);
        }

        /// Any bytes: no panic, and nothing but a header is taken for one.
        #[test]
        fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0_usize..40) {
            if !bytes.starts_with(&SIGNATURE) {
                prop_assert!(read(&bytes, &[cut]).is_err());
            }
        }
    }
}
