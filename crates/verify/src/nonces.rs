//! The nonces of the last minute: a message is taken once (RFC 9421, section 7.2.2).

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::refusal::Refusal;

/// How long a nonce is remembered, in seconds: as old as a signature may be, as far ahead, and a little.
const REMEMBERED: i64 = 60 + 10 + 5;

/// A bounded memory. When it is full, messages are refused: forgetting would let a copy in.
pub(crate) struct Nonces {
    capacity: usize,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    seen: HashSet<[u8; 32]>,
    oldest_first: VecDeque<(i64, [u8; 32])>,
}

impl Nonces {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            memory: Mutex::default(),
        }
    }

    /// Remembers that `keyid` used `nonce`.
    pub(crate) fn insert(&self, keyid: &str, nonce: &str, now: i64) -> Result<(), Refusal> {
        // Neither text can hold a line feed, so no two pairs read alike.
        let entry = countersign_jose::sha256(format!("{keyid}\n{nonce}").as_bytes());
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.forget(now);
        if memory.seen.contains(&entry) {
            return Err(Refusal::Replayed);
        }
        if memory.seen.len() >= self.capacity {
            return Err(Refusal::ReplayMemoryFull);
        }
        memory.seen.insert(entry);
        memory.oldest_first.push_back((now, entry));
        Ok(())
    }
}

impl Memory {
    fn forget(&mut self, now: i64) {
        while let Some((at, entry)) = self.oldest_first.front() {
            if now.saturating_sub(*at) <= REMEMBERED {
                break;
            }
            self.seen.remove(entry);
            self.oldest_first.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SIG-11
    #[test]
    fn a_nonce_is_taken_once_for_as_long_as_its_message_lives() {
        let nonces = Nonces::new(10);
        assert_eq!(nonces.insert("k", "n", 100), Ok(()));
        assert_eq!(nonces.insert("k", "n", 100), Err(Refusal::Replayed));
        assert_eq!(nonces.insert("k", "n", 175), Err(Refusal::Replayed));
        assert_eq!(nonces.insert("k2", "n", 175), Ok(()));
        assert_eq!(nonces.insert("k", "n", 176), Ok(()));
    }

    #[test]
    fn a_full_memory_refuses_rather_than_forgets() {
        let nonces = Nonces::new(2);
        for nonce in ["a", "b"] {
            assert_eq!(nonces.insert("k", nonce, 0), Ok(()));
        }
        assert_eq!(nonces.insert("k", "c", 0), Err(Refusal::ReplayMemoryFull));
        assert_eq!(nonces.insert("k", "a", 0), Err(Refusal::Replayed));
        assert_eq!(nonces.insert("k", "c", 76), Ok(()));
    }
}
