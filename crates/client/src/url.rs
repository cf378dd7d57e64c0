//! URLs of the gateway, absolute and https, and forms.

use http::Uri;
use zeroize::Zeroizing;

use crate::error::Error;

/// Reads an absolute https URL without user information.
pub(crate) fn parse(text: &str) -> Result<Uri, Error> {
    let refused = || Error::Url(text.chars().take(200).collect());
    let uri: Uri = text.parse().map_err(|_| refused())?;
    let sound =
        uri.scheme_str() == Some("https") && uri.authority().is_some_and(|a| !a.as_str().contains('@'));
    if sound { Ok(uri) } else { Err(refused()) }
}

/// Scheme, host and port: a DPoP nonce given by an origin is good on all its paths.
pub(crate) fn origin(uri: &Uri) -> String {
    format!(
        "https://{}",
        uri.authority().map_or("", |authority| authority.as_str())
    )
}

/// The URL without query and fragment, as `htu` wants it (RFC 9449, section 4.2).
pub(crate) fn without_query(uri: &Uri) -> String {
    format!("{}{}", origin(uri), uri.path())
}

/// `application/x-www-form-urlencoded`; passwords may stand in it, so it is wiped when dropped.
pub(crate) fn form(fields: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    // Every byte may become three, and a growing buffer would leave copies of secrets behind.
    let room = fields
        .iter()
        .map(|(name, value)| 3 * (name.len() + value.len()) + 2)
        .sum();
    let mut out = Zeroizing::new(Vec::with_capacity(room));
    for (name, value) in fields {
        if !out.is_empty() {
            out.push(b'&');
        }
        encode(name, &mut out);
        out.push(b'=');
        encode(value, &mut out);
    }
    out
}

fn encode(text: &str, out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789ABCDEF";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            out.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_https_urls_are_taken() {
        for wrong in [
            "http://a.example",
            "/path",
            "https://user@a.example/",
            "a.example",
            "",
            "https://",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let uri = parse("https://a.example:8443/b?c=d").unwrap();
        assert_eq!(without_query(&uri), "https://a.example:8443/b");
    }

    #[test]
    fn forms_escape_everything_but_unreserved_characters() {
        let form = form(&[("a b", "ü&=+"), ("c", "x-._~9")]);
        assert_eq!(
            std::str::from_utf8(&form).unwrap(),
            "a%20b=%C3%BC%26%3D%2B&c=x-._~9"
        );
    }
}
