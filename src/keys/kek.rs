//! The key-encryption key: 32 bytes that seal every other key, kept apart from what they seal (PCI-05).

use base64::Engine as _;
use zeroize::Zeroizing;

use super::seal::SealKey;

/// Why the key-encryption key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the key-encryption key must be 32 random bytes, raw or as base64 or hex; `countersign init` makes one"
)]
pub struct KekError;

/// Takes the 32 bytes from what a secret reference holds: raw, base64 or hex, with or without a line end.
///
/// # Errors
/// [`KekError`] for anything else.
pub fn read_kek(secret: &[u8]) -> Result<SealKey, KekError> {
    if let Ok(raw) = <[u8; 32]>::try_from(secret) {
        return Ok(SealKey::new(&Zeroizing::new(raw)));
    }
    let text = std::str::from_utf8(secret).map_err(|_| KekError)?.trim();
    let decoded = data_encoding::HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .ok()
        .or_else(|| base64::engine::general_purpose::STANDARD.decode(text).ok())
        .or_else(|| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok())
        .map(Zeroizing::new);
    let bytes: [u8; 32] = decoded
        .and_then(|bytes| bytes.as_slice().try_into().ok())
        .ok_or(KekError)?;
    Ok(SealKey::new(&Zeroizing::new(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_spellings_of_one_key_are_read_and_others_refused() {
        let raw = [7_u8; 32];
        let sealed = read_kek(&raw).unwrap().seal(b"context", b"text", [1; 12]);
        let spellings = [
            data_encoding::HEXLOWER.encode(&raw),
            base64::engine::general_purpose::STANDARD.encode(raw) + "\n",
            countersign_jose::base64url(raw),
        ];
        for spelling in spellings {
            assert!(
                read_kek(spelling.as_bytes())
                    .unwrap()
                    .open(b"context", &sealed)
                    .is_ok()
            );
        }
        for bad in [
            &b""[..],
            b"short",
            &[0; 31],
            &[0; 33],
            b"not base64 at all, but quite long indeed!",
        ] {
            assert!(read_kek(bad).is_err());
        }
    }
}
