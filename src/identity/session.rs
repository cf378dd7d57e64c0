//! Session records: who logged in with which app, by which key, how strongly, and until when it holds.

use std::time::Duration;

use countersign_jose::Thumbprint;

use crate::base::{ClientId, CustomerId, DeviceId, Entropy, Event, SessionId, Timestamp};
use crate::store::{Batch, Row, StoreError};

/// The guard of [`live_guard`].
pub const SESSION_IS_LIVE: &str = "session is live";
/// The guard of [`revoke`]: it does not hold when the session was revoked before.
pub const SESSION_WAS_LIVE: &str = "session was not revoked before";

/// The key that tokens of a session are bound to (RFC 7800).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Confirmation {
    /// Thumbprint of the DPoP key: `cnf.jkt` (RFC 9449, section 6).
    Jkt(Thumbprint),
    /// Hash of the client certificate: `cnf.x5t#S256` (RFC 8705, section 3.1).
    X5t(Thumbprint),
}

impl Confirmation {
    /// The thumbprint, whatever it is of.
    #[must_use]
    pub const fn thumbprint(&self) -> Thumbprint {
        match self {
            Self::Jkt(thumbprint) | Self::X5t(thumbprint) => *thumbprint,
        }
    }

    /// The name of the member of `cnf`.
    #[must_use]
    pub const fn member(&self) -> &'static str {
        match self {
            Self::Jkt(_) => "jkt",
            Self::X5t(_) => "x5t#S256",
        }
    }

    fn read(member: &str, thumbprint: &[u8]) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt("session.key_thumbprint");
        let thumbprint = Thumbprint::from_bytes(thumbprint.try_into().map_err(|_| corrupt())?);
        match member {
            "jkt" => Ok(Self::Jkt(thumbprint)),
            "x5t#S256" => Ok(Self::X5t(thumbprint)),
            _ => Err(StoreError::Corrupt("session.key_kind")),
        }
    }
}

/// One login and all that grows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Who logged in.
    pub customer: CustomerId,
    /// With which app.
    pub client: ClientId,
    /// The key its tokens are bound to.
    pub confirmation: Confirmation,
    /// The known device it runs on.
    pub device: Option<DeviceId>,
    /// The authentication context class, 1 to 3.
    pub acr: u8,
    /// The methods (RFC 8176).
    pub amr: Vec<String>,
    /// When the customer authenticated; never moves (ATJWT-03).
    pub auth_time: Timestamp,
    /// When it ends, however busy it is.
    pub expires_at: Timestamp,
    /// The inactivity that ends it, for sessions with a customer in front of the screen (SCA-06).
    pub idle_limit: Option<Duration>,
    /// When the customer last used it.
    pub last_activity: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Session {
    /// Until when it holds if nothing more happens.
    #[must_use]
    pub fn holds_until(&self) -> Timestamp {
        let idle_end = self.idle_limit.map(|limit| self.last_activity.plus(limit));
        idle_end.map_or(self.expires_at, |end| end.min(self.expires_at))
    }

    /// Whether it holds `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.holds_until()
    }

    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        let idle = row
            .optional_integer(8)?
            .map(|micros| u64::try_from(micros).unwrap_or(0));
        Ok(Self {
            id: SessionId::new(row.text(0)?),
            customer: CustomerId::new(row.text(1)?),
            client: ClientId::new(row.text(2)?),
            confirmation: Confirmation::read(row.text(3)?, row.bytes(4)?)?,
            device: row.optional_text(5)?.map(DeviceId::new),
            acr: u8::try_from(row.integer(6)?).map_err(|_| StoreError::Corrupt("session.acr"))?,
            amr: row.text(7)?.split_ascii_whitespace().map(str::to_owned).collect(),
            idle_limit: idle.map(Duration::from_micros),
            auth_time: row.time(9)?,
            expires_at: row.time(10)?,
            last_activity: row.time(11)?,
            revoked_at: row.optional_time(12)?,
        })
    }
}

pub(super) const SELECT: &str = "SELECT id, customer, client, key_kind, key_thumbprint, device, acr, amr, idle_limit, \
     auth_time, expires_at, last_activity, revoked_at FROM session WHERE id = $1";

