//! Session tickets (RFC 8446, section 4.6.1) under keys that change as often as the operator says (TLS-08).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::TicketRotator;
use rustls::crypto::GetRandomFailed;
use rustls::server::ProducesTickets;

/// Longest ticket that is opened: ours hold no client certificate and stay far below.
const TICKET_BYTES: usize = 4096;

/// Makes tickets; each key seals for `rotation` and opens for as long again.
///
/// # Errors
/// The operating system gives no randomness.
pub(super) fn ticketer(rotation: Duration) -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    let seconds = u32::try_from(rotation.as_secs()).unwrap_or(u32::MAX / 2);
    Ok(Arc::new(TicketRotator::new(seconds, || {
        Ok(Box::new(TicketKey::random()?))
    })?))
}

/// One key. A ticket is a random nonce, then ciphertext and tag.
struct TicketKey {
    key: LessSafeKey,
    random: SystemRandom,
}

impl TicketKey {
    fn random() -> Result<Self, GetRandomFailed> {
        let random = SystemRandom::new();
        let mut secret = zeroize::Zeroizing::new([0; 32]);
        random.fill(secret.as_mut()).map_err(|_| GetRandomFailed)?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, secret.as_ref()).map_err(|_| GetRandomFailed)?;
        Ok(Self {
            key: LessSafeKey::new(key),
            random,
        })
    }
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey")
    }
}

impl ProducesTickets for TicketKey {
    fn enabled(&self) -> bool {
        true
    }

    /// Not asked for: the rotator answers for all of its keys.
    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let mut sealed = plain.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > TICKET_BYTES {
            return None;
        }
        let (nonce, sealed) = ticket.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self.key.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
        Some(plain.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TLS-08
    #[test]
    fn a_ticket_opens_under_its_own_key_unchanged_and_no_other_way() {
        let (key, other) = (TicketKey::random().unwrap(), TicketKey::random().unwrap());
        let ticket = key.encrypt(b"session").unwrap();
        assert_eq!(key.decrypt(&ticket).as_deref(), Some(b"session".as_slice()));
        assert_ne!(ticket, key.encrypt(b"session").unwrap());
        assert_eq!(other.decrypt(&ticket), None);
        for place in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[place] ^= 1;
            assert_eq!(key.decrypt(&changed), None, "{place}");
        }
        for length in 0..ticket.len() {
            assert_eq!(key.decrypt(&ticket[..length]), None, "{length}");
        }
        assert_eq!(key.decrypt(&[0; TICKET_BYTES + 1]), None);
    }

    /// TLS-08: what is promised to clients follows the configured rotation.
    #[test]
    fn tickets_live_for_twice_the_rotation_at_most() {
        assert_eq!(ticketer(Duration::from_secs(600)).unwrap().lifetime(), 1200);
        assert_eq!(
            ticketer(Duration::from_secs(24 * 3600)).unwrap().lifetime(),
            48 * 3600
        );
    }
}
