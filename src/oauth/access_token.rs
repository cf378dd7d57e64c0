//! Access tokens: signed JWTs (RFC 9068) bound to a key (RFC 7800), five minutes long, remembered once verified.

use std::sync::Arc;

use countersign_jose::jws::{self, Header, JwsError};
use countersign_jose::{Thumbprint, sha256};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::scope::Scope;
use super::settings::Settings;
use crate::base::{ClientId, CustomerId, DeviceId, Entropy, SessionId, Timestamp, TokenId, limits};
use crate::identity::assurance;
use crate::identity::session::{Confirmation, Session};
use crate::keys::{KeySet, Purpose};

/// The type of the JWT (RFC 9068, section 2.1).
const TYPE: &str = "at+jwt";

/// What a verified access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// The customer it speaks for.
    pub subject: CustomerId,
    /// The client it was issued to.
    pub client: ClientId,
    /// The login it grew from.
    pub session: SessionId,
    /// The known device the login ran on.
    pub device: Option<DeviceId>,
    /// Its name (`jti`).
    pub id: TokenId,
    /// What it permits.
    pub scope: Scope,
    /// The key its bearer must prove.
    pub confirmation: Confirmation,
    /// The authentication context class, 1 to 3.
    pub acr: u8,
    /// The methods of the login (RFC 8176).
    pub amr: Vec<String>,
    /// When the customer authenticated.
    pub auth_time: Timestamp,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The key that signed it; its word counts only while the key's does.
    kid: String,
}

/// Why an access token was refused. All of them are `token-invalid` for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// Not a JWT of the right type with all its claims, or too long.
    #[error("the access token is malformed")]
    Malformed,
    /// Signed by no key of ours that is believed now.
    #[error("the access token is signed by a key that is unknown or not believed any more")]
    UnknownKey,
    /// The signature does not verify.
    #[error("the access token's signature does not verify")]
    BadSignature,
    /// Another issuer, or for another audience.
    #[error("the access token is for another audience")]
    Foreign,
    /// It has ended.
    #[error("the access token has expired")]
    Expired,
    /// It is dated in the future.
    #[error("the access token is not valid yet")]
    NotYet,
}

/// Claims of RFC 9068, section 2.2.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: CustomerId,
    client_id: ClientId,
    iat: i64,
    exp: i64,
    jti: TokenId,
    scope: String,
    acr: String,
    amr: Vec<String>,
    auth_time: i64,
    sid: SessionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<DeviceId>,
    cnf: Map<String, Value>,
}

/// An access token just made.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The JWT.
    pub token: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// Makes an access token for `session` with `scope`. It never outlives what the session holds at this moment, so that a
/// token alone keeps no idle session alive (SCA-06).
///
/// # Errors
/// [`JwsError`] when the keyring cannot sign.
pub fn issue(
    settings: &Settings,
    session: &Session,
    scope: &Scope,
    keys: &KeySet,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Issued, JwsError> {
    let signer = keys.signing(Purpose::Token).ok_or(JwsError::Algorithm)?;
    let expires = now.plus(settings.access_token_life).min(session.holds_until());
    let mut cnf = Map::new();
    cnf.insert(
        session.confirmation.member().to_owned(),
        Value::String(session.confirmation.thumbprint().to_string()),
    );
    let claims = Claims {
        iss: settings.issuer.clone(),
        aud: settings.issuer.clone(),
        sub: session.customer.clone(),
        client_id: session.client.clone(),
        iat: now.seconds(),
        exp: expires.seconds(),
        jti: TokenId::new(entropy.token(16)),
        scope: scope.to_string(),
        acr: assurance::name(session.acr),
        amr: session.amr.clone(),
        auth_time: session.auth_time.seconds(),
        sid: session.id.clone(),
        device: session.device.clone(),
        cnf,
    };
    let token = jws::sign_with_kid(TYPE, &signer.kid, &claims, &signer.key)?;
    Ok(Issued {
        token,
        expires: Timestamp::from_seconds(claims.exp),
    })
}

/// Verifies access tokens and remembers those it verified.
pub struct Verifier {
    issuer: String,
    verified: Cache<[u8; 32], Arc<AccessToken>>,
}

impl Verifier {
    /// For tokens of this gateway.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            issuer: settings.issuer.clone(),
            verified: Cache::new(settings.token_cache.max(1)),
        }
    }

    /// What `token` says. Only the signature is remembered from earlier; time and the signing key are judged each time,
    /// and whether the session is live is asked of [`crate::identity::Sessions`] by the caller.
    ///
    /// # Errors
    /// [`TokenRefusal`].
    pub fn verify(
        &self,
        token: &str,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<Arc<AccessToken>, TokenRefusal> {
        if token.len() > limits::ACCESS_TOKEN_BYTES {
            return Err(TokenRefusal::Malformed);
        }
        let hash = sha256(token.as_bytes());
        let remembered = self.verified.get(&hash);
        let access = match remembered {
            Some(access) => {
                keys.verifying(Purpose::Token, &access.kid)
                    .ok_or(TokenRefusal::UnknownKey)?;
                access
            }
            None => {
                let access = Arc::new(self.verify_afresh(token, keys)?);
                self.verified.insert(hash, Arc::clone(&access));
                access
            }
        };
        if now >= access.expires {
            self.verified.remove(&hash);
            return Err(TokenRefusal::Expired);
        }
        if access.issued > now.plus(limits::CLOCK_AHEAD) {
            return Err(TokenRefusal::NotYet);
        }
        Ok(access)
    }

    fn verify_afresh(&self, token: &str, keys: &KeySet) -> Result<AccessToken, TokenRefusal> {
        let header = Header::parse(token).map_err(|_| TokenRefusal::Malformed)?;
        let kid = header.text("kid").ok_or(TokenRefusal::Malformed)?;
        let key = keys
            .verifying(Purpose::Token, kid)
            .ok_or(TokenRefusal::UnknownKey)?;
        let claims: Claims = header.verify(key, Some(TYPE)).map_err(|error| match error {
            JwsError::Signature => TokenRefusal::BadSignature,
            _ => TokenRefusal::Malformed,
        })?;
        if claims.iss != self.issuer || claims.aud != self.issuer {
            return Err(TokenRefusal::Foreign);
        }
        read(claims, kid).ok_or(TokenRefusal::Malformed)
    }
}

