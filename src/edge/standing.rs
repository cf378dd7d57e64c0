//! Whether the client certificate of an open connection is still believed.
//!
//! A handshake verifies a certificate once; a connection can live for days. So every request asks whether anything has
//! changed since: the door's trust anchors or revocation lists, or so much time that certificate or list may have ended.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;

use super::tls::{DoorTls, TlsInForce};
use crate::base::{Code, Fault, Timestamp};

/// Longest time a verification counts: what ends by itself while a connection is open is noticed within it. A
/// verification takes a few signatures, so a busy connection does not feel it.
const VERIFICATION_LIFE: Duration = Duration::from_secs(60);

/// The certificate of one connection, and when it was verified last.
pub(super) struct Standing {
    door: Arc<DoorTls>,
    /// The client's own certificate first.
    chain: Vec<CertificateDer<'static>>,
    last: ArcSwap<Verification>,
}

struct Verification {
    by: Arc<TlsInForce>,
    until: Timestamp,
    believed: bool,
}

impl Standing {
    /// After a handshake by `verified_by`; none for a client that showed no certificate.
    pub(super) fn new(
        door: &Arc<DoorTls>,
        verified_by: Arc<TlsInForce>,
        chain: Option<&[CertificateDer<'static>]>,
        now: Timestamp,
    ) -> Option<Self> {
        let chain = chain.filter(|chain| !chain.is_empty())?.to_vec();
        let last = Verification {
            by: verified_by,
            until: now.plus(VERIFICATION_LIFE),
            believed: true,
        };
        Some(Self {
            door: Arc::clone(door),
            chain,
            last: ArcSwap::from_pointee(last),
        })
    }

    /// Lets a request through whose certificate is believed at `now` by what the door goes by now.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), Fault> {
        let last = self.last.load();
        let counts = now.seconds() < last.until.seconds() && self.door.is_in_force(&last.by);
        let believed = if counts { last.believed } else { self.verify(now) };
        if believed {
            Ok(())
        } else {
            Err(Fault::new(Code::CertificateRefused))
        }
    }

    fn verify(&self, now: Timestamp) -> bool {
        let by = self.door.in_force();
        let believed = by.believes(&self.chain, now);
        self.last.store(Arc::new(Verification {
            by,
            until: now.plus(VERIFICATION_LIFE),
            believed,
        }));
        believed
    }
}
