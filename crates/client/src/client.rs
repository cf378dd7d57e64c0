//! The client: one gateway, one app, one key.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Uri};

use crate::clock::{Clock, SystemClock};
use crate::dpop::Nonces;
use crate::entropy::{self, Entropy, SystemEntropy};
use crate::error::Error;
use crate::gateway_keys::GatewayKeys;
use crate::key::ClientKey;
use crate::metadata::{self, Metadata};
use crate::transport::{Answer, Transport};
use crate::url;

/// Speaks to one gateway, as one app, with one key.
pub struct Client {
    pub(crate) gateway: String,
    pub(crate) client_id: String,
    pub(crate) authentication: Authentication,
    pub(crate) key: ClientKey,
    pub(crate) metadata: Metadata,
    pub(crate) nonces: Nonces,
    pub(crate) gateway_keys: GatewayKeys,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    transport: Transport,
}

/// How the app authenticates at OAuth endpoints.
#[derive(Debug, Default)]
pub enum Authentication {
    /// `none`: an app that can keep no secret; its key still binds every token.
    #[default]
    None,
    /// `private_key_jwt` (RFC 7523) with a key registered for this client; its JWK should have a `kid`.
    PrivateKeyJwt(Box<ClientKey>),
}

/// Collects what a [`Client`] needs: the gateway's URL and CA, the client id and a key.
pub struct ClientBuilder {
    gateway: String,
    ca_pem: Option<Vec<u8>>,
    client_id: Option<String>,
    authentication: Authentication,
    key: Option<ClientKey>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Client {
    /// A client of the gateway whose `public_url` is `gateway_url`.
    #[must_use]
    pub fn builder(gateway_url: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            gateway: gateway_url.into(),
            ca_pem: None,
            client_id: None,
            authentication: Authentication::None,
            key: None,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// The key that tokens are bound to.
    #[must_use]
    pub const fn key(&self) -> &ClientKey {
        &self.key
    }

    /// The gateway's issuer identifier, which is its public URL.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.metadata.issuer
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Answer, Error> {
        let uri = request.uri().clone();
        let answer = self.transport.send(request).await?;
        self.nonces.learn(&uri, &answer);
        Ok(answer)
    }

    pub(crate) fn nonce(&self) -> Result<String, Error> {
        entropy::nonce(&*self.entropy)
    }
}

impl ClientBuilder {
    /// Trusts the certificates in `pem`, and no others.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_pem = Some(pem.into());
        self
    }

    /// The app's `client_id` at the gateway.
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// How the app authenticates; by default not at all.
    #[must_use]
    pub fn authentication(mut self, authentication: Authentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// The key that tokens are bound to, proofs and signatures made with.
    #[must_use]
    pub fn key(mut self, key: ClientKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Another source of randomness than the system's.
    #[must_use]
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Fetches the gateway's metadata and checks that they are its own.
    ///
    /// # Errors
    /// [`Error`] when a setting is missing or the gateway's metadata cannot be had.
    pub async fn connect(self) -> Result<Client, Error> {
        let gateway = self.gateway.trim_end_matches('/').to_owned();
        let transport = Transport::new(&self.ca_pem.ok_or(Error::SettingMissing("CA"))?)?;
        let uri = url::parse(&format!("{gateway}{}", metadata::PATH))?;
        let metadata = Metadata::read(&transport.send(get(uri)?).await?, &gateway)?;
        Ok(Client {
            gateway,
            client_id: self.client_id.ok_or(Error::SettingMissing("client id"))?,
            authentication: self.authentication,
            key: self.key.ok_or(Error::SettingMissing("key"))?,
            metadata,
            nonces: Nonces::default(),
            gateway_keys: GatewayKeys::default(),
            clock: self.clock,
            entropy: self.entropy,
            transport,
        })
    }
}

/// A `GET` of a document.
pub(crate) fn get(uri: Uri) -> Result<Request<Bytes>, Error> {
    Request::get(uri)
        .header(http::header::ACCEPT, "application/json")
        .body(Bytes::new())
        .map_err(|error| Error::Request(error.to_string()))
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("gateway", &self.gateway)
            .field("client_id", &self.client_id)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("gateway", &self.gateway)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
