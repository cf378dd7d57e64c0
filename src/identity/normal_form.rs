//! How long the normal form of a name or password may be. NFKC makes text longer: one character of three bytes (U+FDFA) becomes
//! eighteen of 33, so a bound on what arrives bounds nothing that is kept.

/// What `characters` spell, unless that is longer than `most` bytes: then no more of it is made. It takes just the memory it
/// needs and is never copied, since it may be a secret.
pub(super) fn within(characters: impl Iterator<Item = char> + Clone, most: usize) -> Option<String> {
    let mut bytes = 0;
    for character in characters.clone() {
        bytes += character.len_utf8();
        if bytes > most {
            return None;
        }
    }
    let mut text = String::with_capacity(bytes);
    text.extend(characters);
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::within;

    #[test]
    fn what_becomes_too_long_is_not_made_to_its_end() {
        let made = Cell::new(0);
        let counted = || {
            "ab".chars()
                .cycle()
                .take(1000)
                .inspect(|_| made.set(made.get() + 1))
        };
        assert_eq!(within(counted(), 10), None);
        assert_eq!(made.get(), 11);
        let text = within("ä€b".chars(), 6).unwrap();
        assert_eq!((text.as_str(), text.capacity()), ("ä€b", 6));
        assert_eq!(within("ä€b".chars(), 5), None);
    }
}
