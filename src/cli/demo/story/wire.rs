//! Plain HTTPS, one connection a request, for what no honest client sends: nothing here is checked, added or repeated.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::cli::console::CliError;
use crate::pki::IssuedPaths;

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Largest answer read, in bytes.
const ANSWER_BYTES: usize = 1024 * 1024;
/// The prefix of the gateway's problem types.
const PROBLEM: &str = "urn:countersign:problem:";

/// Sends requests as they are.
pub(super) struct Wire {
    tls: TlsConnector,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Wire {
    /// Trusts what `ca` vouches for; shows `identity` to those who ask.
    ///
    /// # Errors
    /// Files that cannot be used.
    pub(super) fn new(ca: &Path, identity: Option<&IssuedPaths>) -> Result<Self, CliError> {
        let mut roots = RootCertStore::empty();
        for authority in certificates(ca)? {
            roots.add(authority).map_err(CliError::failed)?;
        }
        let provider = crate::tls::provider();
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(CliError::failed)?
            .with_root_certificates(roots);
        let mut config = match identity {
            None => config.with_no_client_auth(),
            Some(pair) => {
                let key = PrivateKeyDer::from_pem_file(&pair.key).map_err(CliError::failed)?;
                config
                    .with_client_auth_cert(certificates(&pair.chain)?, key)
                    .map_err(CliError::failed)?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Sends `request`, whose URI is absolute.
    ///
    /// # Errors
    /// No connection, or no whole answer; the text says which.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Answer, CliError> {
        match tokio::time::timeout(PATIENCE, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(CliError::Failed("there was no answer in time".to_owned())),
        }
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Answer, CliError> {
        let uri = request.uri().clone();
        let host = uri
            .host()
            .unwrap_or("localhost")
            .trim_matches(['[', ']'])
            .to_owned();
        let tcp = TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(443)))
            .await
            .map_err(failed)?;
        if uri.scheme_str() == Some("http") {
            return converse(tcp, relative(request, &uri)?).await;
        }
        let name = ServerName::try_from(host).map_err(failed)?;
        let tls = self.tls.connect(name, tcp).await.map_err(failed)?;
        converse(tls, relative(request, &uri)?).await
    }
}

impl Answer {
    /// Status and problem code, such as `401 proof-missing`; the status alone without a problem of the gateway.
    pub(super) fn summary(&self) -> String {
        match self.code() {
            Some(code) => format!("{} {code}", self.status.as_u16()),
            None => self.status.as_u16().to_string(),
        }
    }

    /// The body as JSON; null when it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The problem's code (RFC 9457 `type`).
    fn code(&self) -> Option<String> {
        let json = self.json();
        let code = json.get("type")?.as_str()?.strip_prefix(PROBLEM)?;
        Some(code.to_owned())
    }

    /// What the problem says to whoever sent the request.
    pub(super) fn detail(&self) -> String {
        let json = self.json();
        let text = |name| {
            json.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        match (text("detail"), text("title")) {
            (detail, title) if detail.is_empty() => title,
            (detail, _) => detail,
        }
    }
}

async fn converse<S>(stream: S, request: Request<Bytes>) -> Result<Answer, CliError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let driver = tokio::spawn(connection);
    let answer = async {
        let response = sender
            .send_request(request.map(Full::new))
            .await
            .map_err(failed)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(failed)?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    };
    let answer: Result<Answer, CliError> = answer.await;
    if answer.is_ok() {
        driver.abort();
        return answer;
    }
    drop(sender);
    // How the connection ended says more than that it did: the alert of a refused handshake comes with it.
    match driver.await {
        Ok(Err(ended)) => Err(failed(ended)),
        _ => answer,
    }
}

/// An error with what caused it: the alert of a refused handshake stands at the end.
fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CliError {
    let error = error.into();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    CliError::Failed(text)
}

/// The request with its path alone in the request line, and the host beside it (RFC 9112 section 3.2.1).
fn relative(mut request: Request<Bytes>, uri: &Uri) -> Result<Request<Bytes>, CliError> {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = HeaderValue::from_str(authority).map_err(CliError::failed)?;
    request.headers_mut().insert(HOST, host);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    *request.uri_mut() = target.parse().map_err(CliError::failed)?;
    Ok(request)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(format!("{}: {error}", path.display()));
    let read = CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?;
    read.collect::<Result<_, _>>().map_err(|error| failed(&error))
}
