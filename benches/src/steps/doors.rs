//! From the socket to a route: records, the framing guard, the table of routes.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::rc::Rc;
use std::sync::Arc;

use countersign::config::{Lookup, RequestPath};
use countersign_framing::http1::{Guard, Limits};
use http::Method;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::Step;
use crate::Outcome;
use crate::request::Kind;
use crate::workbench::Workbench;

/// Bytes of a record, about those of a payment's head.
const RECORD: usize = 1024;

pub(super) fn steps(bench: &Rc<Workbench>) -> Outcome<Vec<Step>> {
    let (request, body) = bench.request(Kind::Payment)?;
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri()).into_bytes();
    for (name, value) in request.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    let host = bench
        .config
        .routes
        .iter()
        .next()
        .ok_or("there are routes")?
        .host
        .clone();
    let (mut client, mut server) = session(bench)?;
    let (mut sealed, mut opened) = (Vec::new(), [0; RECORD]);
    let routed = Rc::clone(bench);
    Ok(vec![
        Step::stage(
            "TLS: 1 KiB sealed by one side and opened by the other",
            2.0,
            move || {
                sealed.clear();
                client.writer().write_all(&[7; RECORD])?;
                client.write_tls(&mut sealed)?;
                server.read_tls(&mut sealed.as_slice())?;
                server.process_new_packets()?;
                Ok(server.reader().read_exact(&mut opened)?)
            },
        ),
        Step::stage("framing guard: the head of a payment", 1.0, move || {
            let verdict = Guard::for_requests(Limits::default()).judge(black_box(&head));
            match verdict.passed == head.len() && verdict.refused.is_none() {
                true => Ok(()),
                false => Err("the guard refuses".into()),
            }
        }),
        Step::stage("route: path split and found", 1.0, move || {
            let path = RequestPath::parse(black_box("/payments")).ok_or("a path")?;
            match routed.config.routes.find(&host, &Method::POST, &path) {
                Lookup::Found(route) => {
                    black_box(route);
                    Ok(())
                }
                _ => Err("no route".into()),
            }
        }),
    ])
}

/// Both ends of a TLS 1.3 connection with the gateway's own certificate and algorithms, its handshake done.
fn session(bench: &Workbench) -> Outcome<(ClientConnection, ServerConnection)> {
    let provider = countersign::tls::provider();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(bench.home.path("certs/ca.pem"))?)?;
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let chain = bench.home.path("certs/server/localhost.pem");
    let chain = CertificateDer::pem_file_iter(chain)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(bench.home.path("certs/server/localhost.key.pem"))?;
    let server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from("localhost")?)?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    while client.is_handshaking() || server.is_handshaking() || server.wants_write() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes)?;
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest)?;
            server.process_new_packets()?;
        }
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes)?;
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest)?;
            client.process_new_packets()?;
        }
    }
    Ok((client, server))
}
