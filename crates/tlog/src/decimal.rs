//! Decimal numbers with one spelling, as all C2SP formats have them.

/// The number, if the text is digits without a leading zero and fits 63 bits.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let number: u64 = if plain { text.parse().ok()? } else { return None };
    (number <= i64::MAX.unsigned_abs()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn one_number_has_one_spelling() {
        assert_eq!(parse("0"), Some(0));
        assert_eq!(parse("9223372036854775807"), Some((1 << 63) - 1));
        for wrong in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1_0",
            "0x1",
            "9223372036854775808",
            "٣",
        ] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
