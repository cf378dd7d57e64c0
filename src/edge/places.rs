//! Places for connections: so many at a door, and so many of them for one source, so that neither many sources nor one can
//! take a door away from everybody else for good.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::Code;

/// Bits of an IPv6 address that name a subscriber: whoever has one address of a /64 has them all (RFC 6177, RFC 4291
/// section 2.5.4).
const IPV6_SUBSCRIBER_BITS: u32 = 64;

/// Who is counted together: an IPv4 address, or an IPv6 network of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Source(IpAddr);

impl Source {
    fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << IPV6_SUBSCRIBER_BITS)).into()
            }
        })
    }
}

/// The places at one door. There are as many sources in memory as connections open, at most.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    per_source: usize,
    taken: AtomicUsize,
    /// Touched when a connection opens and when it closes, never by a request.
    sources: Mutex<HashMap<Source, Held>>,
}

#[derive(Debug, Default)]
struct Held {
    connections: usize,
    share: Arc<Share>,
}

/// What the connections of one source at one door hold together.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// Bytes of request bodies in memory.
    pub(super) buffered: AtomicU64,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The door has as many connections as it takes.
    Door,
    /// The source has as many as one source gets.
    Source,
}

impl Full {
    /// The label of the metric.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Door => "door-full",
            Self::Source => "source-full",
        }
    }

    /// What is counted for the log. The client reads none of it: the connection is closed before it speaks.
    pub(super) const fn code(self) -> Code {
        match self {
            Self::Door => Code::Overloaded,
            Self::Source => Code::RateLimited,
        }
    }
}

/// The place of one connection; free again with the drop.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    /// Absent until it is known who is there: behind a proxy that is a moment later.
    source: Option<(Source, Arc<Share>)>,
}

impl Places {
    /// `most` in all, `per_source` of them for one source.
    pub(super) fn new(most: usize, per_source: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            per_source,
            taken: AtomicUsize::new(0),
            sources: Mutex::default(),
        })
    }

    /// Takes a place at the door.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Place, Full> {
        let one_more = |taken: usize| (taken < self.most).then_some(taken + 1);
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .map_err(|_| Full::Door)?;
        Ok(Place {
            places: Arc::clone(self),
            source: None,
        })
    }

    fn sources(&self) -> MutexGuard<'_, HashMap<Source, Held>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The same place, counted to `address` from now on.
    pub(super) fn of(mut self, address: IpAddr) -> Result<Self, Full> {
        let source = Source::of(address);
        let share = {
            let mut sources = self.places.sources();
            let held = sources.entry(source).or_default();
            if held.connections >= self.places.per_source {
                return Err(Full::Source);
            }
            held.connections += 1;
            Arc::clone(&held.share)
        };
        self.source = Some((source, share));
        Ok(self)
    }

    /// What its source holds.
    pub(super) fn share(&self) -> Arc<Share> {
        self.source
            .as_ref()
            .map(|(_, share)| Arc::clone(share))
            .unwrap_or_default()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.fetch_sub(1, Ordering::Relaxed);
        let Some((source, _)) = self.source.take() else {
            return;
        };
        if let Entry::Occupied(mut entry) = self.places.sources().entry(source) {
            entry.get_mut().connections -= 1;
            if entry.get().connections == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_that_has_its_share_leaves_the_rest_to_others() {
        let places = Places::new(3, 2);
        let enter = |from: &str| places.enter()?.of(address(from));
        let first = enter("192.0.2.1").unwrap();
        let _second = enter("::ffff:192.0.2.1").unwrap();
        assert_eq!(enter("192.0.2.1").unwrap_err(), Full::Source);
        let _other = enter("192.0.2.2").unwrap();
        assert_eq!(enter("192.0.2.3").unwrap_err(), Full::Door);
        drop(first);
        enter("192.0.2.1").unwrap();
    }

    #[test]
    fn all_addresses_of_an_ipv6_subscriber_are_one_source() {
        let places = Places::new(9, 1);
        let enter = |from: &str| places.enter()?.of(address(from));
        let _first = enter("2001:db8:0:7::1").unwrap();
        assert_eq!(enter("2001:db8:0:7:ffff::2").unwrap_err(), Full::Source);
        enter("2001:db8:0:8::1").unwrap();
    }

    #[test]
    fn nothing_is_remembered_of_a_source_that_has_left() {
        let places = Places::new(4, 4);
        let held: Vec<_> = (0..4)
            .map(|_| places.enter().unwrap().of(address("192.0.2.1")).unwrap())
            .collect();
        assert_eq!(places.enter().unwrap_err(), Full::Door);
        drop(held);
        assert!(places.sources().is_empty());
        assert_eq!(places.taken.load(Ordering::Relaxed), 0);
        drop(places.enter().unwrap());
        assert_eq!(
            places.taken.load(Ordering::Relaxed),
            0,
            "also when nobody settled"
        );
    }
}
