//! What the authority issues is held against rustls' verifiers, which know nothing of the authority.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use super::*;
use crate::base::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> Timestamp {
    Timestamp::from_seconds(1_790_000_000)
}

fn authority() -> Authority {
    Authority::create(Profiles::built_in().unwrap(), now()).unwrap().0
}

fn issue(
    authority: &Authority,
    purpose: Purpose,
    name: &str,
    hosts: &[&str],
) -> Vec<CertificateDer<'static>> {
    let hosts: Vec<String> = hosts.iter().map(|host| host.to_string()).collect();
    authority.issue(purpose, name, &hosts, now()).unwrap().chain()
}

fn root(authority: &Authority) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(authority.root_pem().as_bytes()).unwrap()
}

fn trusting(anchor: CertificateDer<'static>) -> Arc<RootCertStore> {
    let mut store = RootCertStore::empty();
    store.add(anchor).unwrap();
    Arc::new(store)
}

fn unix(time: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(time.since(Timestamp::default()))
}

fn as_server(
    anchor: CertificateDer<'static>,
    chain: &[CertificateDer<'static>],
    host: &str,
    at: Timestamp,
) -> Result<(), rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(trusting(anchor), provider)
        .build()
        .unwrap();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    verifier
        .verify_server_cert(&chain[0], &chain[1..], &name, &[], unix(at))
        .map(drop)
}

fn as_client(
    anchor: CertificateDer<'static>,
    chain: &[CertificateDer<'static>],
    at: Timestamp,
) -> Result<(), rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(trusting(anchor), provider)
        .build()
        .unwrap();
    verifier
        .verify_client_cert(&chain[0], &chain[1..], unix(at))
        .map(drop)
}

#[test]
fn a_server_certificate_holds_for_its_hosts_and_no_other() {
    let authority = authority();
    let chain = issue(&authority, Purpose::Server, "localhost", &["127.0.0.1", "::1"]);
    for host in ["localhost", "127.0.0.1", "::1"] {
        as_server(root(&authority), &chain, host, now()).unwrap();
    }
    as_server(root(&authority), &chain, "example.com", now()).unwrap_err();
    as_server(root(&authority), &chain, "127.0.0.2", now()).unwrap_err();
}

/// TLS-02, TLS-09.
#[test]
fn a_certificate_begins_ten_minutes_back_and_ends_with_its_lifetime() {
    let authority = authority();
    let chain = issue(&authority, Purpose::Server, "localhost", &[]);
    let at = |time| as_server(root(&authority), &chain, "localhost", time);
    at(now().minus(Duration::from_secs(599))).unwrap();
    at(now().minus(Duration::from_secs(601))).unwrap_err();
    at(now().plus(90 * DAY - Duration::from_secs(1))).unwrap();
    at(now().plus(90 * DAY + Duration::from_secs(1))).unwrap_err();
}

/// MTLS-06: client certificates come from a private authority, with clientAuth.
#[test]
fn client_certificates_are_no_server_certificates_and_the_other_way_round() {
    let authority = authority();
    let anchor = |purpose| authority.trust_anchor(purpose).clone();
    let server = issue(&authority, Purpose::Server, "localhost", &[]);
    let client = issue(&authority, Purpose::Client, "shop", &["localhost"]);
    as_client(anchor(Purpose::Client), &client, now()).unwrap();
    as_client(root(&authority), &client, now()).unwrap();
    as_client(root(&authority), &server, now()).unwrap_err();
    as_client(anchor(Purpose::Server), &server, now()).unwrap_err();
    as_server(root(&authority), &client, "localhost", now()).unwrap_err();
    as_server(anchor(Purpose::Client), &client, "localhost", now()).unwrap_err();
}

#[test]
fn one_purposes_trust_anchor_takes_no_certificate_of_another() {
    let authority = authority();
    for (own, trusted) in [
        (Purpose::Client, Purpose::Admin),
        (Purpose::Admin, Purpose::Client),
        (Purpose::Backend, Purpose::Client),
        (Purpose::Client, Purpose::Backend),
        (Purpose::Backend, Purpose::Admin),
    ] {
        let chain = issue(&authority, own, "someone", &[]);
        as_client(authority.trust_anchor(own).clone(), &chain, now()).unwrap();
        as_client(authority.trust_anchor(trusted).clone(), &chain, now()).unwrap_err();
    }
}

/// TLS-11: a backend answers, and the gateway calls, with certificates of one purpose.
#[test]
fn backend_certificates_serve_both_ends_of_the_inner_connection() {
    let authority = authority();
    let chain = issue(&authority, Purpose::Backend, "bank.internal", &[]);
    let anchor = authority.trust_anchor(Purpose::Backend).clone();
    as_server(anchor.clone(), &chain, "bank.internal", now()).unwrap();
    as_client(anchor, &chain, now()).unwrap();
}

