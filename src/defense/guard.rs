//! The questions of doors and gate, and how they are answered.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::ban::{Ban, Bans, Cause, Terms};
use super::budgets::Budgets;
use super::lines::Lines;
use super::rate::{Rule, nanos};
use super::shed::{Class, INTERVAL, Shed};
use super::source::{Network, Source};
use crate::base::{ClientId, Code, CustomerId, Entropy, Fault, RouteName, Timestamp};
use crate::config::{self, Rate};

/// Sources remembered one by one: 2 MiB.
const SOURCES: usize = 1 << 17;
/// The same for their connections, their logins and their refusals: half a MiB each.
const SOURCES_BESIDE: usize = 1 << 15;
/// Customers who are there at once: 1 MiB.
const CUSTOMERS: usize = 1 << 16;
/// Clients are registered, so there are not many.
const CLIENTS: usize = 1 << 12;
/// Routes stand in the configuration.
const ROUTES: usize = 1 << 10;
/// How many times the rate of a /64 its /48 has: as a household or an office has more than one network, but not 65,536.
const SITE_SHARE: i64 = 16;
/// How many connections a source may open for each request it may send: twice as many, so that a client that opens one for
/// each request reads that it is too fast before it is cut off.
const CONNECTION_SHARE: i64 = 2;
/// Bytes of randomness in the name of a ban.
const BAN_ID_BYTES: usize = 9;

/// Rates, bans and shedding of one gateway: the state. The rules are those of the configuration that is asked under.
pub struct Defense {
    requests: Budgets,
    oauth_requests: Budgets,
    connections: Budgets,
    /// Refusals for flooding: whoever exhausts this one is banned.
    refusals: Budgets,
    customers: Budgets,
    clients: Budgets,
    routes: Budgets,
    bans: Bans,
    shed: Shed,
    lines: Lines,
    entropy: Arc<dyn Entropy>,
}

