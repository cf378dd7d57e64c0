//! Values that must not be seen.

use zeroize::{Zeroize, Zeroizing};

/// A secret: it prints as `[secret]`, compares in constant time, and is wiped when dropped.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes `value` into keeping.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Whether both hold the same bytes, in a time that depends on their lengths only.
    #[must_use]
    pub fn equals(&self, other: &[u8]) -> bool {
        use subtle::ConstantTimeEq as _;
        self.0.as_ref().ct_eq(other).into()
    }
}

impl<T: Zeroize> std::fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert!(secret.equals(b"hunter2") && !secret.equals(b"hunter3") && !secret.equals(b"hunter"));
    }
}
