//! Certificates and trust that change while a door is open: no connection drops, and no ticket outlives the change.

use countersign::base::Door;
use countersign::config::TlsVersion;
use countersign::edge::{ClientAuthentication, Limits};
use rustls::HandshakeKind;

use super::certificates::Authority;
use super::client::Client;
use super::gateway::{open, public, setup, trust};

/// TLS-09
#[tokio::test]
async fn an_open_connection_outlives_a_change_of_certificates_and_the_next_one_gets_the_new() {
    let opened = public();
    let client = Client::new(&opened.authority, None, &["h2"]);
    let mut before = client.open(opened.address).await.unwrap();
    assert_eq!(before.get("/1").await.unwrap().body, "/1");
    let issued = opened.authority.issue(&["localhost"], 99);
    let expected = issued.der();
    opened
        .tls
        .replace(setup(&[issued], &ClientAuthentication::None, TlsVersion::Tls13));
    assert_eq!(before.get("/2").await.unwrap().body, "/2");
    let after = client.connect(opened.address, "localhost").await.unwrap();
    assert_eq!(after.get_ref().1.peer_certificates().unwrap()[0], expected);
}

/// TLS-08: tickets resume until something changes, and never after.
#[tokio::test]
async fn a_ticket_from_before_a_change_resumes_nothing() {
    let opened = public();
    let client = Client::new(&opened.authority, None, &["http/1.1"]);
    let kind = async || {
        let stream = client.connect(opened.address, "localhost").await.unwrap();
        let kind = stream.get_ref().1.handshake_kind();
        client.speak(stream).await.unwrap().get("/").await.unwrap();
        kind
    };
    assert_eq!(kind().await, Some(HandshakeKind::Full));
    assert_eq!(kind().await, Some(HandshakeKind::Resumed));
    // The same certificate, set up anew, as a change of the client authorities does it.
    let issued = opened.authority.issue(&["localhost"], 1);
    opened
        .tls
        .replace(setup(&[issued], &ClientAuthentication::None, TlsVersion::Tls13));
    assert_eq!(kind().await, Some(HandshakeKind::Full));
    assert_eq!(kind().await, Some(HandshakeKind::Resumed));
}

/// TLS-08: where certificates are asked for there is nothing to resume, in either version, so revocation is always asked.
#[tokio::test]
async fn a_mutual_door_verifies_at_every_connection() {
    let clients = Authority::new("client authority");
    let app = clients.issue(&["app.example"], 7);
    let mutual = ClientAuthentication::Optional(trust(&clients, None));
    let opened = open(Door::MutualTls, &mutual, Limits::default());
    let issued = opened.authority.issue(&["localhost"], 2);
    opened.tls.replace(setup(&[issued], &mutual, TlsVersion::Tls12));
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let provider = std::sync::Arc::clone(&provider);
        let client = Client::with_tls(&opened.authority, Some(&app), &["http/1.1"], provider, &[version]);
        for _ in 0..3 {
            let stream = client.connect(opened.address, "localhost").await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
            client.speak(stream).await.unwrap().get("/").await.unwrap();
        }
    }
    let revoked = trust(&clients, Some(&clients.revocation_list(&[7], 4000)));
    let issued = opened.authority.issue(&["localhost"], 2);
    let revoked = ClientAuthentication::Optional(revoked);
    opened.tls.replace(setup(&[issued], &revoked, TlsVersion::Tls12));
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let provider = std::sync::Arc::clone(&provider);
        let client = Client::with_tls(&opened.authority, Some(&app), &["http/1.1"], provider, &[version]);
        let outcome = async { client.open(opened.address).await?.get("/").await };
        let error = outcome.await.unwrap_err();
        assert!(error.contains("CertificateRevoked"), "{error}");
    }
}
