//! Settling: how the outcome of a payment that was never answered becomes known. A job looks every second which
//! payments are unknown, and has their backends asked, each in its upstream's way, without waiting for any of them. A settled
//! payment is never sent again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::journey::{Gate, Services};
use super::kept::keep;
use super::open_payments::ignore_guard;
use super::order;
use super::probe::{Desk, Settling, question, repeat};
use super::questions::Questions;
use super::receipt::conclude_later;
use super::said::{Said, Verdict};
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

/// Finds out what became of payments. Questions under way end with it.
pub struct Settlement {
    asker: Arc<Asker>,
    questions: Mutex<Questions>,
    /// Where the next run goes on, when there are more unknown payments than one run looks at.
    after: Mutex<Timestamp>,
}

/// What every question needs.
struct Asker {
    gate: Arc<Gate>,
    inquiries: Mutex<HashMap<TransactionId, Inquiry>>,
}

impl Settlement {
    /// For the payments of `gate`.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        Self {
            asker: Arc::new(Asker {
                gate,
                inquiries: Mutex::default(),
            }),
            questions: Mutex::default(),
            after: Mutex::new(Timestamp::from_micros(0)),
        }
    }

    /// One run. A backend that takes its time keeps no run waiting.
    ///
    /// # Errors
    /// [`StoreError`]: the store is not to be read, or the first question that ended since the last run could not read or
    /// write it; the next run goes on.
    pub async fn run(&self) -> Result<(), StoreError> {
        if self.asker.is_read_only() {
            return Ok(());
        }
        // Before the store is read: a question that ends meanwhile may have settled what is read as unknown.
        let under_way = self.questions().under_way();
        let unknown = self.next_unknown().await?;
        let snapshot = self.asker.gate.snapshot();
        let mut questions = self.questions();
        for open in unknown {
            if !under_way.contains(&open.transaction) && self.asker.is_due(&open, &snapshot) {
                let asker = Arc::clone(&self.asker);
                let (upstream, transaction) = (open.upstream.clone(), open.transaction.clone());
                questions.ask(&upstream, transaction, async move { asker.ask(&open).await });
            }
        }
        questions.ended()
    }

    fn questions(&self) -> MutexGuard<'_, Questions> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn next_unknown(&self) -> Result<Vec<Open>, StoreError> {
        let after = *self.after.lock().unwrap_or_else(PoisonError::into_inner);
        let (unknown, more) = settlement::unknown(&self.asker.services().db, after).await?;
        let next = unknown.last().filter(|_| more).map(|last| last.reserved_at);
        *self.after.lock().unwrap_or_else(PoisonError::into_inner) = next.unwrap_or_default();
        if unknown.is_empty() && after == Timestamp::default() {
            self.asker.forget_all();
        }
        Ok(unknown)
    }
}

impl Asker {
    fn services(&self) -> &Services {
        &self.gate.services
    }

    /// What a store says that was put back, or whose log is damaged, is not to be acted upon: what it calls unknown may have been
    /// settled long ago, and what is heard could not be written.
    fn is_read_only(&self) -> bool {
        self.services().db.read_only().is_some()
    }

    /// What another process settled meanwhile is not to be remembered for ever.
    fn forget_all(&self) {
        let mut inquiries = self.inquiries.lock().unwrap_or_else(PoisonError::into_inner);
        inquiries.clear();
    }

    async fn ask(&self, open: &Open) -> Result<(), StoreError> {
        // It may have waited long for its turn.
        if self.is_read_only() {
            return Ok(());
        }
        let outcome = self.ask_its_upstream(open, &self.gate.snapshot()).await;
        // To ask every second would not help a payment of which the store cannot be read.
        outcome.inspect_err(|_| self.wait(open))
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

    async fn ask_its_upstream(&self, open: &Open, snapshot: &Snapshot) -> Result<(), StoreError> {
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
                let answer = self.send(settling, snapshot).await;
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
        let answer = self.send(settling, snapshot).await;
        match Said::again(answer) {
            said if said.word == Word::Nothing => {
                self.wait(open);
                Ok(())
            }
            said => self.settle(open, said, Way::Retry, snapshot).await,
        }
    }

    async fn send(&self, settling: Settling, snapshot: &Snapshot) -> Result<Answer, SendError> {
        let sealed = Sealed::of_settlement(settling, &self.services().clock);
        upstream::send(&snapshot.upstreams, sealed).await
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
        let verdict = said.verdict();
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
            executed: verdict == Verdict::Executed,
            status,
            content,
            receipt: conclude_later(&open.transaction, &answer, services).await?,
        };
        let outcome = said.answer.map_or(Outcome::NotExecuted, |(.., kept)| {
            Outcome::Answered(keep(&kept, &open.transaction, &snapshot.keys, &*services.entropy))
        });
        settlement::settle(&mut batch, open, &outcome, way, now);
        batch.record(now, &*services.entropy, &event);
        // An equal payment waits already, for the record says unknown until this is written.
        let (batch, held) = (Arc::new(batch), services.underway.begin(&open.transaction));
        let written = services.underway.conclude(
            &services.db,
            Unwritten {
                batch,
                held,
                likeness: None,
            },
        );
        let written = ignore_guard(written.await);
        tracing::info!(transaction = %open.transaction, by = way.as_str(), verdict = verdict.as_str(), "a payment was settled");
        let upstream = Label::configured(&Arc::from(open.upstream.as_str()));
        services
            .metrics
            .count(&names::PAYMENTS_SETTLED, [upstream, verdict.as_str().into()]);
        let mut inquiries = self.inquiries.lock().unwrap_or_else(PoisonError::into_inner);
        inquiries.remove(&open.transaction);
        written
    }
}
