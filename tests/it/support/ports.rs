//! Free ports: known before a gateway starts, because its configuration names them.

use std::net::TcpListener;

/// `N` ports that were free a moment ago. Another process may take one meanwhile; whoever binds them tries again.
pub(super) fn free<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
