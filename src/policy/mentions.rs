//! Which facts the policies of a question look at. The others are not made into Cedar's values for it: no policy could tell.

use cedar_policy_core::ast::{Expr, ExprKind, Var};

/// A part of the context that can be left out by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Fact {
    Amount,
    Approval,
    AuthnAcr,
    AuthnAge,
    AuthnAmr,
    AuthnStrongest,
    ClientId,
    ClientProfile,
    Currency,
    DeviceId,
    DeviceKnown,
    Exemption,
    Mandate,
    NetworkCountry,
    NetworkIp,
    PayeeAgeDays,
    PayeeId,
    PayeeTrusted,
    RiskReasons,
    RiskScore,
    Roles,
    RouteAccess,
    RouteAcr,
    Time,
    Velocity,
    Video,
}

/// Every fact with its place in the context, and inside a record of facts.
const PLACES: [(Fact, &str, &str); 26] = [
    (Fact::Amount, "amount", ""),
    (Fact::Approval, "approval", ""),
    (Fact::AuthnAcr, "authn", "acr"),
    (Fact::AuthnAge, "authn", "age"),
    (Fact::AuthnAmr, "authn", "amr"),
    (Fact::AuthnStrongest, "authn", "strongest"),
    (Fact::ClientId, "client", "id"),
    (Fact::ClientProfile, "client", "profile"),
    (Fact::Currency, "currency", ""),
    (Fact::DeviceId, "device", "id"),
    (Fact::DeviceKnown, "device", "known"),
    (Fact::Exemption, "exemption", ""),
    (Fact::Mandate, "mandate", ""),
    (Fact::NetworkCountry, "network", "country"),
    (Fact::NetworkIp, "network", "ip"),
    (Fact::PayeeAgeDays, "payee", "age_days"),
    (Fact::PayeeId, "payee", "id"),
    (Fact::PayeeTrusted, "payee", "trusted"),
    (Fact::RiskReasons, "risk", "reasons"),
    (Fact::RiskScore, "risk", "score"),
    (Fact::Roles, "roles", ""),
    (Fact::RouteAccess, "route", "access"),
    (Fact::RouteAcr, "route", "acr"),
    (Fact::Time, "time", ""),
    (Fact::Velocity, "velocity", ""),
    (Fact::Video, "video", ""),
];

/// A set of facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions(u32);

impl Mentions {
    pub(super) const ALL: Self = Self(u32::MAX);
    pub(super) const AUTHN: Self =
        Self(Fact::AuthnAcr.bit() | Fact::AuthnAge.bit() | Fact::AuthnAmr.bit() | Fact::AuthnStrongest.bit());
    pub(super) const CLIENT: Self = Self(Fact::ClientId.bit() | Fact::ClientProfile.bit());
    pub(super) const DEVICE: Self = Self(Fact::DeviceId.bit() | Fact::DeviceKnown.bit());
    pub(super) const NETWORK: Self = Self(Fact::NetworkCountry.bit() | Fact::NetworkIp.bit());
    pub(super) const PAYEE: Self =
        Self(Fact::PayeeAgeDays.bit() | Fact::PayeeId.bit() | Fact::PayeeTrusted.bit());
    pub(super) const RISK: Self = Self(Fact::RiskReasons.bit() | Fact::RiskScore.bit());
    pub(super) const ROUTE: Self = Self(Fact::RouteAccess.bit() | Fact::RouteAcr.bit());

    /// What an expression looks at. Where that cannot be told, everything.
    pub(super) fn of(expr: &Expr) -> Self {
        match expr.expr_kind() {
            ExprKind::Lit(_) => Self::default(),
            ExprKind::Var(Var::Principal | Var::Action | Var::Resource) => Self::default(),
            ExprKind::GetAttr { expr, attr } | ExprKind::HasAttr { expr, attr } => {
                Self::of_attribute(expr, attr)
            }
            ExprKind::ExtHasAttr { expr, attrs } => Self::of_attribute(expr, &attrs.head),
            ExprKind::If {
                test_expr,
                then_expr,
                else_expr,
            } => Self::of(test_expr) | Self::of(then_expr) | Self::of(else_expr),
            ExprKind::And { left, right } | ExprKind::Or { left, right } => Self::of(left) | Self::of(right),
            ExprKind::BinaryApp { arg1, arg2, .. } => Self::of(arg1) | Self::of(arg2),
            ExprKind::UnaryApp { arg: expr, .. }
            | ExprKind::Like { expr, .. }
            | ExprKind::Is { expr, .. } => Self::of(expr),
            ExprKind::ExtensionFunctionApp { args: parts, .. } | ExprKind::Set(parts) => {
                Self::of_each(parts.iter())
            }
            ExprKind::Record(parts) => Self::of_each(parts.values()),
            // The whole context, or something that no parsed policy holds.
            _ => Self::ALL,
        }
    }

