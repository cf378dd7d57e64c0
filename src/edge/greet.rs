//! From an accepted connection to one whose peer is known and whose bytes are secret.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

use super::accept::{Edge, label};
use super::exchange::Serve;
use super::handshake::{Failure, client_behind, shake_hands};
use super::places::Place;
use super::standing::Standing;
use super::tls::{DoorTls, TlsInForce};
use crate::base::{Code, Door};
use crate::telemetry::names;

/// A connection that was accepted.
pub(super) struct Arrival {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) place: Place,
    /// Whether a trusted proxy has yet to say who is behind it.
    pub(super) from_proxy: bool,
}

/// A connection whose peer is known and whose bytes are secret.
pub(super) struct Greeted {
    /// In memory of its own: some 1.5 KiB that every function it is handed to would otherwise keep twice.
    pub(super) stream: Box<TlsStream<TcpStream>>,
    pub(super) peer: SocketAddr,
    /// Of the client's certificate, where it showed one.
    pub(super) standing: Option<Standing>,
    pub(super) place: Place,
}

impl Edge {
    /// What comes before HTTP, all of it within the deadline of the handshake; a gateway that goes away waits for it a moment only.
    pub(super) async fn greet(
        &self,
        arrival: Arrival,
        door: Door,
        tls: &Arc<DoorTls>,
        serve: &dyn Serve,
    ) -> Option<Greeted> {
        let deadline = Instant::now() + self.limits.handshake;
        let greeting = async {
            let (stream, peer, place) = self.introduce(arrival, door, serve, deadline).await?;
            let setup = tls.in_force();
            let stream = self.secure(stream, peer, door, &setup, deadline).await?;
            let chain = stream.get_ref().1.peer_certificates();
            let standing = Standing::new(tls, setup, chain, self.clock.now());
            Some(Greeted {
                stream: Box::new(stream),
                peer,
                standing,
                place,
            })
        };
        tokio::select! {
            greeted = greeting => greeted,
            () = self.drain.lingered() => None,
        }
    }

    /// Learns from a trusted proxy who is behind it; from then on that is the peer.
    async fn introduce(
        &self,
        arrival: Arrival,
        door: Door,
        serve: &dyn Serve,
        deadline: Instant,
    ) -> Option<(TcpStream, SocketAddr, Place)> {
        let Arrival {
            mut stream,
            peer,
            place,
            from_proxy,
        } = arrival;
        if !from_proxy {
            return Some((stream, peer, place));
        }
        let reason = match tokio::time::timeout_at(deadline, client_behind(&mut stream)).await {
            Ok(Ok(client)) => {
                let client = client.unwrap_or(peer);
                if self.turns_away(client.ip(), door, serve) {
                    return None;
                }
                let place = self.settle(Ok(place), client.ip(), label(door))?;
                return Some((stream, client, place));
            }
            Ok(Err(error)) if error.kind() != io::ErrorKind::InvalidData => return None,
            Ok(Err(error)) => {
                tracing::warn!(%peer, %error, "a trusted proxy does not send a PROXY header that can be used");
                "proxy-header"
            }
            Err(_) => "proxy-deadline",
        };
        self.refuse(peer.ip(), label(door), reason, Code::RequestMalformed);
        None
    }

    /// The TLS handshake.
    async fn secure(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        door: Door,
        setup: &TlsInForce,
        deadline: Instant,
    ) -> Option<TlsStream<TcpStream>> {
        let handshake = shake_hands(stream, setup, self.turns(door));
        let (failure, text) = match tokio::time::timeout_at(deadline, handshake).await {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => (Failure::of(&error), error.to_string()),
            Err(_) => (Failure::Deadline, "the handshake took too long".to_owned()),
        };
        tracing::debug!(%peer, ?door, cause = failure.cause(), text, "a TLS handshake failed");
        let labels = [label(door).into(), failure.cause().into()];
        self.metrics.count(&names::HANDSHAKES_FAILED, labels);
        if let Some(code) = failure.code() {
            self.refusals.count(peer.ip(), code, self.clock.now());
        }
        None
    }
}
