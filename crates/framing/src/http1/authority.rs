//! Hosts with at most a port, as `Host` and targets name them (RFC 9110, section 7.2; RFC 3986, section 3.2).

/// Digits of a port.
const PORT_DIGITS: usize = 5;
/// Longest host, in bytes (RFC 1035, section 2.3.4).
const HOST_BYTES: usize = 255;

/// A host, with a port or without.
///
/// No user information, no escapes, no punctuation that DNS does not know: where parsers disagree on the host, they
/// disagree on these.
pub(super) fn is_well_formed(authority: &[u8]) -> bool {
    let (host, port) = split(authority);
    is_host(host) && port.is_none_or(is_port)
}

/// A host with a port, as CONNECT needs it (RFC 9112, section 3.2.3).
pub(super) fn is_with_port(authority: &[u8]) -> bool {
    split(authority).1.is_some() && is_well_formed(authority)
}

/// Host, and what stands behind the colon after it.
fn split(authority: &[u8]) -> (&[u8], Option<&[u8]>) {
    let from = if authority.first() == Some(&b'[') {
        authority
            .iter()
            .position(|byte| *byte == b']')
            .unwrap_or_default()
    } else {
        0
    };
    let colon = authority.iter().skip(from).position(|byte| *byte == b':');
    match colon.and_then(|colon| authority.split_at_checked(from + colon)) {
        Some((host, port)) => (host, port.get(1..)),
        None => (authority, None),
    }
}

fn is_host(host: &[u8]) -> bool {
    if host.len() > HOST_BYTES {
        return false;
    }
    match host {
        [] => false,
        [b'[', address @ .., b']'] => {
            std::str::from_utf8(address).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
        }
        name => name
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_')),
    }
}

fn is_port(port: &[u8]) -> bool {
    let fits = !port.is_empty() && port.len() <= PORT_DIGITS;
    fits && port.iter().all(u8::is_ascii_digit)
        && std::str::from_utf8(port).is_ok_and(|text| text.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_at_most_a_port() {
        for good in [
            "pay.example",
            "localhost:8443",
            "127.0.0.1:1",
            "[::1]:443",
            "[2001:db8::1]",
            "a_b.example",
        ] {
            assert!(is_well_formed(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":443",
            "pay.example:",
            "pay.example:70000",
            "pay.example:+80",
            "a@pay.example",
            "pay.example/x",
            "pay.example?x",
            "pay.example#x",
            "pay%2eexample",
            "pay.example:80:80",
            "[::1",
            "::1",
            "[::1]x",
            "[pay]",
            "pay example",
            "pay.example,evil.example",
            "p\u{e4}y",
            "[::1%25eth0]",
            "pay.example:443\\@evil.example",
        ] {
            assert!(!is_well_formed(bad.as_bytes()), "{bad}");
        }
        assert!(is_with_port(b"pay.example:443") && !is_with_port(b"pay.example"));
    }
}
