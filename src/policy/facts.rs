//! The facts a decision rests on, as plain borrowed values. The gate gathers them; this module reads no clock,
//! no store and no request.

use std::fmt;
use std::net::IpAddr;

use super::action::Action;
use super::remedy::ApprovalFactor;

/// Everything the policies may know about one request.
///
/// [`Facts::new`] starts with nothing proven, so a fact that nobody gathered never opens anything. Facts name the
/// customer, their payee and their address, so their `Debug` says only what is asked.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// What is asked.
    pub action: Action,
    /// The customer's pseudonymous id; absent where a client acts for itself.
    pub customer: Option<&'a str>,
    /// The administrator; required for administrative actions, ignored for all others.
    pub admin: Option<Admin<'a>>,
    /// The client that sent the request.
    pub client: Client<'a>,
    /// The device the request came from.
    pub device: Device<'a>,
    /// The route; required for `read`, `call`, `pay` and `approve`.
    pub route: Option<Route<'a>>,
    /// The payment; required for `pay`, and for `approve` where a payment is being approved.
    pub payment: Option<Payment<'a>>,
    /// How the customer has authenticated.
    pub authn: Authn<'a>,
    /// Where the request came from.
    pub network: Network<'a>,
    /// What the risk rules say.
    pub risk: Risk<'a>,
    /// The account's counters; absent when they could not be read, and then no counted exemption applies (SCA-28).
    pub counters: Option<Counters>,
    /// The approval the customer gave to exactly this intent. For `approve`: the factor they are answering with.
    pub approval: Option<Approval>,
    /// The standing mandate this payment belongs to.
    pub mandate: Option<Mandate>,
    /// Seconds since the customer was identified by video, where they were.
    pub video_age_seconds: Option<u64>,
    /// The moment of the decision, in seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
}

impl<'a> Facts<'a> {
    /// Facts of a request about which nothing is proven yet: level 0, unknown device, no approval.
    pub fn new(action: Action, client: Client<'a>, now: u64) -> Self {
        Self {
            action,
            customer: None,
            admin: None,
            client,
            device: Device::default(),
            route: None,
            payment: None,
            authn: Authn::default(),
            network: Network::default(),
            risk: Risk::default(),
            counters: None,
            approval: None,
            mandate: None,
            video_age_seconds: None,
            now,
        }
    }
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Facts")
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

/// An administrator, known by their client certificate.
#[derive(Clone, Copy, Debug)]
pub struct Admin<'a> {
    /// The registered name.
    pub name: &'a str,
    /// The roles of the registration.
    pub roles: &'a [&'a str],
}

/// The client of the request.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// `client_id`.
    pub id: &'a str,
    /// `first-party`, `fapi2-security` or `fapi2-message-signing`.
    pub profile: &'a str,
}

/// The device of the request: a key this customer has used before, or not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Device<'a> {
    /// Whether this customer has completed a login of two factors with this key before.
    pub known: bool,
    /// Its id, where it has one.
    pub id: Option<&'a str>,
}

/// The configured route.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// Its name in the configuration.
    pub name: &'a str,
    /// `proof` or `signed`; a `public` route asks no policy.
    pub access: &'a str,
    /// The authentication level the route asks for, 0 when it asks for none.
    pub acr: u8,
}

/// The payment of the intent.
#[derive(Clone, Copy)]
pub struct Payment<'a> {
    /// The amount in minor units of its currency. Above 2^63 - 1 policies read 2^63 - 1.
    pub amount_minor: u64,
    /// ISO 4217 code.
    pub currency: &'a str,
    /// Who receives it.
    pub payee: Payee<'a>,
}

/// The receiver of a payment.
#[derive(Clone, Copy)]
pub struct Payee<'a> {
    /// The account as the intent names it (normalised).
    pub id: &'a str,
    /// Whether the customer has put it on their trusted list (SCA-17).
    pub trusted: bool,
    /// Days since the customer put it on that list; absent for all others.
    pub age_days: Option<u32>,
}

/// How the customer has authenticated.
#[derive(Clone, Copy, Debug, Default)]
pub struct Authn<'a> {
    /// The level reached: 0 none, 1 one factor, 2 two of different kinds, 3 phishing-resistant.
    pub acr: u8,
    /// Authentication methods by RFC 8176.
    pub amr: &'a [&'a str],
    /// Seconds since `auth_time`.
    pub age_seconds: u64,
    /// The highest level this customer's enrolled factors could reach; required for `enroll` to be permitted.
    pub strongest_acr: Option<u8>,
}

/// Where the request came from.
#[derive(Clone, Copy, Default)]
pub struct Network<'a> {
    /// The peer's address.
    pub ip: Option<IpAddr>,
    /// ISO 3166 code of the address, where it is known.
    pub country: Option<&'a str>,
}

/// What the risk rules found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Risk<'a> {
    /// 0 (none) to 100, absent when nothing scored the request.
    pub score: Option<u8>,
    /// Names of the rules that spoke.
    pub reasons: &'a [&'a str],
}

/// The account's counters as the store holds them, **without** this payment. Policies read them with this payment
/// included, which is what Art. 16 of the RTS puts a limit on, and what the Sealed write will make of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Payments passed as low-value since the customer last authenticated strongly (SCA-19).
    pub low_value_count: u64,
    /// Sum of those payments in minor units.
    pub low_value_sum_minor: u64,
}

/// An approval by the customer.
#[derive(Clone, Copy, Debug)]
pub struct Approval {
    /// What they approved with.
    pub factor: ApprovalFactor,
    /// Seconds since they did.
    pub age_seconds: u64,
}

/// How a payment fits the mandate it names.
#[derive(Clone, Copy, Debug)]
pub struct Mandate {
    /// The payee is the mandate's.
    pub same_payee: bool,
    /// The amount is the mandate's.
    pub same_amount: bool,
    /// No payment has been made under it yet.
    pub first: bool,
}
