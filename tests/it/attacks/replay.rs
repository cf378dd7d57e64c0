//! A signed request that was overheard, sent again at the worst moments.

use std::sync::Arc;
use std::time::Duration;

use countersign::identity::session::Session;
use countersign::oauth::Scope;
use countersign_jose::PrivateKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Caller, PAYMENT, Protocol, Signature, TestGateway};

/// SIG-11: times of a signature are whole seconds, so one that is dated ahead lives a fraction of a second longer than
/// its age and the skew together.
#[tokio::test]
async fn a_signature_is_remembered_to_the_end_of_its_last_second() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let into_second = gateway.now().micros().rem_euclid(1_000_000);
    gateway
        .home
        .clock
        .advance(Duration::from_micros(1_000_000 - into_second.unsigned_abs()));
    let created = gateway.now().seconds() + 10;
    let ahead = alice
        .post("/consents", "{}")
        .signature(|signature| {
            signature.set("created", created.to_string());
            signature.unset("expires");
        })
        .finish();
    assert_eq!(ahead.send().await.status(), 200);
    gateway.advance(Duration::from_millis(70_500)).await;
    ahead.send().await.assert_problem("replayed");
    gateway.advance(Duration::from_millis(500)).await;
    ahead.send().await.assert_problem("stale");
}

/// SIG-11: what is remembered of a signature must outlive whatever can still be accepted, also where the
/// head came in time and the body waited until it was forgotten.
#[tokio::test]
async fn a_signature_grows_stale_while_its_body_is_awaited() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    for (waited, status) in [(59, 200), (62, 401)] {
        let signed = alice.post("/consents", "{}").finish();
        let sent = &signed.sent;
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\n",
            sent.method, sent.target, sent.authority
        );
        for (name, value) in &sent.headers {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        let length = sent.body.len();
        head.push_str(&format!(
            "content-length: {length}\r\nconnection: close\r\nexpect: 100-continue\r\n\r\n"
        ));
        let mut connection = gateway.public().connect(Protocol::Http1).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut go_on = [0; 25];
        connection.read_exact(&mut go_on).await.unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        gateway.advance(Duration::from_secs(waited)).await;
        connection.write_all(&sent.body).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{waited}: {answer}"
        );
        assert_eq!(
            answer.contains("problem:stale"),
            status == 401,
            "{waited}: {answer}"
        );
    }
}

/// A nonce that an eavesdropper saw.
fn overheard(signature: &mut Signature) {
    signature.set_text("nonce", "one-nonce-before-and-after");
}

/// Alice on a gateway that was started again, with the key and the session she had.
struct Kept(Arc<PrivateKey>, Session, Scope);

impl Kept {
    fn of(alice: &Caller<'_>) -> Self {
        Self(Arc::clone(&alice.key), alice.session.clone(), alice.scope.clone())
    }

    fn on<'g>(&self, gateway: &'g TestGateway) -> Caller<'g> {
        let Self(key, session, scope) = self;
        Caller {
            gateway,
            key: Arc::clone(key),
            session: session.clone(),
            scope: scope.clone(),
            token: gateway.token(session, scope),
        }
    }
}

/// Design 6: after a start, what was signed before it is stale, and what was dated ahead is remembered durably.
#[tokio::test]
async fn a_signature_dated_ahead_is_good_once_across_a_restart() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let created = gateway.now().seconds() + 9;
    let ahead = |signature: &mut Signature| {
        overheard(signature);
        signature.set("created", created.to_string());
        signature.set("expires", (created + 60).to_string());
    };
    alice
        .post("/consents", "{}")
        .signature(ahead)
        .expect_answer()
        .await;
    let kept = Kept::of(&alice);
    let gateway = gateway.restart().await;
    for seconds in [0, 3, 20] {
        gateway.advance(Duration::from_secs(seconds)).await;
        let alice = kept.on(&gateway);
        let again = alice.post("/consents", "{}").signature(ahead);
        again.expect_refusal("replayed").await;
    }
    // What is dated ahead after the start is nobody's replay.
    let alice = kept.on(&gateway);
    let created = (gateway.now().seconds() + 9).to_string();
    let honest = alice.post("/consents", "{}");
    honest
        .signature(|signature| signature.set("created", created.as_str()))
        .expect_answer()
        .await;
}

/// The answer to a payment is for the customer: a request that was overheard brings it to nobody, also after a restart.
#[tokio::test]
async fn a_payment_replayed_after_a_restart_reads_no_answer() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let payment = alice.pay_under("one-key", PAYMENT).signature(overheard);
    payment.expect_answer().await;
    let kept = Kept::of(&alice);
    let gateway = gateway.restart().await;
    let alice = kept.on(&gateway);
    let again = alice.pay_under("one-key", PAYMENT).signature(overheard);
    again.expect_refusal("replayed").await;
    // The customer's own app, which can sign anew, reads it.
    let asked = alice.pay_under("one-key", PAYMENT).expect_answer().await;
    assert_eq!(asked.header("idempotency-replayed"), "true");
}
