//! Places for connections: so many at a door, and so many of them for one source, so that neither many sources nor one can
//! take a door away from everybody else for good.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::Code;
use crate::defense::{Network, Source};

/// How many times the places of a /64 its /48 has, as it has that many times its rate (`defense`).
const SITE_SHARE: usize = 16;

/// The places at one door. There are as many hosts in memory as connections open, at most, and as many sites.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    per_source: usize,
    per_site: usize,
    taken: AtomicUsize,
    /// Touched when a connection opens and when it closes, never by a request.
    networks: Mutex<HashMap<Network, Held>>,
}

#[derive(Debug)]
struct Held {
    connections: usize,
    share: Arc<Share>,
}

impl Held {
    fn new(share: Share) -> Self {
        Self {
            connections: 0,
            share: Arc::new(share),
        }
    }
}

/// What the connections of one source at one door hold together.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// Bytes of request bodies in memory.
    pub(super) buffered: AtomicU64,
    /// Bytes of answers that were not taken.
    pub(super) untaken: AtomicU64,
    /// What the site around it holds, where it has one.
    pub(super) site: Option<Arc<Self>>,
}

impl Share {
    /// Of a network in a site.
    pub(super) fn within(site: Arc<Self>) -> Self {
        Self {
            site: Some(site),
            ..Self::default()
        }
    }
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
    /// `most` in all, `per_source` of them for one source. A site gets no more than half of the door, but where one source
    /// may have more.
    pub(super) fn new(most: usize, per_source: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            per_source,
            per_site: per_source
                .saturating_mul(SITE_SHARE)
                .min(most / 2)
                .max(per_source),
            taken: AtomicUsize::new(0),
            networks: Mutex::default(),
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

    fn networks(&self) -> MutexGuard<'_, HashMap<Network, Held>> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more connection for each network of `source`, or for none.
    fn take(&self, source: Source) -> Result<Arc<Share>, Full> {
        let mut networks = self.networks();
        let has = |network: Network, most: usize| {
            let held = networks.get(&network);
            held.is_none_or(|held| held.connections < most)
        };
        let site_has = source.site.is_none_or(|site| has(site, self.per_site));
        if !has(source.host, self.per_source) || !site_has {
            return Err(Full::Source);
        }
        let mut enter = |network: Network, new: Share| {
            let held = networks.entry(network).or_insert_with(|| Held::new(new));
            held.connections += 1;
            Arc::clone(&held.share)
        };
        let site = source.site.map(|site| enter(site, Share::default()));
        Ok(enter(source.host, site.map(Share::within).unwrap_or_default()))
    }

    /// One less.
    fn give_back(&self, source: Source) {
        let mut networks = self.networks();
        for network in source.networks() {
            if let Entry::Occupied(mut entry) = networks.entry(network) {
                entry.get_mut().connections -= 1;
                if entry.get().connections == 0 {
                    entry.remove();
                }
            }
        }
    }
}

impl Place {
    /// The same place, counted to `address` from now on.
    pub(super) fn of(mut self, address: IpAddr) -> Result<Self, Full> {
        let source = Source::of(address);
        let share = self.places.take(source)?;
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
        if let Some((source, _)) = self.source.take() {
            self.places.give_back(source);
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
    fn an_ipv6_site_cannot_fill_a_door_from_its_many_networks() {
        let places = Places::new(100, 2);
        let enter = |from: &str| places.enter()?.of(address(from));
        let (mut held, mut refused) = (Vec::new(), 0);
        for network in 0..50 {
            for _ in 0..2 {
                match enter(&format!("2001:db8:0:{network:x}::1")) {
                    Ok(place) => held.push(place),
                    Err(full) => {
                        assert_eq!(full, Full::Source);
                        refused += 1;
                    }
                }
            }
        }
        assert_eq!((held.len(), refused), (2 * SITE_SHARE, 100 - 2 * SITE_SHARE));
        let _other = enter("2001:db9::1").unwrap();
        // Who was refused is not remembered, and a place that is given back is the site's again.
        assert_eq!(places.networks().len(), SITE_SHARE + 1 + 2);
        drop(held.pop());
        let _again = enter("2001:db8:0:ffff::1").unwrap();
    }

    #[test]
    fn a_site_has_at_most_half_of_a_door_but_as_much_as_one_source() {
        let enter = |places: &Arc<Places>, network: usize| {
            let from = format!("2001:db8:0:{network:x}::1");
            places.enter().unwrap().of(address(&from))
        };
        for (most, per_source, per_site) in [(10, 2, 5), (10, 5, 5), (4, 4, 4), (1, 1, 1)] {
            let places = Places::new(most, per_source);
            let held: Vec<_> = (0..per_site)
                .map(|network| enter(&places, network).unwrap())
                .collect();
            if per_site < most {
                assert_eq!(enter(&places, per_site).unwrap_err(), Full::Source);
            }
            drop(held);
        }
    }

    #[test]
    fn nothing_is_remembered_of_a_source_that_has_left() {
        let places = Places::new(4, 4);
        let held: Vec<_> = (0..4)
            .map(|_| places.enter().unwrap().of(address("2001:db8::1")).unwrap())
            .collect();
        assert_eq!(places.enter().unwrap_err(), Full::Door);
        drop(held);
        assert!(places.networks().is_empty());
        assert_eq!(places.taken.load(Ordering::Relaxed), 0);
        drop(places.enter().unwrap());
        assert_eq!(
            places.taken.load(Ordering::Relaxed),
            0,
            "also when nobody settled"
        );
    }
}
