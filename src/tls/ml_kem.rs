//! ML-KEM-768 (FIPS 203), with keys and ciphertexts as the bytes that TLS carries. What is held here is wiped; the copies that
//! the library makes on its stack are not.

use libcrux_ml_kem::mlkem768::{self, MlKem768Ciphertext, MlKem768PrivateKey, MlKem768PublicKey};
use libcrux_ml_kem::{ENCAPS_SEED_SIZE, KEY_GENERATION_SEED_SIZE};
use rustls::Error;
use rustls::crypto::SecureRandom;
use zeroize::Zeroizing;

/// Length of an encapsulation key in bytes (FIPS 203, table 3).
pub(super) const PUBLIC_KEY_BYTES: usize = 1184;
/// Length of a ciphertext in bytes.
pub(super) const CIPHERTEXT_BYTES: usize = 1088;
/// Length of the shared secret in bytes.
pub(super) const SECRET_BYTES: usize = 32;
/// Length of a decapsulation key in bytes.
const PRIVATE_KEY_BYTES: usize = 2400;

/// What both sides end up with.
pub(super) type SharedSecret = Zeroizing<[u8; SECRET_BYTES]>;

/// A decapsulation key, for one exchange.
pub(super) struct PrivateKey(Box<Zeroizing<[u8; PRIVATE_KEY_BYTES]>>);

impl PrivateKey {
    /// A fresh one, with the encapsulation key that belongs to it.
    pub(super) fn generate(random: &dyn SecureRandom) -> Result<(Self, [u8; PUBLIC_KEY_BYTES]), Error> {
        let mut seed = Zeroizing::new([0; KEY_GENERATION_SEED_SIZE]);
        random.fill(seed.as_mut())?;
        let (private, public) = mlkem768::generate_key_pair(*seed).into_parts();
        Ok((Self(Box::new(Zeroizing::new(private.into()))), public.into()))
    }

    /// The secret in `ciphertext`. One that was not made for this key gives a secret that nobody else has (implicit
    /// rejection, FIPS 203, section 6.3): the handshake then fails at its first protected record.
    pub(super) fn decapsulate(&self, ciphertext: &[u8; CIPHERTEXT_BYTES]) -> SharedSecret {
        let private = MlKem768PrivateKey::from(&**self.0);
        Zeroizing::new(mlkem768::decapsulate(
            &private,
            &MlKem768Ciphertext::from(ciphertext),
        ))
    }
}

/// A fresh secret and the ciphertext that carries it to the holder of `public`; none when `public` is no key: a
/// coefficient out of range (FIPS 203, section 7.2).
pub(super) fn encapsulate(
    public: &[u8; PUBLIC_KEY_BYTES],
    random: &dyn SecureRandom,
) -> Result<Option<([u8; CIPHERTEXT_BYTES], SharedSecret)>, Error> {
    let public = MlKem768PublicKey::from(public);
    if !mlkem768::validate_public_key(&public) {
        return Ok(None);
    }
    let mut seed = Zeroizing::new([0; ENCAPS_SEED_SIZE]);
    random.fill(seed.as_mut())?;
    let (ciphertext, secret) = mlkem768::encapsulate(&public, *seed);
    Ok(Some((ciphertext.into(), Zeroizing::new(secret))))
}
