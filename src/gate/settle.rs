//! Settling: how the outcome of a payment that was never answered becomes known (design 6). A job runs it every second.
//!
//! What the store did not take is written, what was cut off becomes unknown, and what is unknown is asked for in its
//! upstream's way. A settled payment is never sent again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use tokio::task::JoinSet;

use super::journey::{Gate, Services};
use super::kept::{Kept, keep};
use super::order;
use super::probe::{Desk, question, repeat};
use super::receipt::conclude_later;
use super::seal::Sealed;
use super::snapshot::Snapshot;
use crate::audit::receipt;
use crate::base::event::Digest;
use crate::base::{Event, Timestamp, TransactionId};
use crate::config::Settle;
use crate::store::{Batch, StoreError};
use crate::telemetry::{Label, names};
use crate::transaction::idempotency::Outcome;
use crate::transaction::inquiry::{Inquiry, Word};
use crate::transaction::settlement::{self, Open, Order, Way};
use crate::transaction::underway::Unwritten;
use crate::upstream::{self, Answer, SendError};

/// Payments asked for at once.
const AT_ONCE: usize = 16;

/// So many writes that fail in a row, and the others wait for the next run.
const FAILING: usize = 3;

/// Finds out what became of payments.
pub struct Settlement {
    gate: Arc<Gate>,
    inquiries: Mutex<HashMap<TransactionId, Inquiry>>,
    /// Where the next run goes on, when there are more unknown payments than one run looks at.
    after: Mutex<Timestamp>,
    /// The upstreams whose gauge was set; one that has no unknown payment any more is set to none.
    gauged: Mutex<Vec<Arc<str>>>,
}

/// What a backend said about a payment, with what is to be kept of it.
struct Said {
    word: Word,
    answer: Option<(StatusCode, Option<[u8; 32]>, Kept)>,
}

