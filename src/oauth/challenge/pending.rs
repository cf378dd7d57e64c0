//! A login under way. It lives in memory only: a restart ends it, and the app begins anew.

use countersign_jose::Thumbprint;

use crate::answer::OauthError;
use crate::base::{ClientId, CustomerId, DeviceId, Secret, Timestamp};
use crate::identity::assurance::{self, Factor};
use crate::identity::{Password, Username, totp};
use crate::oauth::client::Client;
use crate::oauth::pkce::CodeChallenge;
use crate::oauth::scope::Scope;
use crate::oauth::server::Parameters;

/// Wrong presentations before a login must begin anew (FIPA-05).
pub(super) const MOST_FAILURES: u8 = 5;

/// What a login is pinned to and what it has come to.
#[derive(Clone, Debug)]
pub(in crate::oauth) struct Pending {
    pub(super) client: ClientId,
    pub(super) key: Thumbprint,
    pub(super) challenge: CodeChallenge,
    pub(super) scope: Scope,
    /// The class to reach.
    pub(super) wanted: u8,
    pub(super) username: Option<Username>,
    pub(super) password: Option<Password>,
    pub(super) otp: Option<Secret<String>>,
    /// What was judged and found right; only known devices get there before the end.
    pub(super) proven: Vec<Factor>,
    /// Whose factors those are.
    pub(super) customer: Option<(CustomerId, Option<DeviceId>)>,
    pub(super) failures: u8,
    /// Whether it came from a device its customer has used before.
    pub(super) known: bool,
    pub(super) ends: Timestamp,
}

impl Pending {
    /// A login that begins with `parameters`.
    pub(super) fn begin(
        client: &Client,
        key: Thumbprint,
        parameters: &Parameters,
        ends: Timestamp,
    ) -> Result<Self, OauthError> {
        match parameters.get("response_type") {
            Some("code") => {}
            None => return Err(OauthError::invalid_request("response_type is missing")),
            Some(_) => {
                return Err(OauthError::new(
                    "unsupported_response_type",
                    "response_type takes code",
                ));
            }
        }
        if parameters.get("authorization_details").is_some() {
            return Err(OauthError::new(
                "invalid_authorization_details",
                "no type of authorization details is supported here",
            ));
        }
        Ok(Self {
            client: client.id.clone(),
            key,
            challenge: challenge(parameters)?,
            scope: scope(client, parameters)?,
            wanted: wanted(client, parameters.get("acr_values"))?,
            username: None,
            password: None,
            otp: None,
            proven: Vec::new(),
            customer: None,
            failures: 0,
            known: false,
            ends,
        })
    }

    /// Whether a further call with `parameters` belongs to this login: what it repeats must be what was said first.
    pub(super) fn continues(&self, client: &Client, key: Thumbprint, parameters: &Parameters) -> bool {
        let repeats = |name: &str, same: &dyn Fn(&str) -> bool| parameters.get(name).is_none_or(same);
        self.client == client.id
            && self.key == key
            && repeats("code_challenge", &|text| text == self.challenge.as_str())
            && repeats("code_challenge_method", &|text| text == "S256")
            && repeats("scope", &|text| Scope::parse(text).as_ref() == Some(&self.scope))
            && repeats("response_type", &|text| text == "code")
            && parameters.get("authorization_details").is_none()
            && repeats("username", &|text| {
                self.username.is_none() || Username::parse(text) == self.username
            })
    }

    /// Takes the factors in `parameters`.
    pub(super) fn take(&mut self, parameters: &Parameters) -> Result<(), OauthError> {
        if let Some(text) = parameters.get("username") {
            let bad = || OauthError::invalid_request("username is too long or has control characters");
            self.username = Some(Username::parse(text).ok_or_else(bad)?);
        }
        if let Some(text) = parameters.get("password") {
            let bad = || OauthError::invalid_request("password is too long");
            self.password = Some(Password::parse(text).ok_or_else(bad)?);
        }
        if let Some(text) = parameters.get("otp") {
            if !totp::is_code(text) {
                return Err(OauthError::invalid_request("otp takes six digits"));
            }
            self.otp = Some(Secret::new(text.to_owned()));
        }
        Ok(())
    }

    /// The factors proven or presented.
    pub(super) fn at_hand(&self) -> Vec<Factor> {
        let mut factors = self.proven.clone();
        factors.extend(self.password.as_ref().map(|_| Factor::Password));
        factors.extend(self.otp.as_ref().map(|_| Factor::Otp));
        factors
    }

    /// The factors the client may still offer: they depend on the class alone, not on the customer.
    pub(super) fn missing(&self) -> Vec<Factor> {
        let mut at_hand = self.at_hand();
        if self.username.is_none() {
            at_hand.clear();
        }
        assurance::missing(&at_hand, self.wanted)
    }

    /// Forgets what was presented and not proven.
    pub(super) fn forget_presented(&mut self) {
        self.password = None;
        self.otp = None;
    }
}

fn challenge(parameters: &Parameters) -> Result<CodeChallenge, OauthError> {
    if parameters.get("code_challenge_method") != Some("S256") {
        return Err(OauthError::invalid_request("code_challenge_method must be S256"));
    }
    parameters
        .get("code_challenge")
        .and_then(CodeChallenge::parse)
        .ok_or_else(|| OauthError::invalid_request("code_challenge must be 43 characters of base64url"))
}

fn scope(client: &Client, parameters: &Parameters) -> Result<Scope, OauthError> {
    parameters
        .get("scope")
        .and_then(Scope::parse)
        .filter(|scope| !scope.is_empty() && client.scope.covers(scope))
        .ok_or_else(|| {
            OauthError::new(
                "invalid_scope",
                "scope must name scopes the client is registered for",
            )
        })
}

/// The first class named that can be reached; without any named the client's default, or the lowest. A class that cannot
/// be reached is never quietly replaced by a lower one (STEP-02).
fn wanted(client: &Client, acr_values: Option<&str>) -> Result<u8, OauthError> {
    let reachable = |class: &u8| *class <= assurance::STRONGEST;
    let unmet = || {
        OauthError::new(
            "unmet_authentication_requirements",
            "acr_values names no class that can be reached here",
        )
    };
    match acr_values {
        Some(names) => names
            .split(' ')
            .filter_map(assurance::from_name)
            .find(reachable)
            .ok_or_else(unmet),
        None => Some(client.default_acr.unwrap_or(1))
            .filter(reachable)
            .ok_or_else(unmet),
    }
}
