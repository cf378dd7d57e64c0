//! A small HTTPS client for key documents: TLS 1.3 only, the given CA only, no redirects, bounded in time and size.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, HOST};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::fetch::{FetchError, FetchKeys, Fetched, Fetching};

/// Largest document that is read, in bytes: message keys stay published for ever, at some 300 bytes each.
const MAX_BYTES: usize = 512 * 1024;
/// How long one fetch may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Fetches key documents over TLS 1.3. Documents are fetched minutes apart, so every fetch has its own connection.
#[derive(Clone)]
pub struct HttpsFetcher {
    tls: TlsConnector,
}

impl HttpsFetcher {
    /// A client that trusts the certificates in `ca_pem` and no others.
    ///
    /// # Errors
    /// [`FetchError`] when there is no usable certificate in `ca_pem`.
    pub fn new(ca_pem: &[u8]) -> Result<Self, FetchError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem) {
            let certificate =
                certificate.map_err(|error| FetchError::new(format!("the CA is not PEM: {error}")))?;
            roots
                .add(certificate)
                .map_err(|error| FetchError::new(format!("the CA is not usable: {error}")))?;
        }
        if roots.is_empty() {
            return Err(FetchError::new("the CA file holds no certificate"));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(FetchError::new)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    async fn get(&self, url: &str) -> Result<Fetched, FetchError> {
        let uri: Uri = url.parse().map_err(FetchError::new)?;
        let authority = uri
            .authority()
            .ok_or_else(|| FetchError::new("the URL has no host"))?;
        if uri.scheme_str() != Some("https") {
            return Err(FetchError::new("keys are fetched over https only"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(FetchError::new)?;
        let tcp = TcpStream::connect((host, authority.port_u16().unwrap_or(443)))
            .await
            .map_err(FetchError::new)?;
        let tls = self.tls.connect(name, tcp).await.map_err(FetchError::new)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(tls))
            .await
            .map_err(FetchError::new)?;
        let driver = tokio::spawn(connection);
        let request = Request::get(uri.path_and_query().map_or("/", |target| target.as_str()))
            .header(HOST, authority.as_str())
            .header(ACCEPT, "application/json")
            .body(Empty::<Bytes>::new())
            .map_err(FetchError::new)?;
        let answer = read(sender.send_request(request).await.map_err(FetchError::new)?).await;
        driver.abort();
        answer
    }
}

async fn read(response: http::Response<hyper::body::Incoming>) -> Result<Fetched, FetchError> {
    if response.status() != StatusCode::OK {
        return Err(FetchError::new(format!(
            "the gateway answered {}",
            response.status()
        )));
    }
    let cache_control = response
        .headers()
        .get(CACHE_CONTROL)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = Limited::new(response.into_body(), MAX_BYTES)
        .collect()
        .await
        .map_err(FetchError::new)?
        .to_bytes();
    Ok(Fetched { body, cache_control })
}

impl FetchKeys for HttpsFetcher {
    fn fetch<'a>(&'a self, url: &'a str) -> Fetching<'a> {
        Box::pin(async move {
            tokio::time::timeout(TIME_LIMIT, self.get(url))
                .await
                .unwrap_or_else(|_| Err(FetchError::new("the gateway did not answer in time")))
        })
    }
}

impl std::fmt::Debug for HttpsFetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpsFetcher").finish_non_exhaustive()
    }
}
