//! The gateway's public URL: its issuer identifier, the authority clients sign in `@target-uri`, the origin of its pages.

use std::fmt;

use http::Uri;
use http::uri::Authority;

use super::quantity::digits;
use super::value::{Complaint, Parsed, Value};

/// An `https` URL of scheme and authority only (RFC 8414 section 2: an issuer without query or fragment; ours without a
/// path as well, since its well-known documents stand at the root).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    host: String,
    port: u16,
}

impl PublicUrl {
    /// The URL without a trailing slash; the default port is left out. This is the issuer identifier.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host, with the port unless it is the default one, as it stands in the `Host` header.
    pub fn authority(&self) -> &str {
        self.text.strip_prefix("https://").unwrap_or(&self.text)
    }

    /// Host without port; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port, 443 when the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same host on another port.
    #[must_use]
    pub fn with_port(&self, port: u16) -> PublicUrl {
        PublicUrl {
            text: format!("https://{}", authority(&self.host, port)),
            host: self.host.clone(),
            port,
        }
    }

    /// `https://localhost` on a port.
    #[must_use]
    pub fn localhost(port: u16) -> PublicUrl {
        PublicUrl {
            text: format!("https://{}", authority("localhost", port)),
            host: "localhost".to_owned(),
            port,
        }
    }

    /// The URL `https://AUTHORITY` in its normal form; `None` when the text is nothing of the kind.
    pub fn parse(text: &str) -> Option<PublicUrl> {
        let uri: Uri = text.parse().ok()?;
        let given = uri.authority()?;
        let bare = uri.path() == "/" && uri.query().is_none() && !text.contains('#') && !text.contains('@');
        if uri.scheme_str() != Some("https") || !bare {
            return None;
        }
        let (host, port) = host_and_port(given, 443)?;
        Some(PublicUrl {
            text: format!("https://{}", authority(&host, port)),
            host,
            port,
        })
    }

    pub(super) fn read(value: &Value<'_>) -> Parsed<PublicUrl> {
        PublicUrl::parse(value.text()?).ok_or_else(|| {
            let problem = format!("{} is no public URL", value.quoted());
            Complaint::new(
                problem,
                "write https:// with host and port only, such as \"https://pay.example.com\"",
            )
        })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An authority such as `pay.example.com` or `localhost:8443`, in the form the `Host` header has.
pub(super) fn read_authority(value: &Value<'_>) -> Parsed<String> {
    let text = value.text()?;
    let url = PublicUrl::parse(&format!("https://{text}"));
    url.map(|url| url.authority().to_owned()).ok_or_else(|| {
        let problem = format!("{} is no host", value.quoted());
        Complaint::new(
            problem,
            "write host and, unless it is 443, port, such as \"login.example.com\"",
        )
    })
}

fn authority(host: &str, port: u16) -> String {
    if port == 443 {
        host.to_owned()
    } else {
        format!("{host}:{port}")
    }
}

/// Host in its normal form and port of an authority without user information. A port that is no number from 1 to 65535
/// is refused; `Authority::port` would take it for absent.
pub(super) fn host_and_port(authority: &Authority, default_port: u16) -> Option<(String, u16)> {
    let port = match authority.as_str().strip_prefix(authority.host())? {
        "" => default_port,
        port => port
            .strip_prefix(':')
            .and_then(digits)
            .filter(|port| *port != 0)?,
    };
    Some((normal_host(authority.host())?, port))
}

/// A DNS name in lower case or an IP address; anything a resolver could read in two ways is refused.
fn normal_host(host: &str) -> Option<String> {
    if let Some(v6) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return v6
            .parse::<std::net::Ipv6Addr>()
            .ok()
            .map(|address| format!("[{address}]"));
    }
    if host.parse::<std::net::Ipv4Addr>().is_ok() {
        return Some(host.to_owned());
    }
    let label = |label: &str| {
        let plain = label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=63).contains(&label.len()) && plain && !label.starts_with('-') && !label.ends_with('-')
    };
    let last_is_name = host
        .rsplit('.')
        .next()
        .is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()));
    (host.len() <= 253 && last_is_name && host.split('.').all(label)).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_brought_to_one_form() {
        for (given, url, authority, port) in [
            (
                "https://Pay.Example.com:443/",
                "https://pay.example.com",
                "pay.example.com",
                443,
            ),
            (
                "https://localhost:8443",
                "https://localhost:8443",
                "localhost:8443",
                8443,
            ),
            ("https://[0:0::1]:8443", "https://[::1]:8443", "[::1]:8443", 8443),
        ] {
            let parsed = PublicUrl::parse(given).unwrap();
            assert_eq!(
                (parsed.as_str(), parsed.authority(), parsed.port()),
                (url, authority, port)
            );
        }
        assert_eq!(
            PublicUrl::parse("https://localhost:8443")
                .unwrap()
                .with_port(443)
                .as_str(),
            "https://localhost"
        );
    }

    #[test]
    fn what_is_more_or_less_than_https_and_authority_is_refused() {
        for refused in [
            "http://pay.example.com",
            "https://pay.example.com/path",
            "https://pay.example.com?query",
            "https://pay.example.com#fragment",
            "https://user@pay.example.com",
            "https://pay.example.com:",
            "https://pay.example.com:0",
            "https://pay.example.com:99999",
            "https://pay.example.com:+443",
            "https://127.1",
            "https://-pay.example.com",
            "https://pay..example.com",
            "https://pay_example.com",
            "pay.example.com",
            "",
        ] {
            assert_eq!(PublicUrl::parse(refused), None, "{refused}");
        }
    }
}
