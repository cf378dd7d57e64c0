//! The ready fetcher against a real TLS server.

use std::sync::Arc;

use bytes::Bytes;
use countersign_verify::{FetchKeys as _, HttpsFetcher};
use http::{Request, Response};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A server on loopback; its URL and its CA.
async fn serve(versions: &[&'static rustls::SupportedProtocolVersion]) -> (String, String) {
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(tls) = acceptor.accept(tcp).await else {
                continue;
            };
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(tls), service_fn(answer));
            let _ = served.await;
        }
    });
    (url, issued.cert.pem())
}

async fn answer(
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let response = match request.uri().path() {
        "/keys" => Response::builder()
            .header("cache-control", "max-age=7")
            .body(Full::from("{}")),
        "/moved" => Response::builder()
            .status(302)
            .header("location", "/keys")
            .body(Full::default()),
        "/huge" => Response::builder().body(Full::from(vec![b' '; 600 * 1024])),
        _ => Response::builder().status(404).body(Full::default()),
    };
    Ok(response.unwrap())
}

#[tokio::test]
async fn a_document_is_fetched_with_what_it_says_about_caching() {
    let (url, ca) = serve(&[&rustls::version::TLS13]).await;
    let fetched = HttpsFetcher::new(ca.as_bytes())
        .unwrap()
        .fetch(&format!("{url}/keys"))
        .await
        .unwrap();
    assert_eq!(
        (&fetched.body[..], fetched.cache_control.as_deref()),
        (&b"{}"[..], Some("max-age=7"))
    );
}

#[tokio::test]
async fn everything_but_a_bounded_200_over_trusted_tls_is_an_error() {
    let (url, ca) = serve(&[&rustls::version::TLS13]).await;
    let fetcher = HttpsFetcher::new(ca.as_bytes()).unwrap();
    for path in ["/moved", "/huge", "/missing"] {
        assert!(fetcher.fetch(&format!("{url}{path}")).await.is_err(), "{path}");
    }
    assert!(fetcher.fetch(&url.replace("https", "http")).await.is_err());
    assert!(
        fetcher
            .fetch(&url.replace("localhost", "127.0.0.1"))
            .await
            .is_err(),
        "another name than the certificate's"
    );
    let (_, other_ca) = serve(&[&rustls::version::TLS13]).await;
    let distrustful = HttpsFetcher::new(other_ca.as_bytes()).unwrap();
    assert!(distrustful.fetch(&format!("{url}/keys")).await.is_err());
    assert!(HttpsFetcher::new(b"").is_err());
}
