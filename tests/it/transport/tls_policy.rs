//! What a door agrees to: groups, versions, suites, early data, and what both ends can export.

use std::sync::Arc;

use countersign::base::{ChannelBinding, Door};
use countersign::config::TlsVersion;
use countersign::edge::{ClientAuthentication, Limits};
use countersign::tls::provider;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite, default_provider, kx_group};
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, NamedGroup, ProtocolVersion};

use super::client::Client;
use super::gateway::{Opened, open, public, setup};

fn client(opened: &Opened, provider: CryptoProvider) -> Client {
    let provider = Arc::new(provider);
    Client::with_tls(&opened.authority, None, &["http/1.1"], provider, &[&TLS13])
}

/// TLS-02, TLS-04
#[tokio::test]
async fn the_hybrid_group_is_agreed_on_at_once_and_is_on_record() {
    let opened = public();
    let client = client(&opened, (*provider()).clone());
    let stream = client.connect(opened.address, "localhost").await.unwrap();
    let tls = stream.get_ref().1;
    assert_eq!(
        tls.negotiated_key_exchange_group().unwrap().name(),
        NamedGroup::X25519MLKEM768
    );
    assert_eq!(tls.handshake_kind(), Some(HandshakeKind::Full));
    client.open(opened.address).await.unwrap().get("/").await.unwrap();
    assert_eq!(opened.behind.seen.lock().unwrap()[0].group, "X25519MLKEM768");
    let counted =
        r#"countersign_tls_handshakes_total{door="public",version="TLSv1_3",group="X25519MLKEM768"}"#;
    assert!(
        opened.metrics.render().contains(counted),
        "{}",
        opened.metrics.render()
    );
}

/// TLS-02, TLS-05: who has no hybrid comes in all the same.
#[tokio::test]
async fn every_group_of_the_policy_is_good_by_itself() {
    let opened = public();
    for (groups, expected) in [
        (vec![kx_group::X25519], NamedGroup::X25519),
        (vec![kx_group::SECP256R1], NamedGroup::secp256r1),
        (vec![kx_group::SECP384R1], NamedGroup::secp384r1),
    ] {
        let provider = CryptoProvider {
            kx_groups: groups,
            ..default_provider()
        };
        let stream = client(&opened, provider)
            .connect(opened.address, "localhost")
            .await
            .unwrap();
        let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, expected);
    }
}

/// TLS-02: the suite is chosen by the order of the policy, but whoever has no instructions for AES gets what they can compute.
#[tokio::test]
async fn the_suite_is_the_gateways_choice_unless_the_client_computes_no_aes() {
    use cipher_suite::{
        TLS13_AES_128_GCM_SHA256 as AES_128, TLS13_AES_256_GCM_SHA384 as AES_256,
        TLS13_CHACHA20_POLY1305_SHA256 as CHACHA20,
    };
    let opened = public();
    for (offered, expected) in [
        (vec![AES_256, AES_128, CHACHA20], AES_128),
        (vec![AES_256, CHACHA20, AES_128], AES_128),
        (vec![CHACHA20, AES_256, AES_128], CHACHA20),
        (vec![AES_256, CHACHA20], AES_256),
        (vec![CHACHA20], CHACHA20),
    ] {
        let provider = CryptoProvider {
            cipher_suites: offered.clone(),
            ..default_provider()
        };
        let stream = client(&opened, provider)
            .connect(opened.address, "localhost")
            .await
            .unwrap();
        let agreed = stream.get_ref().1.negotiated_cipher_suite();
        assert_eq!(agreed, Some(expected), "{offered:?}");
    }
}

/// A client of TLS 1.2 with the suites of ring.
fn old(opened: &Opened) -> Client {
    let provider = Arc::new(default_provider());
    Client::with_tls(&opened.authority, None, &["http/1.1"], provider, &[&TLS12])
}

