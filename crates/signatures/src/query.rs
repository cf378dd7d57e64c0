//! `@query-param` (RFC 9421, section 2.2.8): one query parameter, decoded as an HTML form would be and encoded again in
//! the one canonical way, so that `+`, `%20` and `%7e` do not make different signatures.

use crate::base::BaseFault;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Writes the encoded value of the only parameter of `query` whose encoded name is `name`.
pub(crate) fn write_query_param(name: &str, query: &str, out: &mut String) -> Result<(), BaseFault> {
    let mut encoded = String::with_capacity(name.len());
    let mut found = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (raw_name, raw_value) = pair.split_once('=').unwrap_or((pair, ""));
        encoded.clear();
        // A name that is not UTF-8 cannot be the one asked for.
        if encode_again(raw_name, &mut encoded).is_none() || encoded != name {
            continue;
        }
        if found.replace(raw_value).is_some() {
            return Err(BaseFault::QueryParamRepeated);
        }
    }
    encode_again(found.ok_or(BaseFault::QueryParamMissing)?, out).ok_or(BaseFault::QueryParamNotUtf8)
}

/// Decodes a form-encoded text and writes it percent-encoded; `None` when it is not UTF-8: the replacement characters
/// that HTML puts there would give different texts the same value.
fn encode_again(raw: &str, out: &mut String) -> Option<()> {
    let decoded = decode(raw.as_bytes());
    std::str::from_utf8(&decoded).ok()?;
    for byte in decoded {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend([byte >> 4, byte & 0x0f].map(hex_digit));
        }
    }
    Some(())
}

fn hex_digit(nibble: u8) -> char {
    HEX.get(usize::from(nibble)).copied().map_or('0', char::from)
}

/// `application/x-www-form-urlencoded` decoding: a plus is a space; a percent sign without two hexadecimal digits
/// stands for itself.
fn decode(raw: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, later)) = rest.split_first() {
        rest = later;
        match byte {
            b'+' => decoded.push(b' '),
            b'%' => match later
                .split_first_chunk::<2>()
                .and_then(|(digits, after)| Some((octet(*digits)?, after)))
            {
                Some((octet, after)) => {
                    decoded.push(octet);
                    rest = after;
                }
                None => decoded.push(b'%'),
            },
            other => decoded.push(other),
        }
    }
    decoded
}

fn octet([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::write_query_param;
    use crate::base::BaseFault;

    fn value(name: &str, query: &str) -> Result<String, BaseFault> {
        let mut out = String::new();
        write_query_param(name, query, &mut out).map(|()| out)
    }

    /// The examples of RFC 9421, section 2.2.8.
    #[test]
    fn values_are_decoded_and_encoded_again() {
        let query = "var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something";
        assert_eq!(
            value("var", query).unwrap(),
            "this%20is%20a%20big%0Amultiline%20value"
        );
        assert_eq!(value("bar", query).unwrap(), "with%20plus%20whitespace");
        assert_eq!(value("fa%C3%A7ade%22%3A%20", query).unwrap(), "something");
        let query = "param=value&foo=bar&baz=batman&qux=";
        assert_eq!(value("baz", query).unwrap(), "batman");
        assert_eq!(value("qux", query).unwrap(), "");
    }

    #[test]
    fn a_name_written_in_two_ways_is_still_repeated() {
        assert_eq!(value("a", "a=1&%61=2"), Err(BaseFault::QueryParamRepeated));
        assert_eq!(value("a", "a=1&a"), Err(BaseFault::QueryParamRepeated));
    }

    #[test]
    fn a_missing_or_not_canonically_named_parameter_is_refused() {
        assert_eq!(value("b", "a=1"), Err(BaseFault::QueryParamMissing));
        assert_eq!(value("a", ""), Err(BaseFault::QueryParamMissing));
        assert_eq!(value("%61", "a=1"), Err(BaseFault::QueryParamMissing));
        assert_eq!(
            value("fa%c3%a7ade", "fa%c3%a7ade=1"),
            Err(BaseFault::QueryParamMissing)
        );
    }

    #[test]
    fn values_outside_utf8_and_broken_escapes_do_not_collide() {
        assert_eq!(value("a", "a=%ff"), Err(BaseFault::QueryParamNotUtf8));
        assert_eq!(value("a", "a=%zz").unwrap(), "%25zz");
        assert_eq!(value("a", "a=%").unwrap(), "%25");
    }
}
