//! A certificate that is revoked while its connection is open.

use countersign::base::Door;
use countersign::config::TlsVersion;
use countersign::edge::{ClientAuthentication, Limits, TlsInForce, TrustAnchors};

use super::certificates::{Authority, Issued};
use super::client::{Client, Conversation};
use super::gateway::{Opened, open, setup, trust};

/// How the two doors that ask for certificates do so.
type Asks = fn(TrustAnchors) -> ClientAuthentication;
const DOORS: [(Door, Asks); 2] = [
    (Door::MutualTls, ClientAuthentication::Optional),
    (Door::Admin, ClientAuthentication::Required),
];

/// A door that believes `clients`, with nobody revoked.
fn opened(door: Door, asks: Asks, clients: &Authority) -> Opened {
    let list = clients.revocation_list(&[], 4000);
    open(door, &asks(trust(clients, Some(&list))), Limits::default())
}

fn with_trust(opened: &Opened, clients: &ClientAuthentication) -> TlsInForce {
    let issued = opened.authority.issue(&["localhost"], 1);
    setup(&[issued], clients, TlsVersion::Tls13)
}

async fn connect(opened: &Opened, certificate: &Issued, protocol: &str) -> Conversation {
    let client = Client::new(&opened.authority, Some(certificate), &[protocol]);
    client.open(opened.address).await.unwrap()
}

/// TLS-08, TLS-10
#[tokio::test]
async fn a_certificate_revoked_during_its_connection_is_refused_at_the_next_request() {
    for (door, asks) in DOORS {
        for protocol in ["h2", "http/1.1"] {
            let clients = Authority::new("client authority");
            let (good, bad) = (
                clients.issue(&["good.example"], 7),
                clients.issue(&["bad.example"], 8),
            );
            let opened = opened(door, asks, &clients);
            let mut good = connect(&opened, &good, protocol).await;
            let mut bad = connect(&opened, &bad, protocol).await;
            for conversation in [&mut good, &mut bad] {
                assert_eq!(conversation.get("/before").await.unwrap().status, 200);
            }
            let list = clients.revocation_list(&[8], 4000);
            opened
                .tls
                .replace(with_trust(&opened, &asks(trust(&clients, Some(&list)))));
            for _ in 0..2 {
                assert_eq!(good.get("/after").await.unwrap().status, 200);
            }
            let refused = bad.get("/after").await.unwrap();
            assert_eq!(refused.status, 403);
            assert!(refused.body.contains("certificate-refused"), "{}", refused.body);
            // In HTTP/1.1 the connection has been closed, in HTTP/2 it stays refused.
            assert!(
                bad.get("/again").await.is_err_and(|_| protocol == "http/1.1")
                    || protocol == "h2" && bad.get("/again").await.unwrap().status == 403
            );
            // Nothing of it reached what stands behind the door.
            let seen = opened.behind.seen.lock().unwrap().len();
            assert_eq!(seen, 4, "{door:?} {protocol}");
        }
    }
}

/// MTLS-01: the authority itself is no longer believed.
#[tokio::test]
async fn a_certificate_of_an_authority_that_was_dropped_is_refused_at_the_next_request() {
    for (door, asks) in DOORS {
        let (old, new) = (Authority::new("old authority"), Authority::new("new authority"));
        let opened = opened(door, asks, &old);
        let mut conversation = connect(&opened, &old.issue(&["app.example"], 7), "h2").await;
        assert_eq!(conversation.get("/before").await.unwrap().status, 200);
        opened.tls.replace(with_trust(&opened, &asks(trust(&new, None))));
        assert_eq!(conversation.get("/after").await.unwrap().status, 403);
        let mut newcomer = connect(&opened, &new.issue(&["app.example"], 7), "h2").await;
        assert_eq!(newcomer.get("/").await.unwrap().status, 200);
        // Back in force, it is believed again: what was refused was the request, not the client for ever.
        opened.tls.replace(with_trust(&opened, &asks(trust(&old, None))));
        assert_eq!(conversation.get("/back").await.unwrap().status, 200);
        assert_eq!(newcomer.get("/").await.unwrap().status, 403);
    }
}

/// TLS-10: a list that has expired covers nobody, on open connections too.
#[tokio::test]
async fn an_expired_list_refuses_open_connections() {
    let (door, asks) = DOORS[0];
    let clients = Authority::new("client authority");
    let opened = opened(door, asks, &clients);
    let mut conversation = connect(&opened, &clients.issue(&["app.example"], 7), "h2").await;
    assert_eq!(conversation.get("/before").await.unwrap().status, 200);
    let list = clients.revocation_list(&[], 2021);
    opened
        .tls
        .replace(with_trust(&opened, &asks(trust(&clients, Some(&list)))));
    assert_eq!(conversation.get("/after").await.unwrap().status, 403);
}

/// A client that shows no certificate at a door that does not insist has none to lose.
#[tokio::test]
async fn a_connection_without_a_certificate_is_not_touched() {
    let (door, asks) = DOORS[0];
    let clients = Authority::new("client authority");
    let opened = opened(door, asks, &clients);
    let client = Client::new(&opened.authority, None, &["h2"]);
    let mut conversation = client.open(opened.address).await.unwrap();
    assert_eq!(conversation.get("/before").await.unwrap().status, 200);
    let other = Authority::new("another authority");
    opened
        .tls
        .replace(with_trust(&opened, &asks(trust(&other, None))));
    assert_eq!(conversation.get("/after").await.unwrap().status, 200);
}