    pub(super) fn has(self, fact: Fact) -> bool {
        self.0 & fact.bit() != 0
    }

    pub(super) fn has_any(self, facts: Self) -> bool {
        self.0 & facts.0 != 0
    }

    fn of_each<'e>(parts: impl Iterator<Item = &'e Expr>) -> Self {
        parts.fold(Self::default(), |all, part| all | Self::of(part))
    }

    /// Of `of.attribute`: `context.amount`, `context.authn.acr`, or an attribute of anything else.
    fn of_attribute(of: &Expr, attribute: &str) -> Self {
        match of.expr_kind() {
            ExprKind::Var(Var::Context) => Self::placed(|place, _| place == attribute),
            ExprKind::GetAttr { expr, attr } if matches!(expr.expr_kind(), ExprKind::Var(Var::Context)) => {
                Self::placed(|place, part| place == attr.as_str() && (part.is_empty() || part == attribute))
            }
            _ => Self::of(of),
        }
    }

    fn placed(here: impl Fn(&str, &str) -> bool) -> Self {
        let found = PLACES.iter().filter(|(_, place, part)| here(place, part));
        found.fold(Self::default(), |all, (fact, ..)| all | Self(fact.bit()))
    }
}

impl Fact {
    const fn bit(self) -> u32 {
        1 << self as u8
    }
}

impl std::ops::BitOr for Mentions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Mentions {
        Mentions::of(&text.parse().unwrap())
    }

    fn only(facts: &[Fact]) -> Mentions {
        facts
            .iter()
            .fold(Mentions::default(), |all, fact| all | Mentions(fact.bit()))
    }

    #[test]
    fn a_fact_is_mentioned_by_its_path() {
        assert_eq!(of("principal == resource && 1 < 2"), only(&[]));
        assert_eq!(of("context.amount < 5"), only(&[Fact::Amount]));
        assert_eq!(of("context.authn.acr >= 2"), only(&[Fact::AuthnAcr]));
        assert_eq!(of("context.risk has score"), only(&[Fact::RiskScore]));
        assert_eq!(of("context has authn.strongest"), Mentions::AUTHN);
        assert_eq!(of("context.payee has age_days"), only(&[Fact::PayeeAgeDays]));
        assert_eq!(
            of("context has approval && [context.currency].contains(\"EUR\")"),
            only(&[Fact::Approval, Fact::Currency])
        );
        assert_eq!(
            of("if !context.device.known then context.client.id == principal else context.time.hour > 5"),
            only(&[Fact::DeviceKnown, Fact::ClientId, Fact::Time])
        );
        assert_eq!(
            of("context.network.ip.isInRange(ip(\"10.0.0.0/8\")) || context.route.access like \"s*\""),
            only(&[Fact::NetworkIp, Fact::RouteAccess])
        );
    }

    #[test]
    fn a_record_taken_whole_is_mentioned_whole() {
        assert_eq!(of("context.authn == {acr: 1}"), Mentions::AUTHN);
        assert_eq!(of("{here: context.payee}.here.trusted"), Mentions::PAYEE);
        assert_eq!(
            of("(if true then context.risk else context.risk).score > 1"),
            Mentions::RISK
        );
        assert_eq!(of("context has network"), Mentions::NETWORK);
    }

    #[test]
    fn the_context_taken_whole_mentions_everything() {
        for whole in [
            "context == context",
            "{here: context}.here.amount > 5",
            "[context].isEmpty()",
        ] {
            assert_eq!(of(whole), Mentions::ALL, "{whole}");
        }
    }

    #[test]
    fn every_fact_has_its_place() {
        for (place, (fact, ..)) in PLACES.iter().enumerate() {
            assert_eq!(*fact as usize, place);
        }
    }
}
