//! What is compared with whom, by the numbers of the lines that the project set itself.

use crate::goals::{Better, Goal};
use crate::request::Kind;
use crate::wire::Protocol;

/// One comparison.
pub struct Contest {
    /// The line, or a name of its own where no line asks for it.
    pub line: &'static str,
    /// Over its table.
    pub title: &'static str,
    /// In the plot and the table of the lines.
    pub short: &'static str,
    /// What ours is asked for.
    pub ours: Kind,
    /// Whether each token is seen once, so that ours remembers none.
    pub fresh_tokens: bool,
    /// What the others are asked for.
    pub theirs: Kind,
    /// What is spoken with clients.
    pub protocol: Protocol,
    /// Who else.
    pub rivals: &'static [Rival],
    /// What the line asks.
    pub goals: &'static [Goal],
}

/// Who is compared with ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    /// nginx.
    Nginx,
    /// HAProxy.
    HaProxy,
    /// Envoy.
    Envoy,
    /// The same gateway, with the other kind of request.
    Itself,
}

const fn at_least(against: &'static str, reach: f64, reach_for: f64) -> Goal {
    Goal {
        against,
        reach,
        reach_for,
        better: Better::Larger,
    }
}

/// Ours by theirs, of what one wants little of.
#[must_use]
pub const fn at_most(against: &'static str, reach: f64, reach_for: f64) -> Goal {
    Goal {
        against,
        reach,
        reach_for,
        better: Better::Smaller,
    }
}

const TOKEN_CHECKERS: &[Rival] = &[Rival::HaProxy, Rival::Envoy];
const ALL: &[Rival] = &[Rival::Nginx, Rival::HaProxy, Rival::Envoy];

const PLAIN: Contest = Contest {
    line: "",
    title: "",
    short: "",
    ours: Kind::PublicPost,
    fresh_tokens: false,
    theirs: Kind::PublicPost,
    protocol: Protocol::Http1,
    rivals: ALL,
    goals: &[],
};

/// All comparisons of rates and processor time.
pub const CONTESTS: [Contest; 9] = [
    Contest {
        line: "1",
        title: "Line 1: public route, `POST` of 512 bytes, TLS in and out",
        short: "Public route, POST of 512 bytes",
        goals: &[at_least("nginx", 1.1, 1.3), at_least("HAProxy", 0.95, 1.1)],
        ..PLAIN
    },
    Contest {
        line: "2",
        title: "Line 2: token check, ES256, every token seen for the first time: `GET` of a `proof` route by a certificate-bound token, \
                against a token alone",
        short: "Token check, uncached, GET",
        ours: Kind::Bound,
        fresh_tokens: true,
        theirs: Kind::TokenGet,
        rivals: TOKEN_CHECKERS,
        goals: &[at_least("HAProxy", 1.2, 1.5), at_least("Envoy", 1.9, 2.4)],
        ..PLAIN
    },
    Contest {
        line: "3",
        title: "Line 3: `proof` route, certificate-bound token, remembered: `GET`, against a token alone",
        short: "Certificate-bound token, remembered, GET",
        ours: Kind::Bound,
        theirs: Kind::TokenGet,
        rivals: TOKEN_CHECKERS,
        goals: &[at_least("HAProxy", 2.5, 3.0)],
        ..PLAIN
    },
    Contest {
        line: "dpop",
        title: "`proof` route with token and DPoP proof: `GET`, against a token alone",
        short: "Token and DPoP proof (the others: token only), GET",
        ours: Kind::Proof,
        theirs: Kind::TokenGet,
        rivals: TOKEN_CHECKERS,
        ..PLAIN
    },
    Contest {
        line: "4",
        title: "Line 4: `signed` route, every check, nothing written durably: `POST` of 512 bytes, against a token alone",
        short: "Signed request and signed answer (the others: token only), POST of 512 bytes",
        ours: Kind::Signed,
        theirs: Kind::TokenPost,
        rivals: TOKEN_CHECKERS,
        goals: &[at_least("HAProxy", 0.9, 1.1)],
        ..PLAIN
    },
    Contest {
        line: "5",
        title: "Line 5: signed payment, intent and outcome written durably, against a signed request of the same gateway",
        short: "Payment with two durable writes, beside a signed request",
        ours: Kind::Payment,
        theirs: Kind::Signed,
        rivals: &[Rival::Itself],
        goals: &[at_least("line 4", 0.7, 0.9)],
        ..PLAIN
    },
    Contest {
        line: "6",
        title: "Line 6: full TLS 1.3 handshake, P-256 certificate, X25519",
        short: "Full TLS 1.3 handshake",
        ours: Kind::Handshake,
        theirs: Kind::Handshake,
        goals: &[at_most("nginx", 0.6, 0.45), at_most("Envoy", 1.0, 0.85)],
        ..PLAIN
    },
    Contest {
        line: "h2-public",
        title: "HTTP/2, eight streams a connection: public route, `POST` of 512 bytes",
        short: "HTTP/2: public route, POST of 512 bytes",
        protocol: Protocol::Http2,
        ..PLAIN
    },
    Contest {
        line: "h2-signed",
        title: "HTTP/2, eight streams a connection: `signed` route, `POST` of 512 bytes, against a token alone",
        short: "HTTP/2: signed (the others: token only), POST of 512 bytes",
        ours: Kind::Signed,
        theirs: Kind::TokenPost,
        protocol: Protocol::Http2,
        rivals: TOKEN_CHECKERS,
        ..PLAIN
    },
];
