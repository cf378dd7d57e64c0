//! What the steps share: the gateway's addresses, Alice's app, an attacker's wire, and the backends' logs.

use std::sync::Arc;
use std::time::Instant;

use countersign_client::{Client, ClientKey, Payment, Session};
use countersign_jose::KeyKind;

use super::super::layout::Layout;
use super::super::people::{Customer, Payee};
use super::super::processes::Backends;
use super::super::screen::{Scene, Step};
use super::record::Record;
use super::wire::Wire;
use crate::base::{Clock, Entropy};
use crate::cli::console::CliError;

/// The stage.
pub(in crate::cli::demo) struct Stage<'l> {
    pub(super) layout: &'l Layout,
    /// The processes of bank and merchant.
    pub(super) backends: &'l mut Backends,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// Whoever has no certificate.
    pub(super) wire: Wire,
    /// Alice's app, from the second step on.
    pub(super) app: Option<App>,
    /// Where the receipt of her first payment stands, from the fourth step on.
    pub(super) receipt: Option<String>,
}

/// Alice's app after its login.
pub(super) struct App {
    pub(super) client: Client,
    /// Logged in with the password alone.
    pub(super) one_factor: Session,
    /// Logged in with password and TOTP.
    pub(super) two_factors: Session,
}

impl<'l> Stage<'l> {
    /// An empty stage in front of a running gateway.
    ///
    /// # Errors
    /// Certificates that cannot be used.
    pub(in crate::cli::demo) fn new(
        layout: &'l Layout,
        backends: &'l mut Backends,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, CliError> {
        let wire = Wire::new(&layout.certificates.root, None)?;
        Ok(Self {
            layout,
            backends,
            clock,
            entropy,
            wire,
            app: None,
            receipt: None,
        })
    }

    /// A new installation of the first-party app, with a key of its own.
    ///
    /// # Errors
    /// When the gateway cannot be reached.
    pub(super) async fn install_app(&self) -> Result<Client, CliError> {
        let ca = std::fs::read(&self.layout.certificates.root).map_err(CliError::failed)?;
        let client_id = self
            .layout
            .people
            .clients
            .first()
            .map_or("", |client| client.client_id);
        Client::builder(self.layout.public_url())
            .ca_pem(ca)
            .client_id(client_id)
            .key(ClientKey::generate(KeyKind::Ed25519).map_err(CliError::failed)?)
            .connect()
            .await
            .map_err(CliError::failed)
    }

    /// Alice's app.
    ///
    /// # Errors
    /// When she has not logged in.
    pub(super) fn app(&self) -> Result<&App, CliError> {
        self.app
            .as_ref()
            .ok_or_else(|| CliError::Failed("nobody is logged in".to_owned()))
    }

    pub(super) fn alice(&self) -> &Customer {
        let [alice, _] = &self.layout.people.customers;
        alice
    }

    /// A payment of Alice's.
    pub(super) fn payment(&self, amount: &str, payee: &Payee) -> Payment {
        Payment {
            amount: amount.to_owned(),
            currency: "EUR".to_owned(),
            payee: payee.iban.to_owned(),
            payee_name: Some(payee.name.to_owned()),
            debtor: self
                .alice()
                .accounts
                .first()
                .map(|account| account.iban.to_owned()),
            reference: Some("Two paperbacks".to_owned()),
            execution_date: None,
        }
    }

    /// Somebody on Alice's list of trusted payees: such payments use up no counter.
    pub(super) fn trusted(&self) -> Payee {
        Payee {
            name: "Anna Abel",
            iban: self.alice().trusted_payee,
        }
    }

    /// A URL of the gateway.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.layout.public_url())
    }

    /// What the bank has written down.
    pub(super) fn bank(&self) -> Record {
        Record::new(self.layout.folder.at("bank.log"))
    }

    /// Now, in seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().seconds()
    }
}

/// A step with its scenes; what breaks it off is its last one.
pub(super) fn step(
    number: u8,
    title: &'static str,
    started: Instant,
    scenes: Vec<Scene>,
    broken: Option<CliError>,
) -> Step {
    let mut scenes = scenes;
    scenes.extend(broken.map(|error| {
        let play = super::scene::Play::begin("the step could not go on", "");
        play.answered("nothing in the way", "broken off", &error.to_string())
            .end()
    }));
    Step {
        number,
        title,
        scenes,
        took: started.elapsed(),
    }
}
