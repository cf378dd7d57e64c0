//! From proven factors to a session and a code, in one write.

use super::pending::Pending;
use crate::answer::OauthError;
use crate::base::{CustomerId, DeviceId, Event, SessionId, Timestamp};
use crate::identity::assurance;
use crate::identity::device::{self, DEVICE_IS_NEW};
use crate::identity::session::{self, Confirmation, Session};
use crate::oauth::code::{self, Code};
use crate::oauth::error;
use crate::oauth::server::AuthorizationServer;
use crate::store::{Batch, StoreError};

impl AuthorizationServer {
    /// Begins the session that `pending` has earned and returns a code for it; `None` when a factor was used up by
    /// another login meanwhile.
    pub(super) async fn grant(
        &self,
        pending: &Pending,
        effects: Batch,
        now: Timestamp,
    ) -> Result<Option<String>, OauthError> {
        let Some((customer, known)) = &pending.customer else {
            return Ok(None);
        };
        let acr = assurance::class(&pending.proven);
        let mut known = known.clone();
        // A second round only when another login remembered the same device meanwhile.
        for _ in 0..2 {
            let mut batch = effects.clone();
            let remembered = known.clone().or_else(|| {
                (acr >= 2).then(|| {
                    let (client, key) = (&pending.client, &pending.key);
                    device::remember(&mut batch, customer, client, key, now, self.entropy())
                })
            });
            let code = self.begin_session(&mut batch, pending, customer, acr, remembered, now);
            match self.services.db.commit(batch).await {
                Ok(()) => return Ok(Some(code)),
                Err(StoreError::Guard(DEVICE_IS_NEW)) => {
                    known = device::find(&self.services.db, customer, &pending.key)
                        .await
                        .map_err(error::store)?;
                }
                Err(StoreError::Guard(_)) => return Ok(None),
                Err(error) => return Err(error::store(error)),
            }
        }
        Ok(None)
    }

    fn begin_session(
        &self,
        batch: &mut Batch,
        pending: &Pending,
        customer: &CustomerId,
        acr: u8,
        device: Option<DeviceId>,
        now: Timestamp,
    ) -> String {
        let amr = assurance::methods(&pending.proven);
        let session = Session {
            id: SessionId::random(self.entropy()),
            customer: customer.clone(),
            client: pending.client.clone(),
            confirmation: Confirmation::Jkt(pending.key),
            device,
            acr,
            amr: amr.iter().map(|method| (*method).to_owned()).collect(),
            auth_time: now,
            expires_at: now.plus(self.services.identity.session_life),
            idle_limit: Some(self.services.identity.session_idle),
            last_activity: now,
            revoked_at: None,
        };
        session::begin(batch, &session);
        let event = Event::LoginSucceeded {
            customer: session.customer.clone(),
            client: session.client.clone(),
            session: session.id.clone(),
            acr,
            amr,
        };
        batch.record(now, self.entropy(), &event);
        let code = Code {
            session: session.id,
            client: pending.client.clone(),
            challenge: pending.challenge.clone(),
            scope: pending.scope.clone(),
            expires_at: now.plus(self.settings().code_life),
            used: false,
        };
        code::give(batch, &code, self.entropy())
    }
}
