//! A sealed request on its way to a backend that is well: what is on the wire, over which connection, to whom.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use countersign::base::Secret;
use countersign::config::TlsVersion;
use countersign::edge::ClientAuthentication;
use countersign::telemetry::Metrics;
use countersign::tls::provider;
use countersign::upstream::{ClientIdentity, Clusters, SendError, UpstreamSettings, send};
use http::Request;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{default_provider, kx_group};
use rustls::version::TLS13;
use rustls::{NamedGroup, ServerConfig};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{Notify, mpsc};
use tokio_rustls::TlsAcceptor;

use super::backend::{Backend, Payment, clusters, nobody, pay, read_request, settings};
use super::certificates::Authority;
use super::gateway::{setup, trust};

const EMPTY: &str = "HTTP/1.1 204 No Content\r\n\r\n";

/// HTTP-07, HTTP-08
#[tokio::test]
async fn the_backend_reads_what_was_authorised_and_one_framing() {
    let (sender, mut requests) = mpsc::unbounded_channel();
    let backend = Backend::start(move |mut socket| {
        let sender = sender.clone();
        async move {
            sender.send(read_request(&mut socket).await.unwrap()).unwrap();
            socket.write_all(EMPTY.as_bytes()).await.unwrap();
        }
    })
    .await;
    let request = Request::put("https://public.example/a%2Fb//c?x=%20&y=")
        .header("host", "public.example")
        .header("connection", "x-drop, txn-token")
        .header("x-drop", "1")
        .header("txn-token", "kept")
        .header("transfer-encoding", "chunked")
        .header("content-length", "99")
        .header("expect", "100-continue")
        .body(Bytes::from_static(b"body"))
        .unwrap();
    let payment = Payment {
        request,
        ..Payment::default()
    };
    send(&clusters(&[&backend.url]), payment).await.unwrap();
    let authority = backend.url.trim_start_matches("http://");
    let text = requests.recv().await.unwrap();
    let mut lines: Vec<_> = text.split("\r\n").collect();
    lines.sort_unstable();
    let host = format!("host: {authority}");
    let mut expected = vec![
        "",
        "body",
        "content-length: 4",
        &host,
        "put /a%2fb//c?x=%20&y= http/1.1",
        "txn-token: kept",
    ];
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

/// HDR-04
#[tokio::test]
async fn the_answer_comes_back_cleaned() {
    let backend = Backend::answering(
        "HTTP/1.1 201 Created\r\nserver: bank/1\r\nset-cookie: a=b\r\nconnection: x-drop\r\nx-drop: 1\r\n\
         keep-alive: 5\r\naccess-control-allow-origin: *\r\netag: \"1\"\r\ncontent-length: 4\r\n\r\nbody",
    )
    .await;
    let answer = pay(&backend.url).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.body.as_ref()),
        (201, &b"body"[..])
    );
    let names: Vec<_> = answer.headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(names, ["etag", "content-length"]);
}