impl Settlement {
    /// For the payments of `gate`.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        Self {
            gate,
            inquiries: Mutex::default(),
            after: Mutex::new(Timestamp::from_micros(0)),
            gauged: Mutex::default(),
        }
    }

    /// One run. What fails for one payment keeps no other waiting.
    ///
    /// # Errors
    /// [`StoreError`], the first: the store is not to be read or written; the next run goes on.
    pub async fn run(self: &Arc<Self>) -> Result<(), StoreError> {
        let written = self.write_what_waits().await;
        let noted = self.note_cut_off().await;
        let asked = self.ask_for_unknown().await;
        let gauged = self.gauge().await;
        written.and(noted).and(asked).and(gauged)
    }

    fn services(&self) -> &Services {
        &self.gate.services
    }

    /// Conclusions that the store has not taken. One that it refuses again comes last in the next run.
    async fn write_what_waits(&self) -> Result<(), StoreError> {
        let services = self.services();
        let mut tries = Tries::default();
        for _ in 0..services.underway.count_unwritten() {
            let Some(unwritten) = services.underway.next_unwritten() else {
                break;
            };
            let written = services.underway.conclude(&services.db, unwritten);
            tries.add(ignore_guard(written.await));
            if tries.are_enough() {
                break;
            }
        }
        tries.outcome
    }

    /// Reserved, but carried by nobody: its request was aborted, or there was no room to keep its conclusion.
    async fn note_cut_off(&self) -> Result<(), StoreError> {
        let services = self.services();
        let mut tries = Tries::default();
        for (scope, transaction) in settlement::reserved(&services.db).await? {
            if services.underway.holds(&transaction) {
                continue;
            }
            let mut batch = Batch::new();
            settlement::cut_off(&mut batch, &scope, &transaction, services.clock.now());
            tries.add(ignore_guard(services.db.commit(batch).await));
            if tries.are_enough() {
                break;
            }
        }
        tries.outcome
    }

    async fn ask_for_unknown(self: &Arc<Self>) -> Result<(), StoreError> {
        let after = *self.after.lock().unwrap_or_else(PoisonError::into_inner);
        let (unknown, more) = settlement::unknown(&self.services().db, after).await?;
        let next = unknown.last().filter(|_| more).map(|last| last.reserved_at);
        *self.after.lock().unwrap_or_else(PoisonError::into_inner) = next.unwrap_or_default();
        let snapshot = self.gate.snapshot();
        let (mut asking, mut asked) = (JoinSet::new(), Ok(()));
        for open in unknown {
            if !self.is_due(&open, &snapshot) {
                continue;
            }
            if asking.len() >= AT_ONCE {
                asked = asked.and(finished(asking.join_next().await));
            }
            let (this, snapshot) = (Arc::clone(self), Arc::clone(&snapshot));
            asking.spawn(async move {
                let outcome = this.ask(&open, &snapshot).await;
                // To ask every second would not help a payment of which the store cannot be read.
                outcome.inspect_err(|_| this.wait(&open))
            });
        }
        while !asking.is_empty() {
            asked = asked.and(finished(asking.join_next().await));
        }
        asked
    }

    /// What is known and waits to be written is not asked for again.
    fn is_due(&self, open: &Open, snapshot: &Snapshot) -> bool {
        if self.services().underway.holds(&open.transaction) {
            return false;
        }
        let Some(upstream) = snapshot.config.upstream(&open.upstream) else {
            return false;
        };
        let now = self.services().clock.now();
        let mut inquiries = self.inquiries.lock().unwrap_or_else(PoisonError::into_inner);
        let inquiry = inquiries
            .entry(open.transaction.clone())
            .or_insert_with(|| Inquiry::new(now));
        upstream.settle != Settle::Hold && inquiry.is_due(now)
    }

    async fn ask(&self, open: &Open, snapshot: &Snapshot) -> Result<(), StoreError> {
        let sealed = settlement::order(&self.services().db, open).await?;
        let order = sealed.and_then(|sealed| order::open(&sealed, &open.transaction, &snapshot.keys));
        let Some(order) = order else {
            tracing::warn!(transaction = %open.transaction, "nothing was kept to settle a payment with");
            self.wait(open);
            return Ok(());
        };
        let Some(upstream) = snapshot.config.upstream(&open.upstream) else {
            return Ok(());
        };
        match &upstream.settle {
            Settle::Hold => Ok(()),
            Settle::Retry => self.send_again(open, &order, snapshot).await,
            Settle::Probe { after, path } => {
                let desk = self.desk(snapshot);
                let Some(Ok(settling)) = question(open, &order, path, &desk) else {
                    tracing::warn!(transaction = %open.transaction, "a payment cannot be asked for");
                    self.wait(open);
                    return Ok(());
                };
                let answer = upstream::send(&snapshot.upstreams, Sealed::of_settlement(settling)).await;
                let said = Said::about(answer);
                let (now, believed_from) = (self.services().clock.now(), open.since.plus(*after));
                match self.hear(open, said.word, believed_from, now) {
                    Some(_) => self.settle(open, said, Way::Probe, snapshot).await,
                    None => Ok(()),
                }
            }
        }
    }

    /// An answer that ends the matter settles it; a backend that is busy with the first copy says nothing yet.
    async fn send_again(&self, open: &Open, order: &Order, snapshot: &Snapshot) -> Result<(), StoreError> {
        let Some(Ok(settling)) = repeat(open, order, &self.desk(snapshot)) else {
            tracing::warn!(transaction = %open.transaction, "a payment was not kept to be sent again");
            self.wait(open);
            return Ok(());
        };
        let answer = upstream::send(&snapshot.upstreams, Sealed::of_settlement(settling)).await;
        match Said::again(answer) {
            said if said.word == Word::Nothing => {
                self.wait(open);
                Ok(())
            }
            said => self.settle(open, said, Way::Retry, snapshot).await,
        }
    }

    fn desk<'a>(&'a self, snapshot: &'a Snapshot) -> Desk<'a> {
        Desk {
            snapshot,
            now: self.services().clock.now(),
            entropy: &*self.services().entropy,
        }
    }

    fn wait(&self, open: &Open) {
        let now = self.services().clock.now();
        self.hear(open, Word::Nothing, now, now);
    }

    fn hear(&self, open: &Open, word: Word, believed_from: Timestamp, now: Timestamp) -> Option<Word> {
        let mut inquiries = self.inquiries.lock().unwrap_or_else(PoisonError::into_inner);
        let inquiry = inquiries
            .entry(open.transaction.clone())
            .or_insert_with(|| Inquiry::new(now));
        inquiry.hear(word, believed_from, now)
    }

    /// Writes what became of a payment, or keeps it until the store takes it: what a backend has said once it need not be able
    /// to say again.
    async fn settle(&self, open: &Open, said: Said, way: Way, snapshot: &Snapshot) -> Result<(), StoreError> {
        let services = self.services();
        let executed = said.answer.is_some();
        let status = said.answer.as_ref().map(|(status, ..)| status.as_u16());
        let content = said
            .answer
            .as_ref()
            .and_then(|(_, digest, _)| digest.as_ref().map(Digest::new));
        let now = services.clock.now();
        let mut batch = Batch::new();
        let answer = receipt::Outcome::new(status, content.as_ref(), now);
        let event = Event::Settled {
            transaction: open.transaction.clone(),
            by: way.as_str(),
            executed,
            status,
            content,
            receipt: conclude_later(&open.transaction, &answer, services).await?,
        };
        let outcome = said.answer.map_or(Outcome::NotExecuted, |(.., kept)| {
            Outcome::Answered(keep(&kept, &open.transaction, &snapshot.keys, &*services.entropy))
        });
        settlement::settle(&mut batch, open, &outcome, way, now);
        batch.record(now, &*services.entropy, &event);
        let (batch, held) = (Arc::new(batch), services.underway.begin(&open.transaction));
        let written = services
            .underway
            .conclude(&services.db, Unwritten { batch, held });
        let written = ignore_guard(written.await);
        tracing::info!(transaction = %open.transaction, by = way.as_str(), executed, "a payment was settled");
        let label = if executed { "executed" } else { "not-executed" };
        let upstream = Label::configured(&Arc::from(open.upstream.as_str()));
        services
            .metrics
            .count(&names::PAYMENTS_SETTLED, [upstream, label.into()]);
        let mut inquiries = self.inquiries.lock().unwrap_or_else(PoisonError::into_inner);
        inquiries.remove(&open.transaction);
        written
    }

    /// How many outcomes are unknown, for whoever watches; `hold` waits for people to look here.
    async fn gauge(&self) -> Result<(), StoreError> {
        let services = self.services();
        let counted = settlement::count_unknown(&services.db).await?;
        let mut gauged = self.gauged.lock().unwrap_or_else(PoisonError::into_inner);
        for (upstream, _) in &counted {
            if !gauged.iter().any(|known| **known == **upstream) {
                gauged.push(Arc::from(upstream.as_str()));
            }
        }
        for upstream in gauged.iter() {
            let count = counted.iter().find(|(name, _)| **name == **upstream);
            let count = count.map_or(0, |(_, count)| u32::try_from(*count).unwrap_or(u32::MAX));
            let label = Label::configured(upstream);
            services.metrics.set(&names::PAYMENTS_UNKNOWN, [label], count);
        }
        if counted.is_empty() {
            self.inquiries
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clear();
        }
        Ok(())
    }
}

