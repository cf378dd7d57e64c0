//! `[[upstream]]`: the backends, how they are reached, and what they and the gateway prove to each other (TLS-11).

use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

use super::public_url::host_and_port;
use super::quantity::duration_within;
use super::secret_ref::SecretRef;
use super::section::{Section, Weight};
use super::settle::{self, Settle};
use super::shape::{Key, Kind, Shape, words};
use super::trust_anchors::TrustAnchors;
use super::value::{self, Complaint, Parsed, Value};

/// A backend, possibly on several machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Name that routes refer to.
    pub name: String,
    /// Its machines, at least one, all of one scheme.
    pub urls: Vec<UpstreamUrl>,
    /// Who vouches for its certificates; present whenever the scheme is `https`.
    pub ca: Option<TrustAnchors>,
    /// What the gateway shows it.
    pub client_identity: Option<ClientIdentity>,
    /// Audience of the Txn-Tokens it receives.
    pub trust_domain: String,
    /// What evidence of the client it demands.
    pub client_evidence: ClientEvidence,
    /// JWKS file of the keys it signs answers with; `None`: it does not sign.
    pub answer_keys: Option<PathBuf>,
    /// How an unknown outcome at it becomes known.
    pub settle: Settle,
    /// Longest wait for a complete answer.
    pub timeout: Duration,
    /// Requests that run at it at once.
    pub concurrency: usize,
    /// Requests that may wait while so many run.
    pub pending: usize,
}

/// Where a machine of a backend is: scheme, host and port, nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamUrl {
    /// Whether it is reached over TLS.
    pub tls: bool,
    /// Host without port; an IPv6 address in brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// The certificate that the gateway shows to a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// PEM file of the certificate and its intermediates.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: SecretRef,
}

words! {
    /// What evidence of the client a backend demands.
    pub enum ClientEvidence {
        /// The gateway's word for it.
        Attested = "attested",
        /// The client's own signature with `tag="countersign-payment"`.
        Signed = "signed",
    }
}

/// One backend may hold this many requests; memory and sockets are used up long before.
const MOST: i64 = 65_536;
const MANY: Kind = Kind::Integer { least: 1, most: MOST };

