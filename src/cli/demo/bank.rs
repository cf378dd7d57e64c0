//! The bank: accounts, and payments that are executed once. Its books are kept in the journal and nowhere else.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_intent::Intent;
use countersign_verify::{Execution, Executions, Recording, Verified};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::backend::{Answer, Business, Received, refusal};

/// What every account holds before its first payment, in cents.
const OPENING_CENTS: i64 = 1_000_000;

/// A payment with this reference is executed like any other and answered only after [`SLOWNESS`]: time enough to see what
/// becomes of it when the bank ends meanwhile.
pub(super) const SLOW: &str = "A slow day at the bank";
const SLOWNESS: Duration = Duration::from_secs(20);

/// The bank's books. They are kept in the journal: what stands there verified was executed, also before a restart.
#[derive(Clone, Default)]
pub(super) struct Bank {
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    /// Transactions accepted for execution.
    transactions: HashSet<String>,
    /// Executed payments, by their transaction: idempotency keys are chosen by clients, and two may choose the same.
    payments: HashMap<String, Value>,
    /// What each customer has spent, in cents.
    spent_cents: HashMap<String, i64>,
}

impl Bank {
    /// Reads the books from the journal at `path`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let bank = Self::default();
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(bank),
            Err(error) => return Err(error),
        };
        for line in BufReader::new(file).lines() {
            if let Ok(line) = serde_json::from_str(&line?) {
                bank.books().remember(&line);
            }
        }
        Ok(bank)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accounts(&self, verified: &Verified) -> Answer {
        let spent = self
            .books()
            .spent_cents
            .get(&verified.subject)
            .copied()
            .unwrap_or_default();
        let left = OPENING_CENTS.saturating_sub(spent);
        let accounts = [("Everyday", left), ("Savings", OPENING_CENTS)].map(|(name, cents)| {
            let amount = format!("{}.{:02}", cents.div_euclid(100), cents.rem_euclid(100));
            json!({ "name": name, "balance": { "amount": amount, "currency": "EUR" } })
        });
        (StatusCode::OK, json!({ "accounts": accounts }))
    }

    fn pay(&self, verified: &Verified) -> Answer {
        let Some(intent) = &verified.intent else {
            return refusal(StatusCode::UNPROCESSABLE_ENTITY, "nobody has agreed to a payment");
        };
        let payment = self
            .books()
            .enter(&verified.transaction, &verified.subject, intent);
        (StatusCode::CREATED, payment)
    }

    /// What became of a payment, for the gateway that never got the answer: the answer that it would have got.
    fn find(&self, transaction: &str) -> Answer {
        match self.books().payments.get(transaction) {
            Some(payment) => (StatusCode::CREATED, payment.clone()),
            None => refusal(StatusCode::NOT_FOUND, "there is no such payment"),
        }
    }
}

impl Business for Bank {
    fn answer(&self, request: &Received<'_>, verified: &Verified) -> Answer {
        let path = request.head.uri.path();
        match (&request.head.method, path) {
            (&Method::GET, "/accounts") => self.accounts(verified),
            (&Method::POST, "/payments") => self.pay(verified),
            (&Method::POST, "/messages") => (StatusCode::ACCEPTED, json!({ "status": "received" })),
            (&Method::GET, _) if path.starts_with("/payments/") => self.find(&verified.transaction),
            _ => refusal(StatusCode::NOT_FOUND, "there is no such resource"),
        }
    }

    fn answers_after(&self, verified: &Verified) -> Duration {
        let reference = verified.intent.as_ref().and_then(Intent::reference);
        if reference == Some(SLOW) {
            SLOWNESS
        } else {
            Duration::ZERO
        }
    }
}

impl Executions for Bank {
    /// The journal makes it last: its line is on the disk before the payment is answered.
    fn record<'a>(&'a self, transaction: &'a str, _now: i64) -> Recording<'a> {
        let new = self.books().transactions.insert(transaction.to_owned());
        Box::pin(std::future::ready(Ok(if new {
            Execution::First
        } else {
            Execution::Before
        })))
    }
}

impl Books {
    /// Enters a payment from its line in the journal.
    fn remember(&mut self, line: &Value) {
        let text = |pointer: &str| line.pointer(pointer).and_then(Value::as_str);
        let (Some("POST"), Some("/payments"), Some(transaction), Some(subject)) = (
            text("/method"),
            text("/target"),
            text("/verified/txn"),
            text("/verified/sub"),
        ) else {
            return;
        };
        let intent = line.pointer("/verified/intent").map(Intent::from_json);
        if let Some(Ok(intent)) = intent {
            self.transactions.insert(transaction.to_owned());
            self.enter(transaction, subject, &intent);
        }
    }

    /// Enters a payment, and answers what the bank says of it, now and whenever it is asked.
    fn enter(&mut self, transaction: &str, subject: &str, intent: &Intent) -> Value {
        let payment = json!({
            "payment_id": payment_id(transaction),
            "status": "executed",
            "amount": intent.amount(),
            "currency": intent.currency().code(),
        });
        let spent = self.spent_cents.entry(subject.to_owned()).or_default();
        *spent = spent.saturating_add(i64::try_from(intent.amount_minor()).unwrap_or(i64::MAX));
        self.payments.insert(transaction.to_owned(), payment.clone());
        payment
    }
}

/// A payment has the name of its transaction, which is unique at this bank.
fn payment_id(transaction: &str) -> String {
    format!("pay-{transaction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_payment_is_still_executed_once_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.log");
        let line = json!({
            "method": "POST", "target": "/payments",
            "verified": { "gateway": "k", "payment": null, "txn": "t-1", "sub": "s", "intent": {
                "type": "payment", "amount": "12.50", "currency": "EUR", "payee": "NL91ABNA0417164300",
            } },
        });
        let refused = json!({
            "method": "POST", "target": "/payments",
            "verified": { "gateway": null, "payment": null, "txn": null, "sub": null, "intent": null },
        });
        std::fs::write(&path, format!("{line}\n{refused}\nnot a line\n")).unwrap();
        let bank = Bank::open(&path).unwrap();
        assert_eq!(bank.record("t-1", 0).await, Ok(Execution::Before));
        assert_eq!(bank.record("t-2", 0).await, Ok(Execution::First));
        assert_eq!(bank.record("t-2", 0).await, Ok(Execution::Before));
        let (status, found) = bank.find("t-1");
        assert_eq!((status, &found["amount"]), (StatusCode::CREATED, &json!("12.50")));
        assert_eq!(
            bank.books().spent_cents.get("s"),
            Some(&1250),
            "what she spent is known again"
        );
        assert_eq!(
            bank.find("t-2").0,
            StatusCode::NOT_FOUND,
            "taken in, but not in the journal"
        );
    }
}
