//! The sockets of a demonstration backend: mutual TLS, and only the gateway's certificate opens the door.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use x509_parser::extensions::GeneralName;

use super::backend::{Backend, Business};
use super::settings::BackendSettings;
use crate::cli::console::CliError;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Listens where `settings` say and answers by `backend` until the process ends.
///
/// # Errors
/// A port that is taken, or certificates that cannot be used. `ready` is called once connections are taken.
pub(super) async fn serve<B: Business>(
    settings: &BackendSettings,
    backend: Arc<Backend<B>>,
    ready: impl FnOnce() -> io::Result<()>,
) -> Result<Infallible, CliError> {
    let tls = TlsAcceptor::from(Arc::new(server_config(settings)?));
    let v4 = TcpListener::bind(("127.0.0.1", settings.port))
        .await
        .map_err(CliError::failed)?;
    // A machine may have no IPv6; `localhost` is reached by IPv4 then.
    let v6 = TcpListener::bind(("::1", settings.port)).await.ok();
    ready()?;
    loop {
        let accepted = match &v6 {
            Some(v6) => {
                tokio::select! { accepted = v4.accept() => accepted, accepted = v6.accept() => accepted }
            }
            None => v4.accept().await,
        };
        match accepted {
            Ok((tcp, _)) => {
                let connection = converse(tcp, tls.clone(), settings.caller.clone(), Arc::clone(&backend));
                tokio::spawn(connection);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// One connection, from handshake to end. Whoever does not show the gateway's certificate gets no HTTP.
async fn converse<B: Business>(tcp: TcpStream, tls: TlsAcceptor, caller: String, backend: Arc<Backend<B>>) {
    // Small messages both ways; waiting to fill packets would only delay them.
    drop(tcp.set_nodelay(true));
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(tcp)).await else {
        return;
    };
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    if !certificate.is_some_and(|certificate| names(certificate, &caller)) {
        return;
    }
    let h2 = session.alpn_protocol() == Some(b"h2");
    let service = service_fn(move |request| {
        let backend = Arc::clone(&backend);
        async move { Ok::<_, Infallible>(backend.handle(request).await) }
    });
    let io = TokioIo::new(stream);
    // How a connection ends is the gateway's business.
    if h2 {
        let http = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .serve_connection(io, service);
        drop(http.await);
    } else {
        drop(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(io, service)
                .await,
        );
    }
}

/// Whether `certificate`, which is genuine, is that of `name` (RFC 5280 section 4.2.1.6).
fn names(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(certificate) else {
        return false;
    };
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return false;
    };
    names.value.general_names.contains(&GeneralName::DNSName(name))
}

fn server_config(settings: &BackendSettings) -> Result<ServerConfig, CliError> {
    let mut callers = RootCertStore::empty();
    for authority in certificates(&settings.caller_ca)? {
        callers.add(authority).map_err(CliError::failed)?;
    }
    let provider = crate::tls::provider();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(callers), Arc::clone(&provider))
        .build()
        .map_err(CliError::failed)?;
    let key = PrivateKeyDer::from_pem_file(&settings.key).map_err(CliError::failed)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(CliError::failed)?
        .with_client_cert_verifier(clients)
        .with_single_cert(certificates(&settings.certificate)?, key)
        .map_err(CliError::failed)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(format!("{}: {error}", path.display()));
    let read = CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?;
    read.collect::<Result<_, _>>().map_err(|error| failed(&error))
}
