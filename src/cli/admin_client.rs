//! How admin commands reach the gateway: JSON over mutual TLS, as the admin whose certificate they are given.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::console::CliError;
use crate::config::{self, PublicUrl};

/// How long one call may take, connecting included.
const DEADLINE: Duration = Duration::from_secs(30);
/// Largest answer read, in bytes: a full bundle of the longest log entries fits.
const ANSWER_BYTES: usize = 20 * 1024 * 1024;

/// Where the gateway is and who calls.
#[derive(Args, Debug)]
pub struct AdminConnection {
    /// The configuration file: its admin_url is called, and certs/ca.pem beside it vouches for the gateway
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "url",
        required_unless_present = "url"
    )]
    config: Option<PathBuf>,
    /// The URL of the admin listener, such as https://localhost:9443
    #[arg(long, value_name = "URL", requires = "ca")]
    url: Option<String>,
    /// The certificates that vouch for the gateway, PEM
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Your admin certificate with its chain, PEM
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// The private key of your certificate, PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// Why a call had no good answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A flag or the file it names cannot be used.
    #[error("{0}")]
    Usage(String),
    /// The gateway cannot be reached, or is not who it should be.
    #[error("{url} cannot be reached: {cause}")]
    Unreachable {
        /// Whom we called.
        url: String,
        /// What went wrong.
        cause: String,
    },
    /// The gateway refused.
    #[error("refused: {} ({}). {}", .0.title, .0.code, .0.detail)]
    Refused(Box<Problem>),
}

/// A refusal as the gateway words it (RFC 9457).
#[derive(Debug)]
pub struct Problem {
    /// The last part of the problem's type.
    pub code: String,
    /// What happened.
    pub title: String,
    /// What to change.
    pub detail: String,
    /// The whole document.
    pub document: Value,
}

/// A caller of the admin API.
pub struct AdminClient {
    url: PublicUrl,
    tls: TlsConnector,
}

impl AdminClient {
    /// Reads the files that `connection` names.
    ///
    /// # Errors
    /// [`ClientError::Usage`] names the flag and what is wrong with its file.
    pub fn new(connection: &AdminConnection) -> Result<Self, ClientError> {
        let url = connection.url()?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates("--ca", &connection.authorities())? {
            roots
                .add(certificate)
                .map_err(|error| ClientError::Usage(format!("--ca: {error}")))?;
        }
        let chain = certificates("--certificate", &connection.certificate)?;
        let key = private_key(&connection.key)?;
        let provider = crate::tls::provider();
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| ClientError::Usage(error.to_string()))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|error| ClientError::Usage(format!("--certificate and --key: {error}")))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            url,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// What the gateway says at `path`.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] or [`ClientError::Refused`].
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// What the gateway answers to `order` at `path`.
    ///
    /// # Errors
    /// As [`AdminClient::get`].
    pub async fn post(&self, path: &str, order: &Value) -> Result<Value, ClientError> {
        self.call(Method::POST, path, order.to_string().into()).await
    }

    /// The bytes that the gateway serves at `path`.
    ///
    /// # Errors
    /// As [`AdminClient::get`].
    pub async fn get_bytes(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        let (status, answer) = self.answer(Method::GET, path, Bytes::new()).await?;
        if status.is_success() {
            return Ok(answer.to_vec());
        }
        Err(refused(self.document(status, &answer)?))
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Value, ClientError> {
        let (status, answer) = self.answer(method, path, body).await?;
        let answer = self.document(status, &answer)?;
        if status.is_success() {
            Ok(answer)
        } else {
            Err(refused(answer))
        }
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        tokio::time::timeout(DEADLINE, self.exchange(method, path, body))
            .await
            .map_err(|_| self.unreachable(format!("no answer within {} s", DEADLINE.as_secs())))?
            .map_err(|error| self.unreachable(innermost(&*error)))
    }

    fn document(&self, status: StatusCode, answer: &[u8]) -> Result<Value, ClientError> {
        serde_json::from_slice(answer).map_err(|_| {
            self.unreachable(format!(
                "the answer ({status}) is not JSON; is this the admin listener?"
            ))
        })
    }

    fn unreachable(&self, cause: String) -> ClientError {
        ClientError::Unreachable {
            url: self.url.as_str().to_owned(),
            cause,
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let host = self.url.host().trim_start_matches('[').trim_end_matches(']');
        let socket = TcpStream::connect((host, self.url.port())).await?;
        let name = ServerName::try_from(host.to_owned())?;
        let stream = self.tls.connect(name, socket).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.url.authority())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let bytes = Limited::new(response.into_body(), ANSWER_BYTES)
                .collect()
                .await?
                .to_bytes();
            Ok((status, bytes))
        };
        tokio::select! {
            answer = exchange => answer,
            // The connection ends by itself only when something is wrong with it.
            ended = connection => Err(ended.err().map_or_else(|| "it hung up".into(), Into::into)),
        }
    }
}

impl AdminConnection {
    fn url(&self) -> Result<PublicUrl, ClientError> {
        if let Some(url) = &self.url {
            return PublicUrl::parse(url).ok_or_else(|| {
                ClientError::Usage(format!("--url: {url} is not like https://localhost:9443"))
            });
        }
        let path = self
            .config
            .as_deref()
            .unwrap_or_else(|| Path::new("countersign.toml"));
        let config = config::load(path).map_err(|faults| ClientError::Usage(faults.to_string()))?;
        Ok(config.server.admin_url)
    }

    fn authorities(&self) -> PathBuf {
        let beside = || {
            let folder = self.config.as_deref().and_then(Path::parent);
            folder.unwrap_or_else(|| Path::new("")).join("certs/ca.pem")
        };
        self.ca.clone().unwrap_or_else(beside)
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Usage(cause) => Self::Usage(cause),
            other => Self::failed(other),
        }
    }
}

fn refused(document: Value) -> ClientError {
    let text = |name: &str| {
        let member = document.get(name).and_then(Value::as_str);
        member.unwrap_or_default().to_owned()
    };
    let kind = text("type");
    ClientError::Refused(Box::new(Problem {
        code: kind.rsplit(':').next().unwrap_or_default().to_owned(),
        title: text("title"),
        detail: text("detail"),
        document,
    }))
}

fn certificates(flag: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let wrong = |cause: String| ClientError::Usage(format!("{flag} {}: {cause}", path.display()));
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() {
        return Err(wrong("holds no certificate in PEM".to_owned()));
    }
    Ok(found)
}

/// A key that everyone on the machine can read is not taken: it may be somebody else's by now.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ClientError> {
    let wrong = |cause: String| ClientError::Usage(format!("--key {}: {cause}", path.display()));
    if readable_by_all(path).map_err(|error| wrong(error.to_string()))? {
        return Err(wrong(
            "everyone can read it; run chmod 600 on it, or better have a new one issued".to_owned(),
        ));
    }
    PrivateKeyDer::from_pem_file(path).map_err(|error| wrong(error.to_string()))
}

fn readable_by_all(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o004 != 0)
}

/// The cause at the bottom says most: outer ones say "client error".
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
