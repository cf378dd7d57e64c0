//! `Forwarded` (RFC 7239) as the gateway writes it: one element that names the host the client called.

/// The `host` of a header with exactly one element, reached over `https` where it says by what; `None` for anything
/// else.
pub(crate) fn host(value: &str) -> Option<String> {
    let mut host = None;
    let mut rest = value;
    loop {
        let (name, after) = rest.trim_start().split_once('=')?;
        let (text, after) = read_value(after)?;
        if name.eq_ignore_ascii_case("host") {
            if host.replace(text).is_some() {
                return None;
            }
        } else if name.eq_ignore_ascii_case("proto") {
            if !text.eq_ignore_ascii_case("https") {
                return None;
            }
        } else if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let after = after.trim();
        if after.is_empty() {
            return host.filter(|host| !host.is_empty());
        }
        // A comma would begin a second element: another hop, which the gateway never writes.
        rest = after.strip_prefix(';')?;
    }
}

/// A token or a quoted string (RFC 9110, section 5.6), and what follows it.
fn read_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',', ' ', '\t']).unwrap_or(text.len());
        let (token, after) = text.split_at_checked(end)?;
        let sound = !token.is_empty() && !token.contains(['"', '=']);
        return sound.then(|| (token.to_owned(), after));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, quoted.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn the_host_of_the_one_element_is_read() {
        assert_eq!(
            host(r#"host="pay.example:8443";proto=https"#).as_deref(),
            Some("pay.example:8443")
        );
        assert_eq!(
            host("for=192.0.2.1;Host=pay.example").as_deref(),
            Some("pay.example")
        );
        assert_eq!(
            host(r#"for="[2001:db8::1]:4711"; host="p\"q""#).as_deref(),
            Some("p\"q")
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for wrong in [
            "",
            "for=192.0.2.1",
            "host=a, host=b",
            "host=a;host=b",
            r#"host="""#,
            r#"host="a"#,
            "host=a;proto=http",
            "host=a;",
            "host",
            r#"host=a"b"#,
            "h st=a",
        ] {
            assert_eq!(host(wrong), None, "{wrong}");
        }
    }
}