#[tokio::test]
async fn informational_answers_are_passed_over() {
    let backend =
        Backend::answering("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
            .await;
    assert_eq!(pay(&backend.url).await.unwrap().status.as_u16(), 204);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let backend =
        Backend::answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").await;
    let clusters = clusters(&[&backend.url]);
    for _ in 0..3 {
        assert_eq!(send(&clusters, Payment::default()).await.unwrap().body, "ok");
    }
    assert_eq!(backend.accepted.load(Ordering::SeqCst), 1);
}

/// Without a byte written on it, a connection that its backend has closed costs nothing but a new one.
#[tokio::test]
async fn a_stale_connection_is_replaced() {
    let closed = Arc::new(Notify::new());
    let closing = Arc::clone(&closed);
    let backend = Backend::start(move |mut socket| {
        let closing = Arc::clone(&closing);
        async move {
            read_request(&mut socket).await.unwrap();
            socket
                .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                .await
                .unwrap();
            drop(socket);
            closing.notify_one();
        }
    })
    .await;
    let clusters = clusters(&[&backend.url]);
    for round in 1..=3 {
        send(&clusters, Payment::default()).await.unwrap();
        assert_eq!(backend.accepted.load(Ordering::SeqCst), round);
        closed.notified().await;
        // The end of the connection has arrived in the kernel; this runtime looks there every 61 turns at the latest.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_the_backend_wants_closed_is_not_kept() {
    let backend =
        Backend::answering("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
    let clusters = clusters(&[&backend.url]);
    send(&clusters, Payment::default()).await.unwrap();
    send(&clusters, Payment::default()).await.unwrap();
    assert_eq!(backend.accepted.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn another_replica_takes_over_when_one_is_down() {
    let backend = Backend::answering(EMPTY).await;
    let clusters = clusters(&[&nobody().await, &backend.url]);
    for _ in 0..8 {
        send(&clusters, Payment::default()).await.unwrap();
    }
}

/// At most once: a replica that took the request and hung up must not make another one pay as well.
#[tokio::test]
async fn a_request_that_was_sent_is_never_sent_to_another_replica() {
    let (first, second) = (
        Backend::answering_once(b"").await,
        Backend::answering_once(b"").await,
    );
    let clusters = clusters(&[&first.url, &second.url]);
    let error = send(&clusters, Payment::default()).await.unwrap_err();
    assert!(matches!(error, SendError::Cut(_)), "{error:?}");
    let accepted = first.accepted.load(Ordering::SeqCst) + second.accepted.load(Ordering::SeqCst);
    assert_eq!(accepted, 1);
}

/// A backend that speaks TLS with a certificate for `name`, and its authority.
async fn secure(name: &str, clients: &ClientAuthentication) -> (Backend, Authority) {
    let authority = Authority::new("backend authority");
    let issued = authority.issue(&[name], 1);
    let acceptor = TlsAcceptor::from(setup(&[issued], clients, TlsVersion::Tls13).config());
    let mut backend = Backend::start(move |socket| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(socket).await else {
                return;
            };
            let named = stream.get_ref().1.peer_certificates().is_some();
            while read_request(&mut stream).await.is_some() {
                let status = if named {
                    "204 No Content"
                } else {
                    "205 Reset Content\r\ncontent-length: 0"
                };
                let answer = format!("HTTP/1.1 {status}\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    backend.url = backend.url.replace("http://", "https://");
    (backend, authority)
}

fn over_tls(url: &str, authority: &Authority, client: Option<ClientIdentity>) -> Clusters {
    let settings = UpstreamSettings {
        authorities: Some(vec![authority.der()]),
        client,
        ..settings(&[url])
    };
    Clusters::new(vec![settings], Metrics::default()).unwrap()
}

/// TLS-04: towards a backend that offers the hybrid it is used, towards one that does not the next best is.
#[tokio::test]
async fn the_hybrid_group_protects_the_way_to_a_backend_too() {
    for (groups, expected) in [
        (provider().kx_groups.clone(), NamedGroup::X25519MLKEM768),
        (vec![kx_group::SECP256R1], NamedGroup::secp256r1),
    ] {
        let authority = Authority::new("backend authority");
        let issued = authority.issue(&["127.0.0.1"], 1);
        let theirs = CryptoProvider {
            kx_groups: groups,
            ..default_provider()
        };
        let config = ServerConfig::builder_with_provider(Arc::new(theirs))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.der()], issued.key_der())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (sender, mut agreed) = mpsc::unbounded_channel();
        let backend = Backend::start(move |socket| {
            let (acceptor, sender) = (acceptor.clone(), sender.clone());
            async move {
                let mut stream = acceptor.accept(socket).await.unwrap();
                let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap().name();
                sender.send(group).unwrap();
                read_request(&mut stream).await;
                stream.write_all(EMPTY.as_bytes()).await.unwrap();
            }
        })
        .await;
        let url = backend.url.replace("http://", "https://");
        send(&over_tls(&url, &authority, None), Payment::default())
            .await
            .unwrap();
        assert_eq!(agreed.recv().await, Some(expected));
    }
}

/// TLS-11
#[tokio::test]
async fn the_gateway_shows_its_certificate_to_a_backend_that_asks() {
    let gateways = Authority::new("gateway authority");
    let issued = gateways.issue(&["gateway.internal"], 2);
    let client = ClientIdentity {
        chain: issued.chain.into_bytes(),
        key: Secret::new(issued.key.into_bytes()),
    };
    let clients = ClientAuthentication::Required(trust(&gateways, None));
    let (backend, authority) = secure("127.0.0.1", &clients).await;
    let clusters = over_tls(&backend.url, &authority, Some(client));
    for _ in 0..2 {
        assert_eq!(
            send(&clusters, Payment::default()).await.unwrap().status.as_u16(),
            204
        );
    }
    assert_eq!(backend.accepted.load(Ordering::SeqCst), 1);
    assert!(
        send(&over_tls(&backend.url, &authority, None), Payment::default())
            .await
            .is_err()
    );
}

/// TLS-11
#[tokio::test]
async fn a_backend_under_another_name_gets_nothing() {
    let (backend, authority) = secure("other.internal", &ClientAuthentication::None).await;
    let error = send(&over_tls(&backend.url, &authority, None), Payment::default())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, SendError::Unsent(cause) if cause.contains("not valid for name")),
        "{error:?}"
    );
}

/// TLS-11
#[tokio::test]
async fn a_backend_of_another_authority_gets_nothing() {
    let (backend, _) = secure("127.0.0.1", &ClientAuthentication::None).await;
    let stranger = Authority::new("backend authority");
    let error = send(&over_tls(&backend.url, &stranger, None), Payment::default())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, SendError::Unsent(cause) if cause.contains("certificate")),
        "{error:?}"
    );
}

/// TLS-11
#[tokio::test]
async fn there_is_no_fallback_to_plain_text() {
    let backend = Backend::answering_once(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let url = backend.url.replace("http://", "https://");
    let authority = Authority::new("backend authority");
    let clusters = over_tls(&url, &authority, None);
    let payment = Payment {
        deadline: std::time::Duration::from_millis(40),
        ..Payment::default()
    };
    let error = send(&clusters, payment).await.unwrap_err();
    assert!(!error.may_have_been_sent(), "{error:?}");
}
