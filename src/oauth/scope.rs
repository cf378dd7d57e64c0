//! Scopes (RFC 6749, section 3.3).

/// A set of scope tokens: in alphabetical order, each once, separated by single spaces. Each access token remembered
/// has one, and each Txn-Token says it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(Box<str>);

/// What the gateway's own questions about a payment carry; no client has it, so a backend can tell them apart.
pub const SETTLEMENT: &str = "settlement";

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
        let mut tokens: Vec<&str> = text.split(' ').collect();
        if !tokens.iter().copied().all(valid) {
            return None;
        }
        tokens.sort_unstable();
        tokens.dedup();
        Some(Self(tokens.join(" ").into_boxed_str()))
    }

    /// Whether every token of `needed` is in this scope.
    #[must_use]
    pub fn covers(&self, needed: &Self) -> bool {
        needed.tokens().all(|token| self.contains(token))
    }

    /// Whether `token` is in this scope.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.tokens().any(|held| held == token)
    }

    /// Whether there is no token in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens in alphabetical order.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        // What is empty has no token; `split` would find one of no length.
        self.0.split(' ').filter(|token| !token.is_empty())
    }

    /// The tokens in alphabetical order, separated by spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
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
        assert_eq!(scope, Scope::parse("accounts payments").unwrap());
        assert_eq!(scope.tokens().collect::<Vec<_>>(), ["accounts", "payments"]);
    }

    #[test]
    fn nothing_and_parts_of_tokens_are_in_no_scope() {
        let (scope, nothing) = (Scope::parse("accounts payments").unwrap(), Scope::default());
        for token in ["", " ", "account", "payments ", "accounts payments", "nts pay"] {
            assert!(!scope.contains(token) && !nothing.contains(token), "{token:?}");
        }
        assert!(nothing.is_empty() && nothing.tokens().next().is_none());
        assert!(!nothing.covers(&scope) && nothing.covers(&nothing));
    }

    #[test]
    fn other_separators_and_characters_are_refused() {
        for bad in ["a  b", " a", "a ", "a\tb", "a\"b", "a\\b", "ä", &"x".repeat(2049)] {
            assert!(Scope::parse(bad).is_none(), "{bad:?}");
        }
    }
}
