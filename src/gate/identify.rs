//! Admitted → Identified: who sends this, and that they hold the key their token is bound to.

use std::sync::Arc;

use countersign_jose::Thumbprint;
use http::header::AUTHORIZATION;

use super::admit::Admitted;
use super::exchange::Exchange;
use super::journey::Services;
use super::limits::charge_caller;
use super::refusal::{Refused, malformed};
use crate::answer::Body;
use crate::base::fault::Cure;
use crate::base::limits::ACCESS_TOKEN_BYTES;
use crate::base::{Code, Fault};
use crate::config::Access;
use crate::identity::{Confirmation, NotLive};
use crate::oauth::{AccessToken, Client, DpopRefusal, Place, ProofRequest};

/// A request whose caller is known. On `public` routes nobody was asked.
pub struct Identified {
    exchange: Box<Exchange>,
    body: Body,
    caller: Option<Caller>,
}

/// A caller: a customer by one of their apps.
pub(super) struct Caller {
    pub(super) token: Arc<AccessToken>,
    pub(super) client: Arc<Client>,
    /// Whether possession of the bound key was shown. When not, the request's signature must show it.
    pub(super) proven: bool,
}

/// How the credentials were presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Dpop,
    Bearer,
}

impl Identified {
    pub(super) fn into_parts(self) -> (Box<Exchange>, Body, Option<Caller>) {
        (self.exchange, self.body, self.caller)
    }
}

/// Checks token, revocation, possession, scope and strength of the login, in this order.
pub(super) async fn identify(admitted: Admitted, services: &Services) -> Result<Identified, Refused> {
    let (mut exchange, body) = admitted.into_parts();
    let access = exchange
        .route
        .as_ref()
        .map_or(Access::Signed, |route| route.route.access);
    if access == Access::Public {
        return Ok(Identified {
            exchange,
            body,
            caller: None,
        });
    }
    match caller(&exchange, services, access).await {
        Ok(caller) => {
            exchange.client = Some(caller.token.client.clone());
            Ok(Identified {
                exchange,
                body,
                caller: Some(caller),
            })
        }
        Err(fault) => Err(Refused::new(exchange, fault)),
    }
}

/// The caller of a request that needs one, as `access` demands it.
pub(super) async fn caller(
    exchange: &Exchange,
    services: &Services,
    access: Access,
) -> Result<Caller, Fault> {
    let (scheme, credentials) = credentials(exchange)?;
    let token = services
        .tokens
        .verify(credentials, &exchange.snapshot.keys, exchange.at)
        .map_err(|refusal| Fault::new(Code::TokenInvalid).cause(refusal))?;
    services
        .sessions
        .is_live(&token.session, &token.client, &token.subject, exchange.at)
        .map_err(not_live)?;
    let client = services.clients.find(&token.client).ok_or(Code::TokenInvalid)?;
    let proven = prove(exchange, services, scheme, credentials, &token, access).await?;
    let caller = Caller {
        token,
        client,
        proven,
    };
    if proven {
        charge_caller(exchange, &caller, services)?;
    }
    check_scope(exchange, &caller.token)?;
    check_login(exchange, &caller.token)?;
    if proven {
        services.sessions.touch(&caller.token.session, exchange.at).await;
    }
    Ok(caller)
}

/// The access token, from the `Authorization` header and nowhere else (FAPI-21).
pub(super) fn credentials(exchange: &Exchange) -> Result<(Scheme, &str), Fault> {
    let value = exchange
        .head
        .headers
        .get(AUTHORIZATION)
        .ok_or(Code::TokenMissing)?;
    let text = value
        .to_str()
        .map_err(|_| malformed("Authorization is not printable ASCII."))?;
    let (scheme, credentials) = text.split_once(' ').ok_or(Code::TokenMissing)?;
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    let scheme = if is("dpop") {
        Scheme::Dpop
    } else if is("bearer") {
        Scheme::Bearer
    } else {
        return Err(Code::TokenMissing.into());
    };
    if credentials.len() > ACCESS_TOKEN_BYTES {
        return Err(Fault::new(Code::TokenInvalid).cause("longer than any token of ours"));
    }
    Ok((scheme, credentials.trim_matches(' ')))
}

