//! The limits of a request: of its source and its route, of the load there is, and, once it is known, of its caller.
//!
//! Their place in the order of faults is after form, host and route, and before the token. A route that asks who
//! sends is only looked at there, and charged with the caller: what its callers share, no stranger spends.

use super::exchange::Exchange;
use super::identify::Caller;
use super::journey::Services;
use crate::answer::NoRoom;
use crate::base::{Code, Fault};
use crate::config::Access;
use crate::defense::{Class, Defense};

/// The authorization server's own documents: what it answers without looking at a credential.
const JWKS: &str = "/oauth/jwks";

/// Charges the request to its source. It is charged before anything else is looked at: what is then refused for its form or
/// its path has cost something too. A banned source loses its connection, whatever else is wrong with the request.
pub(super) fn charge_source(exchange: &mut Exchange, defense: &Defense) -> Result<(), Fault> {
    let rules = &exchange.snapshot.config.defense;
    let address = exchange.connection.peer.ip();
    let outcome = defense.request(rules, address, logs_in(exchange.path()), exchange.at);
    exchange.hang_up = outcome.as_ref().is_err_and(|fault| fault.code == Code::Banned);
    outcome
}

/// Whether a request for one of our routes can be taken on.
pub(super) fn check_route(exchange: &Exchange, defense: &Defense) -> Result<(), Fault> {
    let Some(route) = &exchange.route else {
        return Ok(());
    };
    let rate = route.route.rate;
    match route.route.access {
        Access::Public => defense.route(rate, &route.name, exchange.at)?,
        Access::Proof | Access::Signed => defense.route_is_free(rate, &route.name, exchange.at)?,
    }
    check_delivery(exchange)?;
    let class = match route.route.access {
        Access::Public => Class::Public,
        Access::Proof => Class::Reading,
        Access::Signed => Class::Changing,
    };
    defense.load(&exchange.snapshot.config.defense, class)
}

/// Whether a request for one of our own paths can be taken on; `reads` when it is about a customer.
pub(super) fn check_own(exchange: &Exchange, reads: bool, defense: &Defense) -> Result<(), Fault> {
    check_delivery(exchange)?;
    let entering = ["/oauth/", "/.well-known/"];
    let class = if reads {
        Class::Reading
    } else if entering.iter().any(|prefix| exchange.path().starts_with(prefix)) {
        Class::Entering
    } else {
        Class::Public
    };
    defense.load(&exchange.snapshot.config.defense, class)
}

/// Whether the source takes the answers it has, which the doors know: nothing is begun for one that would not hear of it.
fn check_delivery(exchange: &Exchange) -> Result<(), Fault> {
    let full = exchange.head.extensions.get::<NoRoom>();
    full.map_or(Ok(()), |full| Err(full.fault()))
}

/// Charges the request to its caller, who has proven to be it, and then to the route: a caller who is too fast spends nothing
/// of what all share.
pub(super) fn charge_caller(exchange: &Exchange, caller: &Caller, services: &Services) -> Result<(), Fault> {
    let (customer, client) = (&caller.token.subject, &caller.token.client);
    let rules = &exchange.snapshot.config.defense;
    services.defense.caller(rules, customer, client, exchange.at)?;
    match &exchange.route {
        Some(route) => services.defense.route(route.route.rate, &route.name, exchange.at),
        None => Ok(()),
    }
}

/// Whether a path is an endpoint of the authorization server, where guessing is worth something.
pub(super) fn logs_in(path: &str) -> bool {
    path.starts_with("/oauth/") && path != JWKS
}
