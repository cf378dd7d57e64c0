//! A gateway's folder, made by the gateway's own command line: authority and certificates, configuration, customers.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign::base::{Entropy, SystemEntropy};

use crate::Outcome;
use crate::configuration::{Shape, configuration, policies, seed};
use crate::wire::Certificate;

/// Where the gateway, its doors and its backend are.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The public door.
    pub public: u16,
    /// Its twin for clients with certificates.
    pub mutual: u16,
    /// The administrators' door.
    pub admin: u16,
    /// Metrics and health, in plain HTTP.
    pub operations: u16,
    /// The backend.
    pub origin: u16,
}

/// Someone who can log in.
#[derive(Clone, Debug)]
pub struct Customer {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
    /// The authenticator app's secret, in base32.
    pub totp_secret: String,
}

/// A payee that every customer trusts, so that a payment needs no approval: the article 13 exemption, no counter.
pub const TRUSTED_PAYEE: &str = "BE68539007547034";
/// The first-party app that customers use.
pub const CLIENT: &str = "bench";
/// What it asks for.
pub const SCOPE: &str = "offline_access accounts messages payments";
/// The app of somebody else, whose tokens are bound to its certificate.
pub const BOUND_CLIENT: &str = "bench-bound";
/// The host in its certificate.
pub const BOUND_HOST: &str = "app.localhost";

/// The folder, which goes away with this value.
pub struct Home {
    folder: tempfile::TempDir,
    /// The gateway's program.
    pub program: PathBuf,
    /// Where everything listens.
    pub ports: Ports,
    /// Who can log in.
    pub customers: Vec<Customer>,
}

impl Home {
    /// Makes one below `within`, with so many customers who can log in, of a shape.
    ///
    /// # Errors
    /// What the gateway's command line says.
    pub fn make(program: &Path, within: &Path, customers: usize, shape: &Shape) -> Outcome<Self> {
        std::fs::create_dir_all(within)?;
        let home = Self {
            folder: tempfile::Builder::new().prefix("home-").tempdir_in(within)?,
            program: program.to_owned(),
            ports: free_ports()?,
            customers: invent(customers),
        };
        home.run(&["init", "."])?;
        home.run(&["certs", "init"])?;
        for (purpose, name, hosts) in [
            ("server", "localhost", &["login.localhost", "127.0.0.1"][..]),
            ("backend", "origin", &["localhost", "127.0.0.1"]),
            ("backend", "gateway", &[]),
            ("client", BOUND_CLIENT, &[BOUND_HOST]),
        ] {
            let mut arguments = vec!["certs", "issue", purpose, name];
            hosts.iter().for_each(|host| arguments.extend(["--san", host]));
            home.run(&arguments)?;
        }
        std::fs::write(home.path("countersign.toml"), configuration(home.ports, shape))?;
        for (name, text) in policies(shape) {
            std::fs::write(home.path(&name), text)?;
        }
        std::fs::write(home.path("seed.toml"), seed(&home.customers))?;
        home.run(&["seed", "seed.toml"])?;
        Ok(home)
    }

    /// A file of this folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What clients see as the gateway's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.authority())
    }

    /// Host and port of it.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("localhost:{}", self.ports.public)
    }

    /// Host and port of its twin for clients with certificates.
    #[must_use]
    pub fn mutual_authority(&self) -> String {
        format!("localhost:{}", self.ports.mutual)
    }

    /// The certificate of [`BOUND_CLIENT`].
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        Certificate {
            chain: self.path(&format!("certs/client/{BOUND_CLIENT}.pem")),
            key: self.path(&format!("certs/client/{BOUND_CLIENT}.key.pem")),
        }
    }

    /// Runs a command of the gateway in this folder.
    ///
    /// # Errors
    /// It fails; the text is what it said.
    pub fn run(&self, arguments: &[&str]) -> Outcome<String> {
        let done = Command::new(&self.program)
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .map_err(|error| format!("{}: {error}", self.program.display()))?;
        match done.status.success() {
            true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
            false => Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&done.stderr)).into()),
        }
    }
}

fn invent(count: usize) -> Vec<Customer> {
    let entropy: &dyn Entropy = &SystemEntropy::default();
    let customer = |number| Customer {
        username: format!("customer-{number}"),
        password: entropy.token(18),
        totp_secret: entropy
            .bytes::<32>()
            .map(|byte| base32(byte & 31))
            .iter()
            .collect(),
    };
    (0..count).map(customer).collect()
}

/// A letter of RFC 4648's base32.
const fn base32(five_bits: u8) -> char {
    (match five_bits {
        0..26 => b'A' + five_bits,
        _ => b'2' + (five_bits - 26),
    }) as char
}

/// Free at this moment; whoever takes one first has it.
fn free_ports() -> Outcome<Ports> {
    let listeners = (0..5)
        .map(|_| TcpListener::bind("127.0.0.1:0"))
        .collect::<Result<Vec<_>, _>>()?;
    let ports = listeners
        .iter()
        .map(|listener| Ok(listener.local_addr()?.port()))
        .collect::<std::io::Result<Vec<_>>>()?;
    match ports.as_slice() {
        &[public, mutual, admin, operations, origin] => Ok(Ports {
            public,
            mutual,
            admin,
            operations,
            origin,
        }),
        _ => Err("no free ports".into()),
    }
}
