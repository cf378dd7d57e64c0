//! HTTPS to one or a few hosts: TLS 1.3 only, the given CA only, no redirects, everything bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::Error;

/// Largest answer that is read, in bytes.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// How long connecting may take, handshake included.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long an answer may take: a payment may wait for its backend.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Sends requests; keeps one connection per host for the next one.
pub(crate) struct Transport {
    tls: TlsConnector,
    idle: Mutex<HashMap<String, SendRequest<Full<Bytes>>>>,
}

impl Transport {
    pub(crate) fn new(ca_pem: &[u8]) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem) {
            let certificate = certificate.map_err(|error| Error::Ca(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|error| Error::Ca(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(Error::Ca("it holds no certificate".to_owned()));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| Error::Ca(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            idle: Mutex::default(),
        })
    }

    /// Sends `request`, whose URI is absolute, once. It is never sent a second time by itself.
    pub(crate) async fn send(&self, mut request: Request<Bytes>) -> Result<Answer, Error> {
        let uri = request.uri().clone();
        let (host, port) = host_and_port(&uri)?;
        let authority = uri
            .authority()
            .map_or_else(String::new, |authority| authority.to_string());
        let value = HeaderValue::from_str(&authority).map_err(|error| Error::Request(error.to_string()))?;
        request.headers_mut().insert(HOST, value);
        *request.uri_mut() = uri
            .path_and_query()
            .map_or("/", |target| target.as_str())
            .parse()
            .map_err(|_| Error::Url(uri.to_string()))?;
        let mut sender = match self.take_idle(&authority).await {
            Some(sender) => sender,
            None => tokio::time::timeout(CONNECT_LIMIT, self.connect(host, port))
                .await
                .map_err(|_| Error::NotSent("connecting took too long".to_owned()))??,
        };
        let answer = tokio::time::timeout(ANSWER_LIMIT, exchange(&mut sender, request.map(Full::new)))
            .await
            .map_err(|_| Error::NoAnswer("it took too long".to_owned()))??;
        self.idle().insert(authority, sender);
        Ok(answer)
    }

    /// A kept connection that is still open.
    async fn take_idle(&self, authority: &str) -> Option<SendRequest<Full<Bytes>>> {
        let mut sender = self.idle().remove(authority)?;
        sender.ready().await.ok().map(|()| sender)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, HashMap<String, SendRequest<Full<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self, host: &str, port: u16) -> Result<SendRequest<Full<Bytes>>, Error> {
        let not_sent = |error: &dyn std::fmt::Display| Error::NotSent(error.to_string());
        let name = ServerName::try_from(host.to_owned()).map_err(|error| not_sent(&error))?;
        let tcp = TcpStream::connect((host, port))
            .await
            .map_err(|error| not_sent(&error))?;
        let tls = self
            .tls
            .connect(name, tcp)
            .await
            .map_err(|error| not_sent(&error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(tls))
            .await
            .map_err(|error| not_sent(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to the gateway ended");
            }
        });
        Ok(sender)
    }
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Answer, Error> {
    let response = sender.try_send_request(request).await.map_err(|mut error| {
        // hyper hands the request back when not one byte of it was written.
        let unsent = error.take_message().is_some();
        let error = error.into_error().to_string();
        if unsent {
            Error::NotSent(error)
        } else {
            Error::NoAnswer(error)
        }
    })?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES)
        .collect()
        .await
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                Error::AnswerTooLarge
            } else {
                Error::NoAnswer(error.to_string())
            }
        })?;
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.to_bytes(),
    })
}

fn host_and_port(uri: &Uri) -> Result<(&str, u16), Error> {
    let authority = uri
        .authority()
        .filter(|authority| uri.scheme_str() == Some("https") && !authority.as_str().contains('@'))
        .ok_or_else(|| Error::Url(uri.to_string()))?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    Ok((host, authority.port_u16().unwrap_or(443)))
}

impl Answer {
    /// The text of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}