impl Said {
    const NOTHING: Self = Self {
        word: Word::Nothing,
        answer: None,
    };

    /// What the answer to a question says. It was signed by the backend, or came over mutual authentication.
    fn about(answer: Result<Answer, SendError>) -> Self {
        match answer {
            Ok(answer) if matches!(answer.status, StatusCode::OK | StatusCode::CREATED) => {
                Self::executed(&answer)
            }
            Ok(answer) if matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE) => Self {
                word: Word::NotFound,
                answer: None,
            },
            _ => Self::NOTHING,
        }
    }

    /// What the answer to a repeated request says: the payment's own answer, unless it is about the moment.
    fn again(answer: Result<Answer, SendError>) -> Self {
        match answer {
            Ok(answer) if is_about_the_moment(answer.status) => Self::NOTHING,
            Ok(answer) => Self::executed(&answer),
            Err(SendError::TooLarge { status, digest }) => Self {
                word: Word::Executed(digest.unwrap_or_default()),
                answer: Some((status, digest, Kept::too_large(status, digest))),
            },
            Err(_) => Self::NOTHING,
        }
    }

    fn executed(answer: &Answer) -> Self {
        let digest = countersign_jose::sha256(&answer.body);
        let both = [answer.status.as_str().as_bytes(), &digest].concat();
        Self {
            word: Word::Executed(countersign_jose::sha256(&both)),
            answer: Some((answer.status, Some(digest), Kept::whole(answer))),
        }
    }
}

/// The first copy is being processed, or the backend cannot say now.
fn is_about_the_moment(status: StatusCode) -> bool {
    status.is_server_error()
        || status.is_redirection()
        || matches!(
            status,
            StatusCode::CONFLICT
                | StatusCode::TOO_EARLY
                | StatusCode::TOO_MANY_REQUESTS
                | StatusCode::UNAUTHORIZED
        )
}

/// Writes one after the other, each for a payment of its own.
struct Tries {
    /// The first failure.
    outcome: Result<(), StoreError>,
    failed_in_a_row: usize,
}

impl Default for Tries {
    fn default() -> Self {
        Self {
            outcome: Ok(()),
            failed_in_a_row: 0,
        }
    }
}

impl Tries {
    fn add(&mut self, outcome: Result<(), StoreError>) {
        self.failed_in_a_row = if outcome.is_err() {
            self.failed_in_a_row + 1
        } else {
            0
        };
        if self.outcome.is_ok() {
            self.outcome = outcome;
        }
    }

    /// It is the store that fails, not what is written: live payments need its thread.
    const fn are_enough(&self) -> bool {
        self.failed_in_a_row >= FAILING
    }
}

/// Somebody else was first; what they wrote stands.
fn ignore_guard(outcome: Result<(), StoreError>) -> Result<(), StoreError> {
    match outcome {
        Err(StoreError::Guard(_)) => Ok(()),
        other => other,
    }
}

fn finished(run: Option<Result<Result<(), StoreError>, tokio::task::JoinError>>) -> Result<(), StoreError> {
    match run {
        Some(Ok(outcome)) => outcome,
        // A panic ends this one question; the next run asks again.
        Some(Err(_)) | None => Ok(()),
    }
}
