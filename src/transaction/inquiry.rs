//! When what a backend says about a payment counts: two words that agree, and "not found" only once no copy of
//! the request can still be on its way. No I/O.

use std::time::Duration;

use crate::base::Timestamp;

/// The shortest wait between two inquiries, so that two agreeing words are not one word said twice at once.
const SHORTEST: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST: Duration = Duration::from_secs(60);

/// What a backend said about a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It was executed; the digest of status and body of what the backend says of it.
    Executed([u8; 32]),
    /// The backend knows no such payment.
    NotFound,
    /// Nothing that could be believed.
    Nothing,
}

/// How far the inquiries about one payment have come. Lost with the process, which then asks anew.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry {
    heard: Option<Word>,
    next: Timestamp,
    wait: Duration,
}

impl Inquiry {
    /// Nothing heard yet; the first inquiry is due at once.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self {
            heard: None,
            next: now,
            wait: SHORTEST,
        }
    }

    /// Whether it is time to ask.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next <= now
    }

    /// Takes a word in; the verdict when it is the second of two that agree. "Not found" counts from `believed_from` on.
    pub fn hear(&mut self, word: Word, believed_from: Timestamp, now: Timestamp) -> Option<Word> {
        let counts = match word {
            Word::Executed(_) => true,
            Word::NotFound => now >= believed_from,
            Word::Nothing => false,
        };
        if !counts {
            self.wait_longer(word, believed_from, now);
            return None;
        }
        if self.heard == Some(word) {
            return Some(word);
        }
        self.heard = Some(word);
        self.wait = SHORTEST;
        self.next = now.plus(SHORTEST);
        None
    }

    fn wait_longer(&mut self, word: Word, believed_from: Timestamp, now: Timestamp) {
        self.next = now.plus(self.wait);
        self.wait = (self.wait * 2).min(LONGEST);
        if word == Word::NotFound {
            self.heard = None;
            self.next = self.next.min(believed_from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1000);
    const EXECUTED: Word = Word::Executed([1; 32]);

    fn at(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    /// The verdict after these words, one each second, where "not found" counts from second 10 on.
    fn verdict(words: &[Word]) -> Option<Word> {
        let mut inquiry = Inquiry::new(START);
        (0..)
            .zip(words)
            .find_map(|(second, word)| inquiry.hear(*word, at(10), at(second)))
    }

    #[test]
    fn two_words_that_agree_are_a_verdict_and_one_is_none() {
        assert_eq!(verdict(&[EXECUTED, EXECUTED]), Some(EXECUTED));
        assert_eq!(verdict(&[EXECUTED, Word::Nothing, EXECUTED]), Some(EXECUTED));
        for words in [
            &[EXECUTED][..],
            &[EXECUTED, Word::Executed([2; 32])],
            &[EXECUTED, Word::NotFound, EXECUTED],
            &[Word::Nothing; 20],
            &[Word::NotFound; 10],
        ] {
            assert_eq!(verdict(words), None, "{words:?}");
        }
    }

    #[test]
    fn not_found_counts_only_when_nothing_can_still_be_on_its_way() {
        assert_eq!(verdict(&[Word::NotFound; 11]), None, "one that counts is not two");
        assert_eq!(verdict(&[Word::NotFound; 12]), Some(Word::NotFound));
    }

    #[test]
    fn a_silent_backend_is_asked_ever_less_often_but_a_word_is_followed_up_at_once() {
        let mut inquiry = Inquiry::new(START);
        let mut now = START;
        for _ in 0..20 {
            assert!(inquiry.is_due(now));
            inquiry.hear(Word::Nothing, START, now);
            assert!(!inquiry.is_due(now));
            now = inquiry.next;
        }
        assert!(!inquiry.is_due(now.minus(Duration::from_secs(1))));
        assert_eq!(inquiry.wait, LONGEST);
        inquiry.hear(EXECUTED, START, now);
        assert!(inquiry.is_due(now.plus(SHORTEST)));
    }

    #[test]
    fn the_moment_from_which_not_found_counts_is_not_slept_through() {
        let mut inquiry = Inquiry::new(START);
        let mut now = START;
        while now < at(10) {
            inquiry.hear(Word::NotFound, at(10), now);
            assert!(inquiry.next <= at(10));
            now = inquiry.next;
        }
        assert_eq!(now, at(10));
    }
}
