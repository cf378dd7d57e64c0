//! One URL of an upstream: where it is, how well it is, and its connections.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use http::Uri;
use http::uri::{Authority, Scheme};
use rustls::pki_types::ServerName;
use tokio::time::Instant;

use super::balance::Candidate;
use super::health::Health;
use super::pool::Pool;

/// Where a backend listens.
#[derive(Clone, Debug)]
pub(super) struct Address {
    /// Host and port as in the URL; the `Host` header.
    pub(super) authority: Authority,
    /// The host: a name, or an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// The name its certificate must have; none for `http`, which goes to loopback only.
    pub(super) server_name: Option<ServerName<'static>>,
}

impl Address {
    /// Reads `https://host[:port]`, or `http://` for a loopback address.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url
            .parse()
            .map_err(|error| format!("`{url}` is no URL: {error}"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(format!(
                "`{url}` needs a scheme and a host, such as https://bank.internal:8443"
            ));
        };
        if uri.path() != "/" || uri.query().is_some() {
            return Err(format!(
                "`{url}` must end after the host: the path is the one that was authorised"
            ));
        }
        if authority.as_str().contains('@') {
            return Err("an upstream's URL must not hold credentials".to_owned());
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let is_tls = *scheme == Scheme::HTTPS;
        if !is_tls && (*scheme != Scheme::HTTP || !is_loopback(&host)) {
            return Err(format!(
                "`{url}` must be https; http is accepted on a loopback address only"
            ));
        }
        let server_name = is_tls
            .then(|| ServerName::try_from(host.clone()).map_err(|_| format!("`{host}` is no host name")))
            .transpose()?;
        Ok(Self {
            authority: authority.clone(),
            port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            host,
            server_name,
        })
    }

    /// The addresses behind the host; `localhost` means loopback whatever a resolver says.
    pub(super) async fn resolve(&self) -> std::io::Result<Vec<std::net::SocketAddr>> {
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Ok(vec![(ip, self.port).into()]);
        }
        if self.host.eq_ignore_ascii_case("localhost") {
            return Ok(vec![
                (Ipv4Addr::LOCALHOST, self.port).into(),
                (Ipv6Addr::LOCALHOST, self.port).into(),
            ]);
        }
        Ok(tokio::net::lookup_host((self.host.as_str(), self.port))
            .await?
            .collect())
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// One URL with its state.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) address: Address,
    pub(super) pool: Pool,
    pending: AtomicUsize,
    /// Whether there is anything to say of its health; mostly not, and then nobody takes the lock.
    is_ailing: AtomicBool,
    /// Held for a few instructions at a time.
    health: Mutex<Health>,
}

impl Endpoint {
    pub(super) fn new(address: Address, pool: Pool) -> Self {
        Self {
            address,
            pool,
            pending: AtomicUsize::new(0),
            is_ailing: AtomicBool::new(false),
            health: Mutex::default(),
        }
    }

    /// What the balancer has to know.
    pub(super) fn candidate(&self, tried: bool, now: Instant) -> Candidate {
        Candidate {
            pending: self.pending.load(Ordering::Relaxed),
            out_until: if self.is_ailing.load(Ordering::Acquire) {
                self.health().out_until(now)
            } else {
                None
            },
            tried,
        }
    }

    /// Counts a request as running here until the returned value is dropped.
    pub(super) fn occupy(&self) -> Occupied<'_> {
        self.pending.fetch_add(1, Ordering::Relaxed);
        Occupied(self)
    }

    /// Records how an exchange went.
    pub(super) fn report(&self, well: bool) {
        if well && !self.is_ailing.load(Ordering::Acquire) {
            return;
        }
        let mut health = self.health();
        if well {
            health.worked();
        } else {
            health.failed(Instant::now());
        }
        // While the lock is held: another's report would otherwise be overwritten by this one.
        self.is_ailing.store(!well, Ordering::Release);
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request running at an endpoint.
pub(super) struct Occupied<'a>(&'a Endpoint);

impl Drop for Occupied<'_> {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn a_url_is_https_or_loopback_and_ends_after_the_host() {
        for good in [
            "https://bank.internal:8443",
            "https://bank.internal/",
            "https://[::1]:9000",
            "http://127.0.0.1:9000",
            "http://[::1]:9000",
            "http://localhost:9000",
        ] {
            assert!(Address::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://bank.internal",
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "ftp://127.0.0.1",
            "bank.internal:8443",
            "/",
            "https://bank.internal/api",
            "https://bank.internal/?a",
            "https://me:secret@bank.internal",
            "https://-",
            "",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_authority_is_the_one_of_the_url() {
        let address = Address::parse("https://[::1]:9000/").unwrap();
        assert_eq!(address.authority.as_str(), "[::1]:9000");
        assert_eq!((address.host.as_str(), address.port), ("::1", 9000));
        assert_eq!(Address::parse("https://bank.internal").unwrap().port, 443);
    }
}
