//! `htu`: the target URL without query and fragment, compared after normalisation (RFC 9449, section 4.3-9; RFC 3986,
//! sections 6.2.2 and 6.2.3).

/// The normal form of an absolute http(s) URL without query and fragment: scheme and host in lower case, no default
/// port, dot segments resolved, percent-encoding in upper case and only where needed. `None` for anything else.
#[must_use]
pub fn normalise(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let authority = authority.to_ascii_lowercase();
    if authority.contains('@') || !authority.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    let authority = authority.strip_suffix(default_port).unwrap_or(&authority);
    let authority = authority.strip_suffix(':').unwrap_or(authority);
    if authority.is_empty() {
        return None;
    }
    let path = without_dot_segments(&percent_normal(path)?);
    Some(format!("{scheme}://{authority}{path}"))
}

fn percent_normal(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digit = |byte: u8| {
                    char::from(byte)
                        .to_digit(16)
                        .and_then(|digit| u8::try_from(digit).ok())
                };
                let value = digit(bytes.next()?)? * 16 + digit(bytes.next()?)?;
                if value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~') {
                    out.push(char::from(value));
                } else {
                    out.push_str(&format!("%{value:02X}"));
                }
            }
            0x21..=0x7e => out.push(char::from(byte)),
            _ => return None,
        }
    }
    Some(out)
}

/// RFC 3986, section 5.2.4, for a path that starts with a slash.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            other => {
                kept.push(other);
                continue;
            }
        }
        if last {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::normalise;

    /// DPOP-04
    #[test]
    fn spellings_of_one_url_are_one_url() {
        let plain = normalise("https://bank.example/oauth/token").unwrap();
        for spelling in [
            "HTTPS://Bank.Example/oauth/token",
            "https://bank.example:443/oauth/token",
            "https://bank.example:/oauth/token",
            "https://bank.example/oauth/./token",
            "https://bank.example/x/../oauth/token",
            "https://bank.example/oauth/%74oken",
            "https://bank.example/oauth/token?query=1#fragment",
        ] {
            assert_eq!(normalise(spelling).as_deref(), Some(plain.as_str()), "{spelling}");
        }
        assert_eq!(
            normalise("https://bank.example"),
            normalise("https://bank.example/")
        );
        assert_eq!(normalise("https://a/%2f").as_deref(), Some("https://a/%2F"));
        assert_eq!(normalise("https://a/b/..").as_deref(), Some("https://a/"));
    }

    #[test]
    fn another_url_is_another_url() {
        let plain = normalise("https://bank.example/oauth/token").unwrap();
        for other in [
            "http://bank.example/oauth/token",
            "https://bank.example:8443/oauth/token",
            "https://bank.example/oauth/Token",
            "https://bank.example/oauth/token/",
            "https://bank.example/oauth%2Ftoken",
        ] {
            assert_ne!(normalise(other).as_deref(), Some(plain.as_str()), "{other}");
        }
    }

    #[test]
    fn what_is_no_absolute_url_is_refused() {
        for bad in [
            "",
            "/oauth/token",
            "ftp://a/",
            "https://",
            "https:///x",
            "https://u@a/",
            "https://a/%4",
            "https://a/ b",
        ] {
            assert!(normalise(bad).is_none(), "{bad:?}");
        }
    }
}