/// Whether possession was shown here; `false` where the signature of a `signed` route may still show it.
async fn prove(
    exchange: &Exchange,
    services: &Services,
    scheme: Scheme,
    token_text: &str,
    token: &AccessToken,
    access: Access,
) -> Result<bool, Fault> {
    let bound_key = match (&token.confirmation, scheme) {
        (Confirmation::X5t(expected), Scheme::Bearer) => {
            let certificate = exchange.connection.client_certificate.as_ref();
            let presented = certificate
                .map(|certificate| certificate.thumbprint)
                .ok_or(Code::ProofMissing)?;
            if presented != *expected {
                return Err(Code::ProofInvalid.into());
            }
            // None is needed, but one that is there must be valid.
            if exchange.head.headers.contains_key("dpop") {
                verify_proof(exchange, services, token_text, None).await?;
            }
            return Ok(true);
        }
        // A token that is not bound by DPoP under the scheme DPoP (DPOP-09).
        (Confirmation::X5t(_), Scheme::Dpop) => return Err(Code::ProofInvalid.into()),
        (Confirmation::Jkt(_), Scheme::Bearer) => return Err(Code::ProofMissing.into()),
        (Confirmation::Jkt(bound_key), Scheme::Dpop) => *bound_key,
    };
    if !exchange.head.headers.contains_key("dpop") {
        return if access == Access::Signed {
            Ok(false)
        } else {
            Err(Code::ProofMissing.into())
        };
    }
    verify_proof(exchange, services, token_text, Some(bound_key)).await?;
    Ok(true)
}

async fn verify_proof(
    exchange: &Exchange,
    services: &Services,
    token_text: &str,
    expected_key: Option<Thumbprint>,
) -> Result<(), Fault> {
    let request = ProofRequest {
        headers: &exchange.head.headers,
        method: exchange.method(),
        door: exchange.connection.door,
        path: exchange.path(),
        access_token: Some(token_text),
        expected_key,
        place: Place::Resource,
        now: exchange.at,
    };
    services.dpop.verify(request).await.map(drop).map_err(dpop_fault)
}

fn not_live(reason: NotLive) -> Fault {
    let code = match reason {
        NotLive::Revoked | NotLive::ClientDisabled | NotLive::CustomerLocked => Code::TokenInvalid,
        // Nothing may be let through while it is not known who was locked out.
        NotLive::Unknown => Code::StoreUnavailable,
    };
    Fault::new(code).cause(reason)
}

fn dpop_fault(refusal: DpopRefusal) -> Fault {
    match refusal {
        DpopRefusal::NonceRequired { fresh } => Fault::new(Code::NonceRequired).cure(Cure::DpopNonce(fresh)),
        DpopRefusal::Missing => Code::ProofMissing.into(),
        DpopRefusal::Multiple => malformed("There is more than one DPoP header."),
        DpopRefusal::Stale => Code::Stale.into(),
        DpopRefusal::Replayed => Code::Replayed.into(),
        DpopRefusal::Overloaded => {
            Fault::new(Code::Overloaded).retry_after(std::time::Duration::from_secs(1))
        }
        other => Fault::new(Code::ProofInvalid).cause(other),
    }
}

fn check_scope(exchange: &Exchange, token: &AccessToken) -> Result<(), Fault> {
    let Some(route) = &exchange.route else {
        return Ok(());
    };
    if route
        .route
        .scope
        .iter()
        .all(|needed| token.scope.contains(needed))
    {
        return Ok(());
    }
    Err(Fault::new(Code::ScopeInsufficient).cure(Cure::Scope(route.route.scope.join(" "))))
}

/// STEP-01: the route's own demand; what policies demand comes with the decision.
fn check_login(exchange: &Exchange, token: &AccessToken) -> Result<(), Fault> {
    match exchange.route.as_ref().and_then(|route| route.route.acr) {
        Some(needed) if token.acr < needed => Err(Fault::new(Code::LoginRequired).cure(Cure::Login {
            acr: Some(needed),
            max_age_seconds: None,
        })),
        _ => Ok(()),
    }
}
