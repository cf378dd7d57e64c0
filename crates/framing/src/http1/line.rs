//! Lines, and the bytes that may stand in them.

use super::reason::Reason;

/// Bytes looked at together when a line's end is searched; a run of this length compiles to vector instructions.
const LANE: usize = 32;

/// Where the next LF stands.
pub(super) fn find_line_feed(bytes: &[u8]) -> Option<usize> {
    let mut before = 0;
    for lane in bytes.chunks(LANE) {
        // No early exit, so that the whole lane is compared at once.
        if lane.iter().fold(false, |found, byte| found | (*byte == b'\n')) {
            let within = lane.iter().position(|byte| *byte == b'\n')?;
            return Some(before + within);
        }
        before += lane.len();
    }
    None
}

/// A line without its CRLF. `line` ends with LF.
pub(super) fn text(line: &[u8]) -> Result<&[u8], Reason> {
    let text = line.strip_suffix(b"\r\n").ok_or(Reason::BareLineFeed)?;
    let bare = text.iter().fold(false, |found, byte| found | (*byte == b'\r'));
    if bare {
        return Err(Reason::BareCarriageReturn);
    }
    Ok(text)
}

/// Without the optional whitespace around it (RFC 9110, section 5.6.3).
pub(super) fn trim(value: &[u8]) -> &[u8] {
    let mut value = value;
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Whether it is a token (RFC 9110, section 5.6.2).
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

/// Whether no control character stands in it but the tab (RFC 9110, section 5.5). Bytes above ASCII are opaque and stay.
pub(super) fn is_printable(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |good, byte| {
        good & ((*byte >= b' ' && *byte != 0x7f) || *byte == b'\t')
    })
}

const fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.'
        | b'^' | b'_' | b'`' | b'|' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_feed_is_found_wherever_it_stands() {
        for length in 0..100 {
            let mut bytes = vec![b'a'; length];
            assert_eq!(find_line_feed(&bytes), None);
            for place in 0..length {
                bytes[place] = b'\n';
                assert_eq!(find_line_feed(&bytes), Some(place));
                bytes[place] = b'a';
            }
        }
    }

    #[test]
    fn only_spaces_and_tabs_are_trimmed() {
        assert_eq!(trim(b" \t a b \t"), b"a b");
        assert_eq!(trim(b"\x0bchunked\x0c"), b"\x0bchunked\x0c");
        assert_eq!(trim(b" \t "), b"");
    }
}
