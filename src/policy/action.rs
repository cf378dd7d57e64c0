//! What a policy can be asked about: the closed list of actions, spelled as the schema spells them.

/// One question to the policies. Which one a request is depends on the door it came through and on its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// A customer finishes a login with what they have proven so far.
    Login,
    /// A customer adds a factor to their account.
    Enroll,
    /// A request on a `proof` route: it reads.
    Read,
    /// A request on a `signed` route without a transaction.
    Call,
    /// A request on a route with a transaction: it moves money.
    Pay,
    /// A customer answers a pending approval with a factor.
    Approve,
    /// Something an administrator does on the admin listener.
    Admin(AdminAction),
}

/// What an administrator can do, one name for each right that a role may or may not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdminAction {
    /// Read configuration, health, routes and upstreams.
    GatewayInspect,
    /// Read configuration, certificates and policies anew from disk.
    GatewayReload,
    /// See who is banned for flooding.
    BanList,
    /// End a ban before its time.
    BanLift,
    /// List keys with purpose, state and validity.
    KeysList,
    /// Start a rotation of one purpose.
    KeysRotate,
    /// Revoke one key at once.
    KeysRevoke,
    /// List policy versions.
    PolicyList,
    /// Propose a new policy version.
    PolicyPublish,
    /// Propose going back to an older policy version.
    PolicyRollback,
    /// List and show clients.
    ClientList,
    /// Add, change or disable a client.
    ClientChange,
    /// List and show customers.
    CustomerList,
    /// Add a customer.
    CustomerAdd,
    /// Lock or unlock a customer.
    CustomerLock,
    /// Export what is stored about a customer.
    CustomerExport,
    /// Erase a customer's personal data.
    CustomerErase,
    /// List administrators.
    AdminList,
    /// Add or disable an administrator.
    AdminChange,
    /// List and show proposals.
    ProposalList,
    /// Approve or reject another person's proposal.
    ProposalDecide,
    /// Read, search and export the audit log.
    AuditRead,
}

impl Action {
    /// Every action a caller can ask about.
    pub fn all() -> impl Iterator<Item = Self> {
        const CUSTOMER: [Action; 6] = [
            Action::Login,
            Action::Enroll,
            Action::Read,
            Action::Call,
            Action::Pay,
            Action::Approve,
        ];
        CUSTOMER
            .into_iter()
            .chain(AdminAction::ALL.into_iter().map(Self::Admin))
    }

    /// The name in the schema, in policies and in decision tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Enroll => "enroll",
            Self::Read => "read",
            Self::Call => "call",
            Self::Pay => "pay",
            Self::Approve => "approve",
            Self::Admin(action) => action.as_str(),
        }
    }

    /// The action of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|action| action.as_str() == name)
    }
}

impl AdminAction {
    /// Every administrative action.
    pub const ALL: [Self; 22] = [
        Self::GatewayInspect,
        Self::GatewayReload,
        Self::BanList,
        Self::BanLift,
        Self::KeysList,
        Self::KeysRotate,
        Self::KeysRevoke,
        Self::PolicyList,
        Self::PolicyPublish,
        Self::PolicyRollback,
        Self::ClientList,
        Self::ClientChange,
        Self::CustomerList,
        Self::CustomerAdd,
        Self::CustomerLock,
        Self::CustomerExport,
        Self::CustomerErase,
        Self::AdminList,
        Self::AdminChange,
        Self::ProposalList,
        Self::ProposalDecide,
        Self::AuditRead,
    ];

    /// The name in the schema, in policies and in decision tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GatewayInspect => "gateway_inspect",
            Self::GatewayReload => "gateway_reload",
            Self::BanList => "ban_list",
            Self::BanLift => "ban_lift",
            Self::KeysList => "keys_list",
            Self::KeysRotate => "keys_rotate",
            Self::KeysRevoke => "keys_revoke",
            Self::PolicyList => "policy_list",
            Self::PolicyPublish => "policy_publish",
            Self::PolicyRollback => "policy_rollback",
            Self::ClientList => "client_list",
            Self::ClientChange => "client_change",
            Self::CustomerList => "customer_list",
            Self::CustomerAdd => "customer_add",
            Self::CustomerLock => "customer_lock",
            Self::CustomerExport => "customer_export",
            Self::CustomerErase => "customer_erase",
            Self::AdminList => "admin_list",
            Self::AdminChange => "admin_change",
            Self::ProposalList => "proposal_list",
            Self::ProposalDecide => "proposal_decide",
            Self::AuditRead => "audit_read",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_found_by_its_own_name_only() {
        for action in Action::all() {
            assert_eq!(Action::named(action.as_str()), Some(action));
        }
        assert_eq!(
            Action::named("exempt"),
            None,
            "exempt is the engine's own question"
        );
        assert_eq!(Action::named("PAY"), None);
    }
}
