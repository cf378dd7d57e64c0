//! TLS at the doors: versions, protocols, names, client certificates, deadlines.

use std::time::Duration;

use countersign::base::{ClientCertificate, Door};
use countersign::edge::{ClientAuthentication, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::certificates::{Authority, Issued};
use super::client::Client;
use super::gateway::{Opened, open, public, trust};

/// A TLS 1.2 ClientHello (RFC 5246, section 7.4.1.2) with suites and groups that are good by its time, and no
/// `supported_versions`.
fn client_hello_of_tls12() -> Vec<u8> {
    let extensions: &[u8] = &[
        0x00, 0x0a, 0, 4, 0, 2, 0x00, 0x17, // supported_groups: secp256r1
        0x00, 0x0b, 0, 2, 1, 0, // ec_point_formats: uncompressed
        0x00, 0x0d, 0, 4, 0, 2, 0x04, 0x03, // signature_algorithms: ecdsa_secp256r1_sha256
    ];
    let mut hello = vec![0x03, 0x03];
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend([0, 2, 0xc0, 0x2b, 1, 0]);
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    let mut record = vec![0x16, 0x03, 0x01];
    record.extend((hello.len() as u16 + 4).to_be_bytes());
    record.extend([0x01, 0]);
    record.extend((hello.len() as u16).to_be_bytes());
    record.extend(hello);
    record
}

/// TLS-01, TLS-02
#[tokio::test]
async fn tls_1_2_is_refused_by_name() {
    let opened = public();
    let mut socket = TcpStream::connect(opened.address).await.unwrap();
    socket.write_all(&client_hello_of_tls12()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    // A fatal alert, protocol_version (RFC 8446, section 6).
    assert_eq!(answer, [0x15, 0x03, 0x03, 0, 2, 2, 70]);
}

/// TLS-07
#[tokio::test]
async fn http_is_what_alpn_chose_and_nothing_else() {
    let opened = public();
    for (offered, chosen) in [
        (vec!["h2", "http/1.1"], Some("h2")),
        (vec!["http/1.1", "h2"], Some("h2")),
        (vec!["http/1.1"], Some("http/1.1")),
        (vec![], None),
    ] {
        let client = Client::new(&opened.authority, None, &offered);
        let stream = client.connect(opened.address, "localhost").await.unwrap();
        assert_eq!(
            stream.get_ref().1.alpn_protocol(),
            chosen.map(str::as_bytes),
            "{offered:?}"
        );
        let mut conversation = client.open(opened.address).await.unwrap();
        assert_eq!(conversation.get("/hello").await.unwrap().body, "/hello");
    }
    let client = Client::new(&opened.authority, None, &["spdy/3"]);
    let error = client.connect(opened.address, "localhost").await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

/// TLS-07
#[tokio::test]
async fn a_name_that_stands_in_no_certificate_is_refused() {
    let opened = public();
    let client = Client::new(&opened.authority, None, &["h2"]);
    client.connect(opened.address, "localhost").await.unwrap();
    // An address is no server name (RFC 6066, section 3): the client names nothing and gets the first certificate.
    client.connect(opened.address, "127.0.0.1").await.unwrap();
    let error = client.connect(opened.address, "other.example").await.unwrap_err();
    assert!(error.to_string().contains("received fatal alert"), "{error}");
}

#[tokio::test]
async fn the_facts_of_a_connection_are_known() {
    let opened = public();
    let client = Client::new(&opened.authority, None, &["h2"]);
    client.open(opened.address).await.unwrap().get("/").await.unwrap();
    let seen = opened.behind.seen.lock().unwrap();
    assert_eq!((seen[0].tls_version, seen[0].group), ("TLSv1_3", "X25519"));
    assert_eq!(
        (seen[0].door, seen[0].peer.ip()),
        (Door::Public, opened.address.ip())
    );
}

/// What a door's service learned of the client that made one request with `certificate`.
async fn certificate_seen(
    opened: &Opened,
    certificate: Option<&Issued>,
) -> Result<Option<ClientCertificate>, String> {
    let client = Client::new(&opened.authority, certificate, &["http/1.1"]);
    client.open(opened.address).await?.get("/").await?;
    let seen = opened.behind.seen.lock().unwrap();
    Ok(seen.last().unwrap().client_certificate.as_deref().cloned())
}

/// MTLS-03, MTLS-04
#[tokio::test]
async fn a_client_certificate_reaches_the_mutual_door_and_is_not_asked_for_at_the_public_one() {
    let clients = Authority::new("client authority");
    let app = clients.issue(&["app.example"], 7);
    let expected = ClientCertificate::new(&app.der());

    let mutual = open(
        Door::MutualTls,
        &ClientAuthentication::Optional(trust(&clients, None)),
        Limits::default(),
    );
    assert_eq!(certificate_seen(&mutual, Some(&app)).await, Ok(Some(expected)));
    assert_eq!(certificate_seen(&mutual, None).await, Ok(None));

    assert_eq!(certificate_seen(&public(), Some(&app)).await, Ok(None));
}

/// MTLS-01
#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let clients = Authority::new("client authority");
    let stranger = Authority::new("client authority").issue(&["app.example"], 7);
    let mutual = open(
        Door::MutualTls,
        &ClientAuthentication::Optional(trust(&clients, None)),
        Limits::default(),
    );
    let error = certificate_seen(&mutual, Some(&stranger)).await.unwrap_err();
    assert!(error.contains("AlertReceived"), "{error}");
    assert!(mutual.behind.seen.lock().unwrap().is_empty());
    let failed = r#"countersign_tls_handshakes_failed_total{door="mutual-tls",cause="client-certificate"} 1"#;
    assert!(mutual.metrics.render().contains(failed));
}

#[tokio::test]
async fn the_admin_door_shuts_out_who_has_no_certificate() {
    let admins = Authority::new("admin authority");
    let admin = admins.issue(&["alice.admin"], 3);
    let door = open(
        Door::Admin,
        &ClientAuthentication::Required(trust(&admins, None)),
        Limits::default(),
    );
    assert!(certificate_seen(&door, Some(&admin)).await.unwrap().is_some());
    let error = certificate_seen(&door, None).await.unwrap_err();
    assert!(error.contains("CertificateRequired"), "{error}");
}

/// TLS-10
#[tokio::test]
async fn revocation_fails_closed() {
    let clients = Authority::new("client authority");
    let (good, revoked) = (
        clients.issue(&["good.example"], 7),
        clients.issue(&["revoked.example"], 8),
    );
    let door = |list: &str| {
        let trust = trust(&clients, Some(list));
        open(
            Door::MutualTls,
            &ClientAuthentication::Optional(trust),
            Limits::default(),
        )
    };
    let current = door(&clients.revocation_list(&[8], 4000));
    assert!(certificate_seen(&current, Some(&good)).await.unwrap().is_some());
    assert!(certificate_seen(&current, Some(&revoked)).await.is_err());

    let expired = door(&clients.revocation_list(&[8], 2021));
    assert!(certificate_seen(&expired, Some(&good)).await.is_err());

    let of_others = door(&Authority::new("another authority").revocation_list(&[8], 4000));
    assert!(certificate_seen(&of_others, Some(&good)).await.is_err());
}

/// TLS-08: resuming would restore a certificate that was revoked meanwhile.
#[tokio::test]
async fn tickets_are_given_at_the_public_door_only() {
    let clients = Authority::new("client authority");
    let mutual = ClientAuthentication::Optional(trust(&clients, None));
    for (opened, tickets) in [
        (public(), true),
        (open(Door::MutualTls, &mutual, Limits::default()), false),
    ] {
        let client = Client::new(&opened.authority, None, &["http/1.1"]);
        let mut stream = client.connect(opened.address, "localhost").await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        let mut first = [0; 16];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(first, *b"HTTP/1.1 200 OK\r");
        assert_eq!(stream.get_ref().1.tls13_tickets_received() > 0, tickets);
    }
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_cut() {
    let limits = Limits {
        handshake: Duration::from_millis(20),
        ..Limits::default()
    };
    let opened = open(Door::Public, &ClientAuthentication::None, limits);
    let mut socket = TcpStream::connect(opened.address).await.unwrap();
    socket.write_all(&[0x16, 0x03]).await.unwrap();
    let mut rest = Vec::new();
    assert_eq!(socket.read_to_end(&mut rest).await.unwrap_or(0), 0);
    opened.edge.drain().finish(Duration::from_secs(60)).await;
    let failed = r#"countersign_tls_handshakes_failed_total{door="public",cause="deadline"} 1"#;
    assert!(
        opened.metrics.render().contains(failed),
        "{}",
        opened.metrics.render()
    );
}
