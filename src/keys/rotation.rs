//! The schedule of a key's life, pure: what stands in the keyring and a moment in, what must change out.
//!
//! A rotation publishes the next key, waits at least as long as anyone may have cached the old set, switches, keeps the
//! old key for verification until the longest-lived thing it signed has expired, and destroys it (KEY-03).

use std::time::Duration;

use super::purpose::{Purpose, State};
use crate::base::Timestamp;

/// The spans a rotation keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How long a key is published before it is used: the `max-age` that key documents advertise.
    pub publish_ahead: Duration,
    /// How long a key signs before it is rotated by itself; `None` leaves it to admins.
    pub period: Option<Duration>,
}

impl Schedule {
    /// How long after a key of `purpose` stopped signing something it signed can still be presented.
    #[must_use]
    pub const fn verify_for(&self, purpose: Purpose) -> Duration {
        match purpose {
            // Access tokens live 5 minutes; clocks may differ by one.
            Purpose::Token => Duration::from_secs(6 * 60),
            // Txn-Tokens, forwarded requests and answers live one minute, with the same allowance.
            Purpose::Txn | Purpose::Message => Duration::from_secs(2 * 60),
            Purpose::Log | Purpose::Data | Purpose::Pepper => Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// What the schedule needs to know of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The name.
    pub kid: &'a str,
    /// What it is for.
    pub purpose: Purpose,
    /// Where it stands.
    pub state: State,
    /// When it becomes or became active.
    pub active_at: Timestamp,
    /// When it is to be destroyed, once it retires.
    pub destroy_at: Option<Timestamp>,
}

/// One thing that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Make and publish a next key for this purpose.
    Publish(Purpose),
    /// This key begins to sign, and `replaces` stops.
    Activate {
        /// The key that begins.
        kid: &'a str,
        /// The key that stops, when there was one.
        replaces: Option<&'a str>,
    },
    /// The private part of this key goes.
    Destroy(&'a str),
}

/// What is due `now` for the keys of one purpose.
#[must_use]
pub fn due<'a>(keys: &[Key<'a>], purpose: Purpose, schedule: &Schedule, now: Timestamp) -> Vec<Change<'a>> {
    let of_purpose = || keys.iter().filter(move |key| key.purpose == purpose);
    let in_state = |state| of_purpose().find(move |key| key.state == state);
    let mut changes = Vec::new();
    match (in_state(State::PreActive), in_state(State::Active)) {
        (Some(next), active) if next.active_at <= now => {
            changes.push(Change::Activate {
                kid: next.kid,
                replaces: active.map(|key| key.kid),
            });
        }
        (None, None) => changes.push(Change::Publish(purpose)),
        (None, Some(active))
            if schedule
                .period
                .is_some_and(|period| active.active_at.plus(period) <= now) =>
        {
            changes.push(Change::Publish(purpose));
        }
        _ => {}
    }
    if !purpose.kept_while_used() {
        let over = of_purpose()
            .filter(|key| key.state == State::Retiring && key.destroy_at.is_some_and(|at| at <= now));
        changes.extend(over.map(|key| Change::Destroy(key.kid)));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
    const SCHEDULE: Schedule = Schedule {
        publish_ahead: Duration::from_secs(300),
        period: Some(Duration::from_secs(86_400)),
    };

    fn key(kid: &str, state: State, active_at: Timestamp) -> Key<'_> {
        Key {
            kid,
            purpose: Purpose::Token,
            state,
            active_at,
            destroy_at: None,
        }
    }

    #[test]
    fn an_empty_keyring_gets_a_key() {
        assert_eq!(
            due(&[], Purpose::Token, &SCHEDULE, NOW),
            [Change::Publish(Purpose::Token)]
        );
    }

    /// KEY-03: the next key signs only after it was published long enough.
    #[test]
    fn a_published_key_waits_and_then_replaces() {
        let old = key("old", State::Active, NOW.minus(Duration::from_secs(10)));
        let next = key("next", State::PreActive, NOW.plus(Duration::from_secs(1)));
        assert_eq!(due(&[old, next], Purpose::Token, &SCHEDULE, NOW), []);
        let later = NOW.plus(Duration::from_secs(1));
        let expected = [Change::Activate {
            kid: "next",
            replaces: Some("old"),
        }];
        assert_eq!(due(&[old, next], Purpose::Token, &SCHEDULE, later), expected);
    }

    #[test]
    fn a_key_past_its_period_gets_a_successor_once() {
        let old = key("old", State::Active, NOW.minus(Duration::from_secs(86_400)));
        assert_eq!(
            due(&[old], Purpose::Token, &SCHEDULE, NOW),
            [Change::Publish(Purpose::Token)]
        );
        let next = key("next", State::PreActive, NOW.plus(Duration::from_secs(300)));
        assert_eq!(due(&[old, next], Purpose::Token, &SCHEDULE, NOW), []);
    }

    /// KEY-02: a retired key goes when nothing it signed can be presented, a pepper only when nothing names it.
    #[test]
    fn a_retired_key_is_destroyed_at_its_time_but_a_pepper_is_not() {
        let active = key("new", State::Active, NOW);
        let retired = Key {
            destroy_at: Some(NOW),
            ..key("old", State::Retiring, NOW)
        };
        assert_eq!(
            due(&[active, retired], Purpose::Token, &SCHEDULE, NOW),
            [Change::Destroy("old")]
        );
        let pepper = |key: Key<'static>| Key {
            purpose: Purpose::Pepper,
            ..key
        };
        assert_eq!(
            due(
                &[pepper(active), pepper(retired)],
                Purpose::Pepper,
                &SCHEDULE,
                NOW
            ),
            []
        );
    }
}
