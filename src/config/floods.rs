//! The part of `[defense]` about floods: rates, bans and shedding. All of it follows a reload.

use std::time::Duration;

use super::quantity::duration_within;
use super::rate::{Rate, rate};
use super::section::Section;
use super::shape::{Key, Kind};

/// How floods are met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floods {
    /// Requests of one source; it may open twice as many connections.
    pub source_rate: Option<Rate>,
    /// Requests of one source to the endpoints of the authorization server, within `source_rate`.
    pub oauth_rate: Option<Rate>,
    /// Requests of one customer, by whatever apps.
    pub customer_rate: Option<Rate>,
    /// Requests of one client, for whatever customers.
    pub client_rate: Option<Rate>,
    /// Refusals for flooding that a source may collect before it is banned; `None`: none is ever banned.
    pub ban_after: Option<Rate>,
    /// The first ban of a source; every further one is twice as long.
    pub ban: Duration,
    /// The longest, and for how long after a ban the next one is a further one.
    pub ban_longest: Duration,
    /// Standing wait for a turn from which requests are shed.
    pub queue_target: Duration,
}

const fn rate_key(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key::with_default(name, Kind::Text, default, meaning)
}

pub(super) const SOURCE_RATE: Key = rate_key(
    "source_rate",
    "\"200/s burst 1000\"",
    "Requests of one source (an IPv4 address, an IPv6 /64), which may open twice as many connections; or \"off\".",
);
pub(super) const OAUTH_RATE: Key = rate_key(
    "oauth_rate",
    "\"20/s burst 200\"",
    "Requests of one source to the endpoints below /oauth/, within source_rate; or \"off\".",
);
pub(super) const CUSTOMER_RATE: Key = rate_key(
    "customer_rate",
    "\"50/s burst 500\"",
    "Requests of one customer, by whatever apps; or \"off\".",
);
pub(super) const CLIENT_RATE: Key = rate_key(
    "client_rate",
    "\"off\"",
    "Requests of one client, for all of its customers together.",
);
pub(super) const BAN_AFTER: Key = rate_key(
    "ban_after",
    "\"10/s burst 600\"",
    "Refusals for flooding that a source may collect before it is banned; \"off\": none is banned.",
);
pub(super) const BAN: Key = Key::with_default(
    "ban",
    Kind::Duration,
    "\"1m\"",
    "First ban of a source, 1s to 1d; every further one is twice as long.",
);
pub(super) const BAN_LONGEST: Key = Key::with_default(
    "ban_longest",
    Kind::Duration,
    "\"1h\"",
    "Longest ban, 1s to 7d; as long after a ban the next one counts as a further one.",
);
pub(super) const QUEUE_TARGET: Key = Key::with_default(
    "queue_target",
    Kind::Duration,
    "\"200ms\"",
    "Standing wait for a turn from which requests are shed, strangers first; 1ms to 1m.",
);

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) fn read(section: &Section<'_>) -> Option<Floods> {
    let source_rate = section.value(SOURCE_RATE.name, rate);
    let oauth_rate = section.value(OAUTH_RATE.name, rate);
    let customer_rate = section.value(CUSTOMER_RATE.name, rate);
    let client_rate = section.value(CLIENT_RATE.name, rate);
    let ban_after = section.value(BAN_AFTER.name, rate);
    let ban = section.value(BAN.name, duration_within(SECOND, DAY));
    let ban_longest = section.value(BAN_LONGEST.name, duration_within(SECOND, DAY.saturating_mul(7)));
    let queue_target = section.value(
        QUEUE_TARGET.name,
        duration_within(Duration::from_millis(1), SECOND.saturating_mul(60)),
    );
    let (ban, ban_longest) = (ban?, ban_longest?);
    if ban > ban_longest {
        section.fault(
            BAN.name,
            "the first ban is longer than the longest",
            "shorten it, or lengthen ban_longest",
        );
        return None;
    }
    Some(Floods {
        source_rate: source_rate?,
        oauth_rate: oauth_rate?,
        customer_rate: customer_rate?,
        client_rate: client_rate?,
        ban_after: ban_after?,
        ban,
        ban_longest,
        queue_target: queue_target?,
    })
}
