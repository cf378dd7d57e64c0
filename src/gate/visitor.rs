//! Who asks for a resource of our own that is about a customer: identified and judged as on a `proof` route.

use super::exchange::Exchange;
use super::identify::caller;
use super::journey::Services;
use super::permit::permit_reading;
use crate::base::{ClientId, CustomerId, Fault};
use crate::config::Access;

/// An identified caller whom the policies let read. Only the gate makes one, so a handler that asks for it cannot be
/// reached around the checks.
#[derive(Clone, Debug)]
pub struct Visitor {
    customer: CustomerId,
    client: ClientId,
}

impl Visitor {
    /// The customer.
    #[must_use]
    pub const fn customer(&self) -> &CustomerId {
        &self.customer
    }

    /// The app they came with.
    #[must_use]
    pub const fn client(&self) -> &ClientId {
        &self.client
    }
}

/// The visitor of `resource`: a live token, proof of its key, and a policy that permits reading.
pub(super) async fn visitor(
    exchange: &Exchange,
    resource: &str,
    services: &Services,
) -> Result<Visitor, Fault> {
    let caller = caller(exchange, services, Access::Proof).await?;
    permit_reading(exchange, &caller, resource, services)?;
    Ok(Visitor {
        customer: caller.token.subject.clone(),
        client: caller.token.client.clone(),
    })
}
