//! The bank: accounts, and payments that are executed once.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_verify::{Execution, Executions, Recording, Verified};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::backend::{Answer, Business, Received, refusal};

/// What every account holds before its first payment, in cents.
const OPENING_CENTS: i64 = 1_000_000;

/// The bank's books. They are kept in the journal: what stands there verified was executed, also before a restart.
#[derive(Clone, Default)]
pub(super) struct Bank {
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    /// Transactions accepted for execution.
    transactions: HashSet<String>,
    /// Executed payments, by the gateway's idempotency key.
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
        let payment = json!({
            "payment_id": payment_id(&verified.transaction),
            "status": "executed",
            "amount": intent.amount(),
            "currency": intent.currency().code(),
        });
        let mut books = self.books();
        let spent = books.spent_cents.entry(verified.subject.clone()).or_default();
        *spent = spent.saturating_add(i64::try_from(intent.amount_minor()).unwrap_or(i64::MAX));
        if let Some(key) = &verified.idempotency_key {
            books.payments.insert(key.clone(), payment.clone());
        }
        (StatusCode::CREATED, payment)
    }

    /// What became of a payment, for the gateway that never got the answer.
    fn find(&self, key: &str) -> Answer {
        match self.books().payments.get(key) {
            Some(payment) => (StatusCode::OK, payment.clone()),
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
            (&Method::GET, _) => match path.strip_prefix("/payments/") {
                Some(key) => self.find(key),
                None => refusal(StatusCode::NOT_FOUND, "there is no such resource"),
            },
            _ => refusal(StatusCode::NOT_FOUND, "there is no such resource"),
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
        let (Some("POST"), Some("/payments"), Some(transaction)) =
            (text("/method"), text("/target"), text("/verified/txn"))
        else {
            return;
        };
        self.transactions.insert(transaction.to_owned());
        let key = text("/headers/idempotency-key/0").map(|key| key.trim_matches('"').to_owned());
        let payment = json!({ "payment_id": payment_id(transaction), "status": "executed" });
        self.payments.extend(key.map(|key| (key, payment)));
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
            "method": "POST", "target": "/payments", "headers": { "idempotency-key": ["\"key-1\""] },
            "verified": { "gateway": "k", "payment": null, "txn": "t-1" },
        });
        let refused = json!({
            "method": "POST", "target": "/payments", "headers": { "idempotency-key": ["\"key-2\""] },
            "verified": { "gateway": null, "payment": null, "txn": null },
        });
        std::fs::write(&path, format!("{line}\n{refused}\nnot a line\n")).unwrap();
        let bank = Bank::open(&path).unwrap();
        assert_eq!(bank.record("t-1", 0).await, Ok(Execution::Before));
        assert_eq!(bank.record("t-2", 0).await, Ok(Execution::First));
        assert_eq!(bank.record("t-2", 0).await, Ok(Execution::Before));
        assert_eq!(
            (bank.find("key-1").0, bank.find("key-2").0),
            (StatusCode::OK, StatusCode::NOT_FOUND)
        );
    }
}