/// Adds a session that begins.
pub fn begin(batch: &mut Batch, session: &Session) {
    let idle = session
        .idle_limit
        .map(|limit| i64::try_from(limit.as_micros()).unwrap_or(i64::MAX));
    batch.run(
        "INSERT INTO session (id, customer, client, key_kind, key_thumbprint, device, acr, amr, auth_time, expires_at, \
         idle_limit, last_activity) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        vec![
            session.id.as_str().into(),
            session.customer.as_str().into(),
            session.client.as_str().into(),
            session.confirmation.member().into(),
            session.confirmation.thumbprint().as_bytes().as_slice().into(),
            session.device.as_ref().map(DeviceId::as_str).into(),
            i64::from(session.acr).into(),
            session.amr.join(" ").into(),
            session.auth_time.into(),
            session.expires_at.into(),
            idle.into(),
            session.last_activity.into(),
        ],
    );
}

/// The statement of both guards: what must be true of a session, its client and its customer is said once.
macro_rules! update_while_live {
    ($last_activity:literal) => {
        concat!(
            "UPDATE session SET last_activity = ",
            $last_activity,
            " WHERE id = $1 AND client = $2 AND customer = $3 AND revoked_at IS NULL AND expires_at > $4 \
             AND (idle_limit IS NULL OR last_activity + idle_limit > $4) \
             AND EXISTS (SELECT 1 FROM client WHERE client_id = $2 AND disabled_at IS NULL) \
             AND EXISTS (SELECT 1 FROM customer WHERE id = $3 AND locked_at IS NULL)"
        )
    };
}

/// Makes a batch happen only while the session holds, its client is not disabled and its customer not locked; it
/// counts as the customer's activity, by the second: within one the row is read and stays as it is. When it does not
/// hold, the commit fails with the guard [`SESSION_IS_LIVE`].
pub fn live_guard(
    batch: &mut Batch,
    session: &SessionId,
    client: &ClientId,
    customer: &CustomerId,
    now: Timestamp,
) {
    // A second, in microseconds.
    let sql = update_while_live!("CASE WHEN last_activity + 1000000 <= $4 THEN $4 ELSE last_activity END");
    guard(batch, sql, session, client, customer, now);
}

/// As [`live_guard`], but not the customer's activity: what an app does by itself, such as refreshing a token.
pub fn live_guard_without_activity(
    batch: &mut Batch,
    session: &SessionId,
    client: &ClientId,
    customer: &CustomerId,
    now: Timestamp,
) {
    guard(
        batch,
        update_while_live!("last_activity"),
        session,
        client,
        customer,
        now,
    );
}

fn guard(
    batch: &mut Batch,
    sql: &'static str,
    session: &SessionId,
    client: &ClientId,
    customer: &CustomerId,
    now: Timestamp,
) {
    let named = [session.as_str(), client.as_str(), customer.as_str()].map(Into::into);
    let parameters = named.into_iter().chain([now.into()]).collect();
    batch.one_row(SESSION_IS_LIVE, sql, parameters);
}

/// Ends a session, with every token of it. The guard [`SESSION_WAS_LIVE`] fails when it was ended before.
pub fn revoke(
    batch: &mut Batch,
    session: &SessionId,
    reason: &'static str,
    now: Timestamp,
    entropy: &dyn Entropy,
) {
    batch.one_row(
        SESSION_WAS_LIVE,
        "UPDATE session SET revoked_at = $2, revoked_reason = $3 WHERE id = $1 AND revoked_at IS NULL",
        vec![session.as_str().into(), now.into(), reason.into()],
    );
    let event = Event::SessionRevoked {
        session: session.clone(),
        reason,
    };
    batch.record(now, entropy, &event);
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_000_000);

    fn session(idle_limit: Option<Duration>) -> Session {
        Session {
            id: SessionId::new("s"),
            customer: CustomerId::new("c"),
            client: ClientId::new("app"),
            confirmation: Confirmation::Jkt(Thumbprint::from_bytes([1; 32])),
            device: None,
            acr: 2,
            amr: vec!["pwd".to_owned()],
            auth_time: START,
            expires_at: START.plus(Duration::from_secs(3600)),
            idle_limit,
            last_activity: START,
            revoked_at: None,
        }
    }

    /// SCA-06: 5:00 is too long already, 4:59 is not.
    #[test]
    fn five_minutes_without_activity_end_it() {
        let session = session(Some(Duration::from_secs(300)));
        assert!(session.holds(START.plus(Duration::from_secs(299))));
        assert!(!session.holds(START.plus(Duration::from_secs(300))));
    }

    #[test]
    fn its_absolute_life_ends_it_however_busy_it_is() {
        let mut busy = session(Some(Duration::from_secs(300)));
        busy.last_activity = START.plus(Duration::from_secs(3599));
        assert!(!busy.holds(START.plus(Duration::from_secs(3600))));
        assert!(session(None).holds(START.plus(Duration::from_secs(3599))));
    }
}
