//! A payment as an app states it, and the order that carries it.

use bytes::Bytes;
use countersign_intent::{Draft, Intent};
use http::Method;

use crate::client::Client;
use crate::error::Error;
use crate::resource::SignedRequest;
use crate::url;

/// What is to be paid. The gateway shows the customer exactly this, and lets exactly this through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payment {
    /// The amount, with exactly the currency's minor digits: `12.50`.
    pub amount: String,
    /// The currency (ISO 4217).
    pub currency: String,
    /// The account that is paid: an IBAN, or `scheme:rest`.
    pub payee: String,
    /// The name of the payee, as the customer knows it.
    pub payee_name: Option<String>,
    /// The account that pays.
    pub debtor: Option<String>,
    /// What the payee reads beside the payment.
    pub reference: Option<String>,
    /// The day of execution, `YYYY-MM-DD`; absent: at once.
    pub execution_date: Option<String>,
}

/// A payment on its way: where it goes, its body byte for byte, and the key that makes sending it twice harmless.
/// Keep it until the outcome is known.
#[derive(Clone, Debug)]
pub struct Order(pub(crate) SignedRequest);

impl Payment {
    /// The payment checked and in normal form, as the gateway will read it.
    ///
    /// # Errors
    /// [`Error::Payment`] naming the member that is wrong.
    pub fn intent(&self) -> Result<Intent, Error> {
        Ok(Intent::build(Draft {
            kind: Some("payment".to_owned()),
            amount: Some(self.amount.clone()),
            currency: Some(self.currency.clone()),
            payee: Some(self.payee.clone()),
            payee_name: self.payee_name.clone(),
            debtor: self.debtor.clone(),
            reference: self.reference.clone(),
            execution_date: self.execution_date.clone(),
            ..Draft::default()
        })?)
    }

    /// The body as JSON: the members of the intent under their own names, without its type, which belongs to the route.
    ///
    /// # Errors
    /// As [`Payment::intent`].
    pub fn body(&self) -> Result<Bytes, Error> {
        let mut members = self.intent()?.to_json();
        if let Some(object) = members.as_object_mut() {
            object.remove("type");
        }
        Ok(Bytes::from(members.to_string()))
    }
}

impl Order {
    /// The key that makes sending the order twice harmless.
    #[must_use]
    pub fn idempotency_key(&self) -> &str {
        self.0.idempotency_key.as_deref().unwrap_or_default()
    }

    /// Uses `key` instead of a fresh one, to learn the outcome of an earlier order.
    ///
    /// # Errors
    /// [`Error::IdempotencyKey`] when it cannot be sent.
    pub fn with_idempotency_key(mut self, key: impl Into<String>) -> Result<Self, Error> {
        let key = key.into();
        crate::request_signature::idempotency_key(&key)?;
        self.0.idempotency_key = Some(key);
        Ok(self)
    }

    /// Leaves out the client's own signature over the payment.
    #[must_use]
    pub const fn without_evidence(mut self) -> Self {
        self.0.payment_evidence = false;
        self
    }

    /// The body, byte for byte.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.0.body
    }
}

impl Client {
    /// An order of `payment` at the payment route `url`, with a fresh idempotency key and the client's own signature.
    ///
    /// # Errors
    /// [`Error::Payment`], [`Error::Url`] or [`Error::Randomness`].
    pub fn order(&self, url: &str, payment: &Payment) -> Result<Order, Error> {
        self.order_of_body(url, payment.body()?)
    }

    /// An order with a body of the route's own shape, for routes whose members have other names than an intent's.
    ///
    /// # Errors
    /// [`Error::Url`] or [`Error::Randomness`].
    pub fn order_of_body(&self, url: &str, body: impl Into<Bytes>) -> Result<Order, Error> {
        url::parse(url)?;
        Ok(Order(SignedRequest {
            method: Method::POST,
            url: url.to_owned(),
            content_type: "application/json".to_owned(),
            body: body.into(),
            idempotency_key: Some(self.nonce()?),
            payment_evidence: true,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment() -> Payment {
        Payment {
            amount: "12.50".into(),
            currency: "EUR".into(),
            payee: "DE89 3704 0044 0532 0130 00".into(),
            payee_name: Some("Cafe\u{301} Anna".into()),
            ..Payment::default()
        }
    }

    #[test]
    fn the_body_is_the_intent_in_normal_form_without_its_type() {
        let body: serde_json::Value = serde_json::from_slice(&payment().body().unwrap()).unwrap();
        assert_eq!(
            body,
            serde_json::json!({"amount": "12.50", "currency": "EUR", "payee": "DE89370400440532013000", "payee_name": "Café Anna"})
        );
    }

    #[test]
    fn what_the_gateway_would_refuse_is_refused_here() {
        for wrong in [
            Payment {
                amount: "12.5".into(),
                ..payment()
            },
            Payment {
                currency: "XXQ".into(),
                ..payment()
            },
            Payment {
                payee: "DE89 3704 0044 0532 0130 01".into(),
                ..payment()
            },
            Payment {
                reference: Some("a\u{202e}b".into()),
                ..payment()
            },
        ] {
            assert!(matches!(wrong.body(), Err(Error::Payment(_))), "{wrong:?}");
        }
    }
}
