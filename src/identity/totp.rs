//! Time-based one-time passwords (RFC 6238): SHA-1, six digits, 30 seconds, one step of tolerance, each step once.

use ring::hmac;
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use crate::base::{CustomerId, Secret, Timestamp};
use crate::store::Batch;

/// Seconds of one step.
const STEP_SECONDS: i64 = 30;
/// Digits of a code.
const DIGITS: usize = 6;
/// Fewest bytes of a secret: 128 bits (RFC 4226, section 4, R6).
const MIN_SECRET_BYTES: usize = 16;
/// Most bytes of a secret; longer ones gain nothing.
const MAX_SECRET_BYTES: usize = 64;

/// The guard of [`consume`]: it does not hold when the step, or a later one, was used before.
pub const STEP_IS_UNUSED: &str = "totp step is unused";

/// A secret shared with the customer's authenticator.
#[derive(Clone, Debug)]
pub struct TotpSecret(Secret<Vec<u8>>);

/// Why a secret is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be base32 of 16 to 64 bytes (RFC 4226 asks for at least 128 bits)")]
pub struct SecretError;

impl TotpSecret {
    /// From raw bytes.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn new(bytes: &[u8]) -> Result<Self, SecretError> {
        if !(MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&bytes.len()) {
            return Err(SecretError);
        }
        Ok(Self(Secret::new(bytes.to_vec())))
    }

    /// Reads base32 as authenticator apps show it: any case, with or without spaces and padding.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn from_base32(text: &str) -> Result<Self, SecretError> {
        let compact: String = text.chars().filter(|c| *c != ' ').collect();
        let compact = compact.trim_end_matches('=').to_ascii_uppercase();
        let bytes = data_encoding::BASE32_NOPAD
            .decode(compact.as_bytes())
            .map_err(|_| SecretError)?;
        Self::new(&bytes)
    }

    /// The bytes, to be sealed.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// The step `code` belongs to, if it is the one of now, one before or one after.
    #[must_use]
    pub fn matching_step(&self, code: &str, now: Timestamp) -> Option<i64> {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.expose());
        let current = now.seconds().div_euclid(STEP_SECONDS);
        let mut matched = -1_i64;
        for step in [current - 1, current, current + 1] {
            let equal = code_at(&key, step).as_bytes().ct_eq(code.as_bytes());
            matched = i64::conditional_select(&matched, &step, equal);
        }
        (matched >= 0).then_some(matched)
    }

    /// The code of this moment, for the side that shows it.
    #[must_use]
    pub fn code(&self, now: Timestamp) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.expose());
        code_at(&key, now.seconds().div_euclid(STEP_SECONDS))
    }
}

/// Whether `text` can be a code at all; says nothing of any customer.
#[must_use]
pub fn is_code(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit())
}

/// Takes a step, so that neither it nor an earlier one is accepted again. The guard [`STEP_IS_UNUSED`] decides between
/// two who use one code at once.
pub fn consume(batch: &mut Batch, customer: &CustomerId, step: i64) {
    batch.one_row(
        STEP_IS_UNUSED,
        "UPDATE totp SET last_step = $2 WHERE customer = $1 AND last_step < $2",
        vec![customer.as_str().into(), step.into()],
    );
}

/// RFC 4226, section 5.3.
fn code_at(key: &hmac::Key, step: i64) -> String {
    let tag = hmac::sign(key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or_default() & 0x0f);
    let mut word = [0; 4];
    if let Some(bytes) = tag.get(offset..offset + 4) {
        word.copy_from_slice(bytes);
    }
    let number = (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000;
    format!("{number:0DIGITS$}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn secret() -> TotpSecret {
        TotpSecret::new(b"12345678901234567890").unwrap()
    }

    /// RFC 6238, appendix B, SHA-1, the last six of its eight digits.
    #[test]
    fn the_vectors_of_the_rfc() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let now = Timestamp::from_seconds(seconds);
            assert_eq!(secret().code(now), code);
            assert_eq!(secret().matching_step(code, now), Some(seconds / 30));
        }
    }

    #[test]
    fn one_step_of_tolerance_and_no_more() {
        let now = Timestamp::from_seconds(1_111_111_110);
        let step = now.seconds() / 30;
        for (ahead, expected) in [
            (-60, None),
            (-30, Some(step - 1)),
            (30, Some(step + 1)),
            (60, None),
        ] {
            let code = secret().code(Timestamp::from_seconds(now.seconds() + ahead));
            assert_eq!(secret().matching_step(&code, now), expected, "{ahead}");
        }
        let ten_minutes = now.plus(Duration::from_secs(600));
        assert_eq!(secret().matching_step(&secret().code(ten_minutes), now), None);
        for bad in ["", "28708", "2870820", "abcdef"] {
            assert_eq!(secret().matching_step(bad, now), None, "{bad}");
        }
    }

    #[test]
    fn secrets_are_read_as_apps_show_them() {
        let text = "gezd gnbv gy3t qojq gezd gnbv gy3t qojq";
        assert_eq!(
            TotpSecret::from_base32(text).unwrap().expose(),
            b"12345678901234567890"
        );
        for bad in ["", "GEZDGNBVGY3TQOJQ", "not base32!", "0189"] {
            assert!(TotpSecret::from_base32(bad).is_err(), "{bad}");
        }
        assert!(!format!("{:?}", secret()).contains("1234"));
    }
}