fn read(claims: Claims, kid: &str) -> Option<AccessToken> {
    let thumbprint = |member: &str| {
        claims
            .cnf
            .get(member)
            .and_then(Value::as_str)
            .and_then(Thumbprint::parse)
    };
    let confirmation = thumbprint("jkt")
        .map(Confirmation::Jkt)
        .or_else(|| thumbprint("x5t#S256").map(Confirmation::X5t))?;
    Some(AccessToken {
        subject: claims.sub,
        client: claims.client_id,
        session: claims.sid,
        device: claims.device,
        id: claims.jti,
        scope: Scope::parse(&claims.scope)?,
        confirmation,
        acr: assurance::from_name(&claims.acr)?,
        amr: claims.amr,
        auth_time: Timestamp::from_seconds(claims.auth_time),
        issued: Timestamp::from_seconds(claims.iat),
        expires: Timestamp::from_seconds(claims.exp),
        kid: kid.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::{ManualClock, SystemEntropy};
    use crate::keys::{Keyring, Schedule, SealKey};
    use crate::store::Db;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const ISSUER: &str = "https://bank.example";
    const REMEMBERED: usize = 8;

    async fn keys() -> Arc<KeySet> {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("keys.db")).unwrap();
        let schedule = Schedule {
            publish_ahead: Duration::from_secs(300),
            period: None,
        };
        let (clock, entropy) = (
            Arc::new(ManualClock::new(START)),
            Arc::new(SystemEntropy::default()),
        );
        let keyring = Keyring::open(db, SealKey::new(&[7; 32]), schedule, clock, entropy).await;
        keyring.unwrap().current()
    }

    fn verifier() -> Verifier {
        let mut settings = Settings::new(ISSUER);
        settings.token_cache = REMEMBERED;
        Verifier::new(&settings)
    }

    fn token(keys: &KeySet, name: &str) -> String {
        let signer = keys.signing(Purpose::Token).unwrap();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: CustomerId::new("customer-0123456789abcdef"),
            client_id: ClientId::new("app"),
            iat: START.seconds(),
            exp: START.seconds() + 300,
            jti: TokenId::new(name),
            scope: "accounts payments".to_owned(),
            acr: assurance::name(2),
            amr: vec!["pwd".to_owned(), "otp".to_owned()],
            auth_time: START.seconds(),
            sid: SessionId::new("session-0123456789abcdef"),
            device: None,
            cnf: Map::from_iter([(
                "jkt".to_owned(),
                Thumbprint::from_bytes([3; 32]).to_string().into(),
            )]),
        };
        jws::sign_with_kid(TYPE, &signer.kid, &claims, &signer.key).unwrap()
    }

    #[tokio::test]
    async fn a_remembered_token_is_the_same_value_and_still_judged_by_time() {
        let (keys, verifier) = (keys().await, verifier());
        let token = token(&keys, "one");
        let first = verifier.verify(&token, &keys, START).unwrap();
        let again = verifier.verify(&token, &keys, START).unwrap();
        assert!(Arc::ptr_eq(&first, &again), "the second was a lookup");
        let early = START.minus(Duration::from_secs(60));
        assert_eq!(verifier.verify(&token, &keys, early), Err(TokenRefusal::NotYet));
        let end = START.plus(Duration::from_secs(300));
        assert_eq!(verifier.verify(&token, &keys, end), Err(TokenRefusal::Expired));
        assert_eq!(verifier.verified.len(), 0, "what has ended is forgotten");
    }

    #[tokio::test]
    async fn a_remembered_token_falls_with_the_key_that_signed_it() {
        let (keys, verifier) = (keys().await, verifier());
        let token = token(&keys, "one");
        verifier.verify(&token, &keys, START).unwrap();
        let without = KeySet::default();
        assert_eq!(
            verifier.verify(&token, &without, START),
            Err(TokenRefusal::UnknownKey)
        );
    }

    #[tokio::test]
    async fn only_what_was_verified_is_remembered_and_no_more_than_there_is_room_for() {
        let (keys, verifier) = (keys().await, verifier());
        let good = token(&keys, "one");
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        let forged = format!("{signed}.{first}{}", &signature[1..]);
        assert_eq!(
            verifier.verify(&forged, &keys, START),
            Err(TokenRefusal::BadSignature)
        );
        assert_eq!(verifier.verified.len(), 0);
        for name in 0..10 * REMEMBERED {
            verifier
                .verify(&token(&keys, &name.to_string()), &keys, START)
                .unwrap();
        }
        assert!((1..=REMEMBERED).contains(&verifier.verified.len()));
    }
}
