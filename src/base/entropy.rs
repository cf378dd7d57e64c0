//! Randomness as an argument.

use std::cell::RefCell;

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroize as _;

/// A source of random bytes fit for keys and credentials.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with randomness.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Entropy + '_ {
    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// `bytes` random bytes as base64url: 16 make 22 characters, 32 make 43.
    #[must_use]
    pub fn token(&self, bytes: usize) -> String {
        let mut random = vec![0; bytes];
        self.fill(&mut random);
        countersign_jose::base64url(random)
    }
}

/// Lengths of identifiers: of a UUID's random part, of a trace's parts. Whatever has another length, the nonces of AES-GCM (12)
/// and all secrets among them, comes from the system when it is needed and not before: of a machine that is copied while it
/// runs, both copies have the same supply.
const IDENTIFIER_BYTES: [usize; 3] = [8, 10, 16];
/// What is drawn at once for identifiers: a request takes a few, and each draw is a call of the system.
const SUPPLY_BYTES: usize = 256;

/// Random bytes for the identifiers that one thread makes next.
struct Supply {
    bytes: [u8; SUPPLY_BYTES],
    /// So many of them, the last ones, were not given out.
    unused: usize,
}

thread_local! {
    static SUPPLY: RefCell<Supply> = const { RefCell::new(Supply { bytes: [0; SUPPLY_BYTES], unused: 0 }) };
}

impl Drop for Supply {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl Supply {
    /// Gives out bytes nobody has had, and forgets them.
    fn give(&mut self, bytes: &mut [u8], source: &SystemRandom) -> bool {
        if self.unused < bytes.len() {
            self.unused = 0;
            if source.fill(&mut self.bytes).is_err() {
                return false;
            }
            self.unused = SUPPLY_BYTES;
        }
        let next = SUPPLY_BYTES - self.unused;
        let Some(given) = self.bytes.get_mut(next..next + bytes.len()) else {
            return false;
        };
        bytes.copy_from_slice(given);
        given.fill(0);
        self.unused -= bytes.len();
        true
    }
}

/// The operating system's randomness.
#[derive(Clone, Debug)]
pub struct SystemEntropy(SystemRandom);

impl Default for SystemEntropy {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Entropy for SystemEntropy {
    #[expect(
        clippy::panic,
        reason = "without randomness no answer of this program is safe; stopping is the only one left"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        let is_given = IDENTIFIER_BYTES.contains(&bytes.len())
            && SUPPLY
                .try_with(|supply| supply.borrow_mut().give(bytes, &self.0))
                .unwrap_or(false);
        if !is_given && self.0.fill(bytes).is_err() {
            panic!("the operating system gives no randomness");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_given_twice_and_none_are_kept() {
        let entropy: &dyn Entropy = &SystemEntropy::default();
        let draws = 10 * SUPPLY_BYTES / 10;
        let seen: HashSet<[u8; 10]> = (0..draws).map(|_| entropy.bytes()).collect();
        assert_eq!(seen.len(), draws);
        SUPPLY.with_borrow(|supply| {
            let (used, unused) = supply.bytes.split_at(SUPPLY_BYTES - supply.unused);
            assert!(used.iter().all(|byte| *byte == 0));
            assert!(unused.len() < 8 || unused.iter().any(|byte| *byte != 0));
        });
    }

    #[test]
    fn secrets_are_not_drawn_before_they_are_needed() {
        let entropy: &dyn Entropy = &SystemEntropy::default();
        let unused = || SUPPLY.with_borrow(|supply| supply.unused);
        let _: [u8; 16] = entropy.bytes();
        let before = unused();
        let nonces: [[u8; 12]; 2] = [entropy.bytes(), entropy.bytes()];
        assert_ne!(nonces[0], nonces[1]);
        let (one, other): ([u8; 32], [u8; 32]) = (entropy.bytes(), entropy.bytes());
        assert_ne!(one, other);
        assert_eq!(unused(), before);
        let threads =
            [0; 2].map(|_| std::thread::spawn(|| (&SystemEntropy::default() as &dyn Entropy).bytes::<16>()));
        let [one, other] = threads.map(|thread| thread.join().unwrap());
        assert_ne!(one, other);
    }
}
