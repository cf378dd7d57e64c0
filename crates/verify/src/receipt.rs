//! Receipts, verified offline: from the file and public keys only.
//!
//! A checkpoint signed by the log vouches for its tree, the inclusion proof puts the leaf under it (RFC 6962, section 2.1.1),
//! and the leaf carries a digest of every part of the receipt. The client's own signature, where there is one, is verified
//! by itself.

use countersign_intent::Intent;
use countersign_intent::receipt::Part;
use countersign_tlog::hash::leaf_hash;
use countersign_tlog::{Trusted, inclusion};

mod fault;
mod file;
mod leaf;
mod payment;
mod trust;

pub use fault::{PaymentFault, ReceiptFault};
pub use payment::PaymentEvidence;
pub use trust::{ReceiptTrust, ReceiptTrustError};

use file::File;
use leaf::Leaf;

/// A receipt that holds.
#[derive(Clone, Debug)]
pub struct VerifiedReceipt {
    /// The transaction.
    pub id: String,
    /// What the customer agreed to.
    pub intent: Intent,
    /// The backend's status; `None` for a payment that was settled as not executed.
    pub status: Option<u16>,
    /// When the outcome was recorded, RFC 3339.
    pub recorded_at: String,
    /// The client's own signature.
    pub payment: PaymentEvidence,
    /// The log.
    pub origin: String,
    /// The place of the entry in the log, from 0.
    pub index: u64,
    /// How many entries the checkpoint is for.
    pub size: u64,
    /// Known witnesses whose cosignatures are good, each with the time it states, in seconds since 1970.
    pub witnesses: Vec<(String, u64)>,
    /// Cosignatures of witnesses that are not known here; they say nothing.
    pub unknown_cosignatures: usize,
}

impl VerifiedReceipt {
    /// Whether a witness vouches that everyone is shown the same log. Without one the gateway could show this log to you
    /// alone.
    #[must_use]
    pub const fn is_witnessed(&self) -> bool {
        !self.witnesses.is_empty()
    }
}

/// Verifies the file of a receipt.
///
/// # Errors
/// Everything that is wrong with it; never empty.
pub fn verify_receipt(file: &[u8], trust: &ReceiptTrust) -> Result<VerifiedReceipt, Vec<ReceiptFault>> {
    let file = File::read(file).map_err(|fault| vec![fault])?;
    let mut faults = Vec::new();
    let trusted = noted(trust.verify(&file), &mut faults);
    let entry_is_ours = match Leaf::read(&file.leaf) {
        Some(leaf) => compare(&file, &leaf, &mut faults),
        None => {
            faults.push(ReceiptFault::Leaf);
            false
        }
    };
    if let Some(trusted) = &trusted
        && entry_is_ours
    {
        noted(included(&file, trusted), &mut faults);
    }
    let intent = intent(&file, &mut faults);
    let payment = noted(payment::verify(&file).map_err(ReceiptFault::Payment), &mut faults);
    match (trusted, intent, payment) {
        (Some(trusted), Some(intent), Some(payment)) if faults.is_empty() => {
            Ok(verified(file, &trusted, intent, payment))
        }
        _ => Err(faults),
    }
}

fn noted<T>(result: Result<T, ReceiptFault>, faults: &mut Vec<ReceiptFault>) -> Option<T> {
    result.map_err(|fault| faults.push(fault)).ok()
}

/// Holds the receipt against its leaf; answers whether index and proof are worth a look. Where neither the transaction nor
/// the request fits, which no two payments share, it is the leaf of another payment.
fn compare(file: &File, leaf: &Leaf, faults: &mut Vec<ReceiptFault>) -> bool {
    let changed: Vec<&'static str> = Part::ALL
        .into_iter()
        .filter(|part| !leaf.vouches_for(*part, file.part(*part)))
        .map(Part::name)
        .collect();
    let other = leaf.transaction != file.id;
    if other && changed.contains(&Part::Request.name()) {
        faults.push(ReceiptFault::Leaf);
        return false;
    }
    let id = other.then_some("id");
    faults.extend(id.into_iter().chain(changed).map(ReceiptFault::Changed));
    if leaf.index != Some(file.index) {
        faults.push(ReceiptFault::Index);
        return false;
    }
    true
}

fn included(file: &File, trusted: &Trusted) -> Result<(), ReceiptFault> {
    let checkpoint = &trusted.checkpoint;
    let leaf = leaf_hash(&file.leaf);
    inclusion::verify(
        &leaf,
        file.index,
        checkpoint.size(),
        &file.proof,
        &checkpoint.root(),
    )
    .map_err(ReceiptFault::Proof)
}

/// The intent, when it is one. Its digest is held against the one in the receipt, which the leaf does not repeat.
fn intent(file: &File, faults: &mut Vec<ReceiptFault>) -> Option<Intent> {
    let intent = Intent::from_json(file.part(Part::Intent)).ok();
    let fits = intent
        .as_ref()
        .is_some_and(|intent| intent.digest().to_string() == file.intent_digest);
    // A changed intent is named already; that it has another digest is no news.
    if !fits && !faults.contains(&ReceiptFault::Changed(Part::Intent.name())) {
        faults.push(ReceiptFault::Changed("intent_digest"));
    }
    intent
}

fn verified(file: File, trusted: &Trusted, intent: Intent, payment: PaymentEvidence) -> VerifiedReceipt {
    let witnesses: Vec<(String, u64)> = trusted
        .witnesses
        .iter()
        .map(|(key, time)| (key.name().to_owned(), *time))
        .collect();
    VerifiedReceipt {
        intent,
        status: file.answer_status(),
        recorded_at: file.recorded_at(),
        payment,
        origin: trusted.checkpoint.origin().to_owned(),
        index: file.index,
        size: trusted.checkpoint.size(),
        unknown_cosignatures: file.cosignatures.len().saturating_sub(witnesses.len()),
        witnesses,
        id: file.id,
    }
}
