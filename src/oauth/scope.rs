//! Scopes (RFC 6749, section 3.3).

use std::collections::BTreeSet;

/// A set of scope tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(BTreeSet<String>);

/// Longest scope read, in bytes.
const MAX_BYTES: usize = 2048;

impl Scope {
    /// Reads tokens separated by single spaces; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        if text.is_empty() {
            return Some(Self::default());
        }
        let tokens = text
            .split(' ')
            .map(|token| valid(token).then(|| token.to_owned()));
        tokens.collect::<Option<_>>().map(Self)
    }

    /// Whether every token of `needed` is in this scope.
    #[must_use]
    pub fn covers(&self, needed: &Self) -> bool {
        self.0.is_superset(&needed.0)
    }

    /// Whether `token` is in this scope.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.0.contains(token)
    }

    /// Whether there is no token in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens in alphabetical order.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, token) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(token)?;
        }
        Ok(())
    }
}

fn valid(token: &str) -> bool {
    !token.is_empty()
        && token
            .bytes()
            .all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn order_and_repetition_do_not_matter() {
        let scope = Scope::parse("payments accounts payments").unwrap();
        assert_eq!(scope.to_string(), "accounts payments");
        assert!(scope.covers(&Scope::parse("accounts").unwrap()));
        assert!(!scope.covers(&Scope::parse("accounts approvals").unwrap()));
        assert!(scope.covers(&Scope::default()));
    }

    #[test]
    fn other_separators_and_characters_are_refused() {
        for bad in ["a  b", " a", "a ", "a\tb", "a\"b", "a\\b", "ä", &"x".repeat(2049)] {
            assert!(Scope::parse(bad).is_none(), "{bad:?}");
        }
    }
}
