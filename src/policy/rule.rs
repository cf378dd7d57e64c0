//! What the gateway reads from a policy beside Cedar's own effect: its annotations, in a closed set.

use std::sync::Arc;

use cedar_policy::{ActionConstraint, Effect, EntityUid, Policy};

use super::decision::PolicyId;
use super::exemption::{Consumption, ExemptionKind};
use super::fault::Fault;
use super::question::Question;
use super::remedy::Remedy;

/// One policy of a bundle.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: PolicyId,
    /// Place in the bundle, by file and line: the order in which policies are named and exemptions preferred.
    pub(super) order: usize,
    pub(super) file: Arc<str>,
    pub(super) line: usize,
    pub(super) part: Part,
}

impl Rule {
    /// Whether it permits; otherwise it forbids.
    pub(super) fn permits(&self) -> bool {
        !matches!(self.part, Part::Forbids { .. })
    }
}

/// What the policy does in a decision.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Permits,
    Exempts {
        kind: ExemptionKind,
        consumes: Option<Consumption>,
    },
    Forbids {
        reason: Arc<str>,
        remedy: Option<Remedy>,
    },
}

/// Problems and advice, still without a place.
pub(super) type Found = Vec<(String, &'static str)>;

const ANNOTATIONS: [&str; 5] = ["id", "reason", "remedy", "exemption", "consume"];
const LONGEST_ID: usize = 64;
const REASON_CHARACTERS: std::ops::RangeInclusive<usize> = 10..=200;

/// Reads the annotations of one policy; every fault goes to `faults`, without place, which the caller knows.
pub(super) fn read(policy: &Policy, faults: &mut Found) -> Option<(PolicyId, Part)> {
    let before = faults.len();
    for (name, _) in policy
        .annotations()
        .filter(|(name, _)| !ANNOTATIONS.contains(name))
    {
        faults.push((
            format!("`@{name}` is not an annotation the gateway knows"),
            "Known: @id, @reason, @remedy, @exemption, @consume.",
        ));
    }
    let id = id(policy, faults);
    let part = match policy.effect() {
        Effect::Permit => permit(policy, faults),
        Effect::Forbid => forbid(policy, faults),
    };
    (faults.len() == before).then_some(())?;
    Some((id?, part?))
}

/// Puts a place to what [`read`] found.
pub(super) fn placed(file: &str, line: usize, policy: Option<&str>, found: (String, &'static str)) -> Fault {
    let fault = Fault::new(file, line, found.0, found.1);
    match policy {
        Some(id) => fault.of(id),
        None => fault,
    }
}

fn id(policy: &Policy, faults: &mut Found) -> Option<PolicyId> {
    let advice = "Write @id(\"some-name\"): small letters, digits and hyphens, at most 64.";
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match policy.annotation("id") {
        None => faults.push(("has no @id".to_owned(), advice)),
        Some(id) if id.is_empty() || id.len() > LONGEST_ID || !id.bytes().all(plain) => {
            faults.push((format!("{id:?} cannot be an @id"), advice));
        }
        Some(id) => return Some(PolicyId::new(id)),
    }
    None
}

fn permit(policy: &Policy, faults: &mut Found) -> Option<Part> {
    if policy.annotation("remedy").is_some() || policy.annotation("reason").is_some() {
        faults.push((
            "a permit carries @reason or @remedy".to_owned(),
            "Only a forbid refuses, and so only a forbid explains or cures.",
        ));
    }
    let actions = permitted_actions(policy, faults)?;
    let reaches = |name: &str| actions.iter().any(|action| action.id().unescaped() == name);
    if ["pay", "approve", "exempt"].into_iter().any(reaches) && !policy.has_non_scope_constraint() {
        faults.push((
            "permits whatever is asked, without any condition".to_owned(),
            "Add a `when { … }`: nothing about money is permitted unconditionally.",
        ));
    }
    let (exempts, alone) = (reaches("exempt"), actions.len() == 1);
    let fault = match (policy.annotation("exemption"), policy.annotation("consume")) {
        (Some(kind), consume) if exempts && alone => return exempting(kind, consume, faults),
        (None, None) if !exempts => return Some(Part::Permits),
        (Some(_), _) => (
            "has @exemption but is not for the action `exempt` alone",
            "Write `action == Action::\"exempt\"`.",
        ),
        (None, _) if exempts => (
            "permits `exempt` without saying which exemption",
            "Add @exemption(\"low-value\") or another known kind.",
        ),
        (None, _) => (
            "has @consume without @exemption",
            "Only an exemption uses a counter up.",
        ),
    };
    faults.push((fault.0.to_owned(), fault.1));
    None
}

/// The actions a permit names. All of them, by name: one for every action would cover those added later, and a group
/// would carry it past the rules about money.
fn permitted_actions(policy: &Policy, faults: &mut Found) -> Option<Vec<EntityUid>> {
    let actions = match policy.action_constraint() {
        ActionConstraint::Eq(action) => vec![action],
        ActionConstraint::In(actions) => actions,
        ActionConstraint::Any => {
            faults.push((
                "a permit for every action, also those added later".to_owned(),
                "Name the actions: `action == Action::\"read\"` or `action in [...]`.",
            ));
            return None;
        }
    };
    let asked = |action: &EntityUid| Question::all().any(|known| known.as_str() == action.id().unescaped());
    if !actions.iter().all(asked) {
        faults.push((
            "permits an action the gateway never asks about, or a group of actions".to_owned(),
            "Name each action itself.",
        ));
    }
    Some(actions)
}

fn exempting(kind: &str, consume: Option<&str>, faults: &mut Found) -> Option<Part> {
    let known = ExemptionKind::named(kind);
    if known.is_none() {
        faults.push((
            format!("{kind:?} is not an exemption"),
            "Known: low-value, trusted-payee, recurring, tra, own-account.",
        ));
    }
    let consumes = consume.map(Consumption::parse);
    if consumes == Some(None) {
        faults.push((
            format!("@consume({:?}) is not understood", consume.unwrap_or_default()),
            "Write @consume(\"low-value-count <= 5\") or @consume(\"low-value-sum <= 10000\").",
        ));
    }
    Some(Part::Exempts {
        kind: known?,
        consumes: consumes.flatten(),
    })
}

fn forbid(policy: &Policy, faults: &mut Found) -> Option<Part> {
    if policy.annotation("exemption").is_some() || policy.annotation("consume").is_some() {
        faults.push((
            "a forbid carries @exemption or @consume".to_owned(),
            "Exemptions are permits of the action `exempt`.",
        ));
    }
    let reason = policy.annotation("reason").unwrap_or_default();
    if !readable(reason) {
        faults.push(("has no usable @reason".to_owned(), "Write one sentence of 10 to 200 characters, ending in a full stop, that tells an honest customer's app what to do."));
    }
    let remedy = policy.annotation("remedy").map(Remedy::parse);
    if let Some(Err(unknown)) = &remedy {
        faults.push((unknown.to_string(), "Known: login:acr1 to login:acr3 (and login:acr2,max_age=SECONDS), approve:passkey, approve:device, video."));
    }
    Some(Part::Forbids {
        reason: Arc::from(reason),
        remedy: remedy.transpose().ok().flatten(),
    })
}

/// A reason is shown to strangers' programs and on screens: one plain sentence, without control characters. Letters
/// of any script, but only such as stand still; formatting characters (bidirectional ones) are no letters.
fn readable(reason: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || c.is_ascii_punctuation() || c == ' ';
    REASON_CHARACTERS.contains(&reason.chars().count()) && reason.ends_with('.') && reason.chars().all(plain)
}