/// TLS-01, TLS-03
#[tokio::test]
async fn tls_1_2_is_spoken_only_where_the_configuration_says_so() {
    let opened = public();
    let error = old(&opened)
        .connect(opened.address, "localhost")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");

    let issued = opened.authority.issue(&["localhost"], 2);
    opened
        .tls
        .replace(setup(&[issued], &ClientAuthentication::None, TlsVersion::Tls12));
    let mut conversation = old(&opened).open(opened.address).await.unwrap();
    assert_eq!(conversation.get("/hello").await.unwrap().body, "/hello");
    let facts = Arc::clone(&opened.behind.seen.lock().unwrap()[0]);
    assert_eq!((facts.tls_version, facts.group), ("TLSv1_2", "X25519"));
    // Both ends speak 1.3 where both can.
    let stream = client(&opened, default_provider())
        .connect(opened.address, "localhost")
        .await
        .unwrap();
    assert_eq!(
        stream.get_ref().1.protocol_version(),
        Some(ProtocolVersion::TLSv1_3)
    );
}

/// TLS-03: every suite of TLS 1.2 that rustls knows is ephemeral and authenticated; each is good by itself, and each is one of
/// the policy's.
#[tokio::test]
async fn the_suites_of_tls_1_2_are_the_strong_ones() {
    let opened = open(Door::Public, &ClientAuthentication::None, Limits::default());
    let issued = opened.authority.issue(&["localhost"], 2);
    opened
        .tls
        .replace(setup(&[issued], &ClientAuthentication::None, TlsVersion::Tls12));
    for suite in [
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ] {
        let provider = Arc::new(CryptoProvider {
            cipher_suites: vec![suite],
            ..default_provider()
        });
        let client = Client::with_tls(&opened.authority, None, &[], provider, &[&TLS12]);
        let stream = client.connect(opened.address, "localhost").await.unwrap();
        assert_eq!(stream.get_ref().1.negotiated_cipher_suite(), Some(suite));
    }
}

/// TLS-06: a ticket allows no early data, so a client that would send some does not get to.
#[tokio::test]
async fn no_early_data_is_taken() {
    let opened = public();
    let mut client = Client::new(&opened.authority, None, &["http/1.1"]);
    client.config().enable_early_data = true;
    client.open(opened.address).await.unwrap().get("/").await.unwrap();
    let config = Arc::new(client.config().clone());
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut again = rustls::ClientConnection::new(config, name).unwrap();
    assert!(again.early_data().is_none());
    // That took the one ticket there was.
    client.open(opened.address).await.unwrap().get("/").await.unwrap();
    let stream = client.connect(opened.address, "localhost").await.unwrap();
    assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
}

/// RFC 9266: both ends of a connection know the same, and no other connection has it.
#[tokio::test]
async fn both_ends_of_a_connection_export_the_same() {
    let opened = public();
    let issued = opened.authority.issue(&["localhost"], 2);
    opened
        .tls
        .replace(setup(&[issued], &ClientAuthentication::None, TlsVersion::Tls12));
    let mut seen = Vec::new();
    for client in [Client::new(&opened.authority, None, &["http/1.1"]), old(&opened)] {
        for _ in 0..2 {
            let stream = client.connect(opened.address, "localhost").await.unwrap();
            let ours = stream.get_ref().1.export_keying_material(
                [0; ChannelBinding::BYTES],
                ChannelBinding::LABEL,
                Some(ChannelBinding::CONTEXT),
            );
            client.speak(stream).await.unwrap().get("/").await.unwrap();
            let facts = Arc::clone(opened.behind.seen.lock().unwrap().last().unwrap());
            let theirs = facts.channel_binding.as_ref().unwrap();
            assert_eq!(&ours.unwrap(), theirs.expose());
            assert!(!format!("{facts:?}").contains(&format!("{:?}", theirs.expose())));
            seen.push(*theirs.expose());
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 4);
}
