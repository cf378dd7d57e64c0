//! A payment moves at most once: repeated keys, lost answers and how they are settled, equal payments, replays.

mod equal;
mod hold;
mod probe;
mod repeat;
mod replay;
mod retry;
mod stuck;

use std::time::Duration;

use crate::support::{Answer, Caller, Setting, TestGateway, found};

/// The bank settles in this way; the merchant stays as it is.
const fn settled_by(keys: &'static str) -> Setting {
    Setting("trust_domain = \"bank.internal\"", keys)
}

/// The requests of this method that the backend got.
fn count(gateway: &TestGateway, method: &str) -> usize {
    let seen = gateway.backend.seen();
    seen.iter().filter(|seen| seen.method == method).count()
}

/// Sends the payment again and again, with a fresh signature each time, until the gateway says something else than that the
/// outcome is unknown. The clock moves a second each time, and with it the token.
async fn until_known<'g>(alice: &mut Caller<'g>, key: &str, body: &str) -> Answer<'g> {
    let ask = async || {
        alice.renew();
        let answer = alice.pay_under(key, body).send().await;
        if answer.code() != "outcome-unknown" {
            return Some(answer);
        }
        alice.gateway.advance(Duration::from_secs(1)).await;
        None
    };
    found("an outcome that is known", ask).await
}

/// The state of every payment on record.
async fn states(gateway: &TestGateway) -> Vec<String> {
    let sql = "SELECT state FROM idempotency ORDER BY reserved_at";
    let rows = gateway.services.db.query(sql, Vec::new()).await.unwrap();
    rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect()
}