pub(super) const SHAPE: Shape = Shape {
    name: "upstream",
    meaning: "A backend, how it is reached, and what it and the gateway prove to each other.",
    repeated: true,
    keys: &[
        Key::required("name", Kind::Text, "Name that routes refer to."),
        Key::required(
            "urls",
            Kind::List(&Kind::Text),
            "Its machines: scheme, host and port each; http:// on a loopback address only.",
        ),
        Key::optional(
            "ca",
            Kind::Text,
            "PEM file of the authorities that vouch for its certificates; required with https.",
        ),
        Key::optional(
            "client_certificate",
            Kind::Text,
            "PEM file of the certificate that the gateway shows it.",
        ),
        Key::optional(
            "client_key",
            Kind::Secret,
            "Reference to that certificate's private key.",
        ),
        Key::required(
            "trust_domain",
            Kind::Text,
            "Audience of the Txn-Tokens it receives.",
        ),
        Key::with_default(
            "client_evidence",
            Kind::Word(ClientEvidence::WORDS),
            "\"attested\"",
            "Whether it demands the client's own payment signature.",
        ),
        Key::optional(
            "answer_keys",
            Kind::Text,
            "JWKS file of the keys it signs answers with.",
        ),
        settle::WAY,
        settle::AFTER,
        settle::PATH,
        Key::with_default(
            "timeout",
            Kind::Duration,
            "\"30s\"",
            "Longest wait for a complete answer; 100ms to 5m.",
        ),
        Key::with_default(
            "concurrency",
            MANY,
            "1024",
            "Requests that run at it at once; more wait, as long as their timeout allows.",
        ),
        Key::with_default(
            "pending",
            MANY,
            "1024",
            "Requests that may wait for it; more are refused as overloaded.",
        ),
    ],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Option<Upstream> {
    let name = section.value("name", value::name);
    let urls = section.list("urls", read_url);
    let ca = section.optional("ca", TrustAnchors::read);
    let client_identity = read_client_identity(section);
    let trust_domain = section.value("trust_domain", value::text);
    let client_evidence = section.value("client_evidence", ClientEvidence::read);
    let answer_keys = section.optional("answer_keys", value::path);
    let timeout = section.value(
        "timeout",
        duration_within(Duration::from_millis(100), Duration::from_secs(300)),
    );
    let many = |value: &Value<'_>| value.integer(1, MOST);
    let (concurrency, pending) = (section.value("concurrency", many), section.value("pending", many));
    let settle = Settle::read(section);
    if let Some(urls) = &urls {
        check_urls(section, urls);
    }
    if let (Some(settle), Some(urls)) = (&settle, &urls) {
        let mutual = client_identity.is_some() && urls.iter().all(|url| url.tls);
        settle.check(section, answer_keys.is_some(), mutual);
    }
    Some(Upstream {
        name: name?,
        urls: urls?,
        ca,
        client_identity,
        trust_domain: trust_domain?,
        client_evidence: client_evidence?,
        answer_keys,
        settle: settle?,
        timeout: timeout?,
        concurrency: usize::try_from(concurrency?).ok()?,
        pending: usize::try_from(pending?).ok()?,
    })
}

fn read_client_identity(section: &Section<'_>) -> Option<ClientIdentity> {
    let certificate = section.optional("client_certificate", value::path);
    let key = section.optional("client_key", SecretRef::read);
    match (section.has("client_certificate"), section.has("client_key")) {
        (true, false) => section.fault(
            "client_certificate",
            "a certificate without its key",
            "add client_key",
        ),
        (false, true) => section.fault(
            "client_key",
            "a key without its certificate",
            "add client_certificate",
        ),
        _ => {}
    }
    Some(ClientIdentity {
        certificate: certificate?,
        key: key?,
    })
}

fn check_urls(section: &Section<'_>, urls: &[UpstreamUrl]) {
    let tls = urls.iter().filter(|url| url.tls).count();
    if urls.is_empty() {
        section.fault("urls", "the backend has no address", "name at least one");
    } else if tls != 0 && tls != urls.len() {
        section.fault(
            "urls",
            "https:// and http:// side by side",
            "write https:// for all",
        );
    } else if tls != 0 && !section.has("ca") {
        section.fault(
            "ca",
            "nobody vouches for the backend's certificate",
            "add ca with the authority's PEM file",
        );
    } else if tls == 0 {
        let problem = "the backend is reached in plain HTTP";
        section.add(
            Weight::Warning,
            "urls",
            problem,
            "write https:// unless it shares this machine for a trial",
        );
    }
}

fn read_url(value: &Value<'_>) -> Parsed<UpstreamUrl> {
    let url = parse_url(value.text()?).ok_or_else(|| {
        let problem = format!("{} is no address of a backend", value.quoted());
        Complaint::new(
            problem,
            "write scheme, host and port only, such as \"https://bank.internal:7443\"",
        )
    })?;
    if !url.tls && !url.is_loopback() {
        let problem = format!(
            "{} would send payments in plain HTTP to another machine",
            value.quoted()
        );
        return Err(Complaint::new(
            problem,
            "write https://; http:// is accepted on a loopback address only",
        ));
    }
    Ok(url)
}

fn parse_url(text: &str) -> Option<UpstreamUrl> {
    let uri: Uri = text.parse().ok()?;
    let tls = match uri.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let authority = uri.authority()?;
    if uri.path() != "/" || uri.query().is_some() || text.contains('#') {
        return None;
    }
    let (host, port) = host_and_port(authority, if tls { 443 } else { 80 })?;
    Some(UpstreamUrl { tls, host, port })
}

impl UpstreamUrl {
    /// Host and port, as a connector takes them.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost"
            || bare
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl std::fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}://{}",
            if self.tls { "https" } else { "http" },
            self.authority()
        )
    }
}
