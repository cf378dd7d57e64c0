//! The runtimes that carry connections, one a core: a connection lives on one of them from its acceptance to its end
//!.
//!
//! Each listening socket has one acceptor, which hands every connection to the runtime with the fewest. Sockets of their own
//! for each runtime (`SO_REUSEPORT`) would not do: connections that wait in the queue of a socket which closes are lost, and
//! sockets that are handed over from process to process are one an address (docs/decisions/0015-runtimes.md).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpStream;
use tokio::runtime::Handle;

use super::accept::{Edge, Treatment};
use super::greet::Arrival;
use crate::telemetry::names;

/// The runtimes that carry connections. None: the runtime that opens a door carries its connections.
#[derive(Clone, Debug, Default)]
pub struct Carriers(Arc<[Carrier]>);

#[derive(Debug)]
struct Carrier {
    runtime: Handle,
    /// Connections it carries.
    connections: AtomicUsize,
}

/// A connection's place on a runtime, until it is dropped.
#[derive(Debug)]
pub(super) struct Carried {
    carriers: Carriers,
    place: usize,
}

impl Carriers {
    /// These.
    #[must_use]
    pub fn new(runtimes: impl IntoIterator<Item = Handle>) -> Self {
        let carrier = |runtime| Carrier {
            runtime,
            connections: AtomicUsize::new(0),
        };
        Self(runtimes.into_iter().map(carrier).collect())
    }

    /// Each of them.
    pub fn runtimes(&self) -> impl ExactSizeIterator<Item = &Handle> {
        self.0.iter().map(|carrier| &carrier.runtime)
    }

    /// The one that accepts.
    pub(super) fn first(&self) -> Option<&Handle> {
        self.runtimes().next()
    }

    /// A place on the runtime with the fewest connections; none when the caller's is the only one.
    pub(super) fn next(&self) -> Option<Carried> {
        let connections = |carrier: &Carrier| carrier.connections.load(Ordering::Relaxed);
        let carriers = self.0.iter().enumerate();
        let (place, carrier) = carriers.min_by_key(|(_, carrier)| connections(carrier))?;
        carrier.connections.fetch_add(1, Ordering::Relaxed);
        Some(Carried {
            carriers: self.clone(),
            place,
        })
    }
}

impl Carried {
    /// Where; none on the runtime that accepts.
    pub(super) fn elsewhere(&self) -> Option<&Handle> {
        let carrier = self.carrier().filter(|_| self.place > 0);
        carrier.map(|carrier| &carrier.runtime)
    }

    fn carrier(&self) -> Option<&Carrier> {
        self.carriers.0.get(self.place)
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        if let Some(carrier) = self.carrier() {
            carrier.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Edge {
    /// Starts the task of a connection that was accepted, on the runtime that is to carry it.
    pub(super) fn carry(self: &Arc<Self>, arrival: Arrival, treatment: Treatment, carriers: &Carriers) {
        let edge = Arc::clone(self);
        let held = self.metrics.hold(&names::CONNECTIONS, [treatment.label().into()]);
        let carried = carriers.next();
        let Some(runtime) = carried.as_ref().and_then(Carried::elsewhere).cloned() else {
            return self.drain.spawn_connection(async move {
                edge.live(arrival, treatment).await;
                drop((held, carried));
            });
        };
        let Arrival {
            stream,
            peer,
            place,
            from_proxy,
        } = arrival;
        // A socket wakes the runtime that it was last given to.
        let stream = stream.into_std();
        self.drain.spawn_connection_on(&runtime, async move {
            match stream.and_then(TcpStream::from_std) {
                Ok(stream) => {
                    let arrival = Arrival {
                        stream,
                        peer,
                        place,
                        from_proxy,
                    };
                    edge.live(arrival, treatment).await;
                }
                Err(error) => tracing::error!(%error, "a runtime could not take a connection"),
            }
            drop((held, carried));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_runtime_with_the_fewest_connections_gets_the_next() {
        let carriers = Carriers::new([Handle::current(), Handle::current(), Handle::current()]);
        let next = || carriers.next().unwrap();
        let mut held: Vec<_> = (0..5).map(|_| next()).collect();
        let places: Vec<_> = held.iter().map(|carried| carried.place).collect();
        assert_eq!(places, [0, 1, 2, 0, 1]);
        assert!(held[0].elsewhere().is_none() && held[1].elsewhere().is_some());
        drop(held.remove(2));
        let (first, second, third) = (next(), next(), next());
        assert_eq!((first.place, second.place, third.place), (2, 2, 0));
    }

    #[test]
    fn without_any_nothing_is_handed_on() {
        assert!(Carriers::default().next().is_none());
        assert!(Carriers::default().first().is_none());
    }
}