impl Defense {
    /// Nobody owes anything yet.
    #[must_use]
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self {
            requests: Budgets::new(SOURCES),
            oauth_requests: Budgets::new(SOURCES_BESIDE),
            connections: Budgets::new(SOURCES_BESIDE),
            refusals: Budgets::new(SOURCES_BESIDE),
            customers: Budgets::new(CUSTOMERS),
            clients: Budgets::new(CLIENTS),
            routes: Budgets::new(ROUTES),
            bans: Bans::new(),
            shed: Shed::default(),
            lines: Lines::default(),
            entropy,
        }
    }

    /// Whether a connection that has just been accepted may stay. One that may not is closed before anything is spent on
    /// it: a handshake costs the gateway more than the client.
    ///
    /// # Errors
    /// [`Code::Banned`], or [`Code::RateLimited`] for a source that opens more connections than it may send requests.
    pub fn connection(&self, rules: &config::Defense, address: IpAddr, now: Timestamp) -> Result<(), Code> {
        if is_trusted(rules, address) {
            return Ok(());
        }
        let source = Source::of(address);
        if self.banned_until(&source, now).is_some() {
            return Err(Code::Banned);
        }
        let rule = rules.floods.source_rate.map(Rule::new);
        let rule = rule.map(|rule| rule.times(CONNECTION_SHARE));
        let charged = charge_source(&self.connections, rule, &source, now);
        charged.map_err(|(network, _)| {
            self.count_refusal(rules, network, Cause::Connections, now);
            Code::RateLimited
        })
    }

    /// Whether a source may send one more request; `oauth`: to the authorization server.
    ///
    /// # Errors
    /// [`Code::Banned`] or [`Code::RateLimited`], with how long to wait.
    pub fn request(
        &self,
        rules: &config::Defense,
        address: IpAddr,
        oauth: bool,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if is_trusted(rules, address) {
            return Ok(());
        }
        let source = Source::of(address);
        if let Some(until) = self.banned_until(&source, now) {
            return Err(Fault::new(Code::Banned).retry_after(until.since(now)));
        }
        let floods = &rules.floods;
        let mut charged = charge_source(&self.requests, floods.source_rate.map(Rule::new), &source, now);
        if oauth && charged.is_ok() {
            let rule = floods.oauth_rate.map(Rule::new);
            charged = charge_source(&self.oauth_requests, rule, &source, now);
        }
        charged.map_err(|(network, wait)| {
            self.count_refusal(rules, network, Cause::Rate, now);
            limited("source", wait)
        })
    }

    /// Counts something of a source that was no well-formed request. One of them, or a hundred, has no consequence.
    pub fn malformed(&self, rules: &config::Defense, address: IpAddr, now: Timestamp) {
        self.flooded(rules, address, Cause::Framing, now);
    }

    /// Counts a refusal for flooding that somebody else has judged: a door that found too many connections of one source.
    pub fn flooded(&self, rules: &config::Defense, address: IpAddr, cause: Cause, now: Timestamp) {
        if !is_trusted(rules, address) {
            self.count_refusal(rules, Source::of(address).host, cause, now);
        }
    }

    /// Whether a route, which may have a rate, takes one more request.
    ///
    /// # Errors
    /// [`Code::RateLimited`], with how long to wait.
    pub fn route(&self, rate: Option<Rate>, name: &RouteName, now: Timestamp) -> Result<(), Fault> {
        charge(&self.routes, rate, name.as_str(), now).map_err(|wait| limited("route", wait))
    }

    /// Whether a route would take one more request, which it is not charged for yet: before a caller has proven who they
    /// are, a stranger could spend what customers share.
    ///
    /// # Errors
    /// [`Code::RateLimited`], with how long to wait.
    pub fn route_is_free(&self, rate: Option<Rate>, name: &RouteName, now: Timestamp) -> Result<(), Fault> {
        let Some(rule) = rate.map(Rule::new) else {
            return Ok(());
        };
        let looked = self.routes.look(name.as_str(), name.as_str(), rule, nanos(now));
        looked.map_err(|wait| limited("route", wait))
    }

    /// Whether a customer may send one more request by one of their clients. Only for callers who have proven who they
    /// are, so that nobody can spend the budget of another.
    ///
    /// # Errors
    /// [`Code::RateLimited`], with how long to wait.
    pub fn caller(
        &self,
        rules: &config::Defense,
        customer: &CustomerId,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let floods = &rules.floods;
        charge(&self.customers, floods.customer_rate, customer.as_str(), now)
            .map_err(|wait| limited("customer", wait))?;
        charge(&self.clients, floods.client_rate, client.as_str(), now)
            .map_err(|wait| limited("client", wait))
    }

    /// Whether new work of `class` can be taken on.
    ///
    /// # Errors
    /// [`Code::Overloaded`], with when the picture may have changed.
    pub fn load(&self, rules: &config::Defense, class: Class) -> Result<(), Fault> {
        if self.shed.sheds(class, rules.floods.queue_target) {
            return Err(Fault::new(Code::Overloaded)
                .retry_after(INTERVAL)
                .cause(format_args!("{class:?} work is shed")));
        }
        Ok(())
    }

    /// The waits that shedding goes by.
    #[must_use]
    pub const fn shed(&self) -> &Shed {
        &self.shed
    }

    /// The lines that strangers may cause in the log.
    #[must_use]
    pub const fn lines(&self) -> &Lines {
        &self.lines
    }

    /// The bans in force, the newest first.
    #[must_use]
    pub fn bans(&self, now: Timestamp) -> Vec<Ban> {
        self.bans.list(now)
    }

    /// Ends a ban before its time, and lets its source begin anew. `None` when there is none of this name.
    pub fn lift(&self, id: &str, now: Timestamp) -> Option<Ban> {
        let lifted = self.bans.lift(id, now)?;
        self.refusals.forgive(lifted.network);
        Some(lifted)
    }

    pub(super) const fn all_bans(&self) -> &Bans {
        &self.bans
    }

    fn banned_until(&self, source: &Source, now: Timestamp) -> Option<Timestamp> {
        source
            .networks()
            .filter_map(|network| self.bans.until(&network, now))
            .max()
    }

    /// A refusal for flooding; the one too many bans.
    fn count_refusal(&self, rules: &config::Defense, network: Network, cause: Cause, now: Timestamp) {
        let Some(rule) = rules.floods.ban_after.map(Rule::new) else {
            return;
        };
        let region = Source::of(network.address()).region;
        if self.refusals.charge(network, region, rule, nanos(now)).is_ok() {
            return;
        }
        let terms = Terms {
            first: rules.floods.ban,
            longest: rules.floods.ban_longest,
        };
        self.bans
            .impose(network, cause, terms, now, || self.entropy.token(BAN_ID_BYTES));
    }
}

/// Charges the host, then its site. Whoever exceeds is named, with how long to wait.
fn charge_source(
    budgets: &Budgets,
    rule: Option<Rule>,
    source: &Source,
    now: Timestamp,
) -> Result<(), (Network, Duration)> {
    let Some(rule) = rule else { return Ok(()) };
    let now = nanos(now);
    let Source { host, site, region } = *source;
    budgets
        .charge(host, region, rule, now)
        .map_err(|wait| (host, wait))?;
    let Some(site) = site else { return Ok(()) };
    budgets
        .charge(site, region, rule.times(SITE_SHARE), now)
        .map_err(|wait| (site, wait))
}

fn is_trusted(rules: &config::Defense, address: IpAddr) -> bool {
    let mut trusted = rules.trusted_sources.iter();
    trusted.any(|network| network.contains(address))
}

fn charge(budgets: &Budgets, rate: Option<Rate>, who: &str, now: Timestamp) -> Result<(), Duration> {
    rate.map_or(Ok(()), |rate| {
        budgets.charge(who, who, Rule::new(rate), nanos(now))
    })
}

fn limited(whose: &'static str, wait: Duration) -> Fault {
    Fault::new(Code::RateLimited)
        .retry_after(wait)
        .cause(format_args!("the {whose}'s rate"))
}
