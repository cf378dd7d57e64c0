//! DPoP nonces (RFC 9449, section 8): a keyed hash of the minute they were given in, so that no node stores any.

use countersign_jose::base64url;
use ring::hmac;
use subtle::ConstantTimeEq as _;

use crate::base::Timestamp;

/// Seconds for which one nonce is given out; the previous one is accepted for as long again.
const WINDOW_SECONDS: i64 = 60;
/// Bytes of the hash that make the nonce: 128 bits cannot be guessed.
const NONCE_BYTES: usize = 16;

/// Makes nonces and knows them again.
#[derive(Clone)]
pub struct Nonces(hmac::Key);

impl Nonces {
    /// With a key that all nodes share.
    #[must_use]
    pub const fn new(key: hmac::Key) -> Self {
        Self(key)
    }

    /// The nonce given out `now`.
    #[must_use]
    pub fn fresh(&self, now: Timestamp) -> String {
        self.of(now.seconds().div_euclid(WINDOW_SECONDS))
    }

    /// Whether `nonce` is the one given out now or the one before.
    #[must_use]
    pub fn knows(&self, nonce: &str, now: Timestamp) -> bool {
        let window = now.seconds().div_euclid(WINDOW_SECONDS);
        let is = |window: i64| self.of(window).as_bytes().ct_eq(nonce.as_bytes());
        (is(window) | is(window.saturating_sub(1))).into()
    }

    fn of(&self, window: i64) -> String {
        let tag = hmac::sign(
            &self.0,
            &[b"dpop-nonce/".as_slice(), &window.to_be_bytes()].concat(),
        );
        base64url(tag.as_ref().get(..NONCE_BYTES).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// DPOP-12: the previous nonce is good through the roll-over, an older one is not.
    #[test]
    fn a_nonce_is_good_for_its_minute_and_the_next() {
        let nonces = Nonces::new(hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]));
        let start = Timestamp::from_seconds(1_200);
        let nonce = nonces.fresh(start);
        assert_eq!(nonce.len(), 22);
        assert!(nonces.knows(&nonce, start.plus(Duration::from_secs(119))));
        assert!(!nonces.knows(&nonce, start.plus(Duration::from_secs(120))));
        assert!(!nonces.knows(&nonce, start.minus(Duration::from_secs(1))));
        assert!(!nonces.knows("", start));
        let others = Nonces::new(hmac::Key::new(hmac::HMAC_SHA256, &[2; 32]));
        assert!(!others.knows(&nonce, start));
    }
}
