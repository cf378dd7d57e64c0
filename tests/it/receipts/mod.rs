//! Receipts: their owner reads them, anyone verifies them offline, and no change to one stays unseen.

mod command;
mod owner;
mod tampering;
mod tells;

use std::time::Duration;

use countersign_verify::{ReceiptFault, ReceiptTrust, VerifiedReceipt, verify_receipt};
use serde_json::Value;

use crate::support::{Answer, Caller, Draft, PAYMENT, TestGateway, found};

/// Where an answer says the receipt is.
fn link(answer: &Answer<'_>) -> String {
    let link = answer.header("link");
    let target = link.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    let (target, relation) = target.unwrap_or_else(|| panic!("no link: {answer:?}"));
    assert_eq!(relation, "; rel=\"receipt\"");
    target.to_owned()
}

/// A payment of alice's with her own signature over it.
fn signed_payment<'g>(alice: &Caller<'g>, key: &str) -> Draft<'g> {
    let keyid = alice.key.public_key().thumbprint().to_string();
    alice
        .pay_under(key, PAYMENT)
        .with_payment_signature(&alice.key, &keyid)
}

/// The receipt at `target`, as soon as there is one; the clock moves a second with every try, and with it the token.
async fn receipt(owner: &mut Caller<'_>, target: &str) -> Value {
    let ask = async || {
        owner.renew();
        let answer = owner.get(target).send().await;
        match answer.status() {
            200 => return Some(answer.json()),
            202 => assert!(!answer.header("retry-after").is_empty(), "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
        owner.gateway.advance(Duration::from_secs(1)).await;
        None
    };
    found("a receipt that is ready", ask).await
}

/// The gateway's published keys.
async fn published_keys(gateway: &TestGateway) -> Vec<u8> {
    let answer = Draft::new(gateway, "GET", "/.well-known/countersign/keys")
        .send()
        .await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    answer.body().to_vec()
}

async fn trust(gateway: &TestGateway) -> ReceiptTrust {
    let keys = ReceiptTrust::published_keys(&published_keys(gateway).await).unwrap();
    ReceiptTrust::new(keys).unwrap()
}

fn verify(receipt: &Value, trust: &ReceiptTrust) -> Result<VerifiedReceipt, Vec<ReceiptFault>> {
    verify_receipt(receipt.to_string().as_bytes(), trust)
}
