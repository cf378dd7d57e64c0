//! Free ports: known before a gateway starts, because its configuration names them.
//!
//! They lie below those that the kernel gives to connections going out and to whoever asks for any port: what stops and comes
//! back finds its port free, whatever other tests do meanwhile.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Linux gives out 32768 and those above (`net.ipv4.ip_local_port_range`).
const RANGE: Range<u16> = 12_000..32_000;
const LENGTH: u32 = (RANGE.end - RANGE.start) as u32;
/// Coprime to the length: processes whose numbers are neighbours begin far from each other.
const STRIDE: u32 = 4_999;

/// Where this process goes on, counted from the start of the range and round and round.
static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(std::process::id() % LENGTH * STRIDE));

/// A listener at a port of loopback that this process gives to nobody else.
pub(super) fn listen() -> TcpListener {
    for _ in 0..LENGTH {
        let place = NEXT.fetch_add(1, Ordering::Relaxed) % LENGTH;
        let port = RANGE.start + u16::try_from(place).unwrap();
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener;
        }
    }
    panic!("no port of {RANGE:?} is free");
}

/// `N` ports that were free a moment ago. Another process may take one meanwhile; whoever binds them tries again.
pub(super) fn free<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| listen());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