#[test]
fn an_administrators_intermediate_vouches_for_no_host_even_if_its_profile_were_loosened() {
    let authority = authority();
    let refused = authority.issue(Purpose::Admin, "alice", &["localhost".to_owned()], now());
    assert!(matches!(refused, Err(PkiError::HostsNotAllowed(Purpose::Admin))));

    let folder = tempfile::tempdir().unwrap();
    Ca::create(folder.path(), &Profiles::built_in().unwrap(), now()).unwrap();
    let loosened = Profiles::BUILT_IN.replace("hosts = \"none\"", "hosts = \"given\"");
    fs::write(folder.path().join("profiles.toml"), loosened).unwrap();
    let ca = Ca::open(folder.path()).unwrap();
    for host in ["localhost", "127.0.0.1", "::1"] {
        let chain = issue(ca.authority(), Purpose::Admin, "alice", &[host]);
        as_client(ca.authority().trust_anchor(Purpose::Admin).clone(), &chain, now()).unwrap_err();
    }
}

#[test]
fn names_and_hosts_that_no_certificate_may_have_are_refused() {
    let authority = authority();
    for name in ["", "ca", ".hidden", "a/b", "../up", "a b", "a\n", &"x".repeat(65)] {
        let refused = authority.issue(Purpose::Client, name, &[], now());
        assert!(matches!(refused, Err(PkiError::Name(_))), "{name}");
    }
    for host in [
        "*.example.com",
        "",
        "a b",
        "https://example.com",
        "300.1.1.1",
        "-",
    ] {
        let refused = authority.issue(Purpose::Server, "localhost", &[host.to_owned()], now());
        assert!(matches!(refused, Err(PkiError::AlternativeName(_))), "{host}");
    }
}

#[test]
fn a_certificate_does_not_outlive_its_intermediate_and_an_expired_one_issues_nothing() {
    let authority = authority();
    let late = now().plus(1800 * DAY);
    let chain = authority
        .issue(Purpose::Server, "localhost", &[], late)
        .unwrap()
        .chain();
    as_server(root(&authority), &chain, "localhost", late.plus(24 * DAY)).unwrap();
    as_server(root(&authority), &chain, "localhost", late.plus(26 * DAY)).unwrap_err();
    let expired = authority.issue(Purpose::Server, "localhost", &[], now().plus(1826 * DAY));
    assert!(matches!(
        expired,
        Err(PkiError::IntermediateExpired(Purpose::Server))
    ));
}

#[test]
fn an_authority_on_disk_is_whole_private_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("certs");
    let ca = Ca::create(&folder, &Profiles::built_in().unwrap(), now()).unwrap();
    let issued = ca.issue(Purpose::Server, "localhost", &[], now()).unwrap();

    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    for key in [
        "private/root.key.pem",
        "private/server.key.pem",
        "private/admin.key.pem",
        "server/localhost.key.pem",
    ] {
        assert_eq!(mode(&folder.join(key)), 0o600, "{key}");
    }
    assert_eq!(mode(&folder.join("private")), 0o700);

    assert!(matches!(
        Ca::create(&folder, &Profiles::built_in().unwrap(), now()),
        Err(PkiError::Exists(_))
    ));
    let before = fs::read(&issued.key).unwrap();
    assert!(matches!(
        ca.issue(Purpose::Server, "localhost", &[], now()),
        Err(PkiError::Exists(_))
    ));
    assert_eq!(fs::read(&issued.key).unwrap(), before);
}

#[test]
fn what_a_reopened_authority_issues_is_trusted_by_the_first_root() {
    let folder = tempfile::tempdir().unwrap();
    let ca = Ca::create(folder.path(), &Profiles::built_in().unwrap(), now()).unwrap();
    let issued = Ca::open(folder.path())
        .unwrap()
        .issue(Purpose::Server, "localhost", &[], now())
        .unwrap();
    let chain: Vec<_> = CertificateDer::pem_file_iter(&issued.chain)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    as_server(
        CertificateDer::from_pem_file(ca.root_path()).unwrap(),
        &chain,
        "localhost",
        now(),
    )
    .unwrap();

    let key = PrivateKeyDer::from_pem_file(&issued.key).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    rustls::sign::CertifiedKey::from_der(chain, key, &provider)
        .unwrap()
        .keys_match()
        .unwrap();
}

#[test]
fn a_folder_without_a_whole_authority_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Ca::open(folder.path()), Err(PkiError::NoAuthority(_))));

    Ca::create(folder.path(), &Profiles::built_in().unwrap(), now()).unwrap();
    let [client, admin] =
        ["private/client.key.pem", "private/admin.key.pem"].map(|key| folder.path().join(key));
    fs::copy(&client, &admin).unwrap();
    assert!(matches!(Ca::open(folder.path()), Err(PkiError::Damaged(_))));

    fs::set_permissions(&admin, fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = Ca::open(folder.path()).err().unwrap();
    assert!(exposed.to_string().contains("chmod 600"), "{exposed}");
}
