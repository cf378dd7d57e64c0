//! A backend that lies, seen from the apps: what each reads, that nothing is sent twice, and that others do not notice.

use countersign::store::Batch;
use countersign::transaction::payee;
use tokio::sync::Semaphore;

use crate::support::{Caller, Deed, Draft, PAYMENT, Setting, TestGateway, payment_of};

/// What the backend answers, and the code that a read gets for it.
const LIES: &[(&str, &str)] = &[
    // The connection ends before the answer does.
    ("", "answer-invalid"),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\nshort",
        "answer-invalid",
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",
        "answer-invalid",
    ),
    // It could be framed in two ways.
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{}",
        "answer-invalid",
    ),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}",
        "answer-invalid",
    ),
    ("HTTP/1.1 200 OK\ncontent-length: 2\n\n{}", "answer-invalid"),
    (
        "HTTP/1.1 200 OK\r\nx: 1\r\n content-length: 9\r\ncontent-length: 2\r\n\r\n{}",
        "answer-invalid",
    ),
    ("HTTP/1.1 200 OK\r\n\r\n{}", "answer-invalid"),
    // It is something else.
    (
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
        "answer-invalid",
    ),
    ("{\"done\":true}", "answer-invalid"),
];

/// The low-value counters do not end the payments of this test.
async fn trust_the_payee(caller: &Caller<'_>) {
    let gateway = caller.gateway;
    let mut batch = Batch::new();
    let trusted = "DE89370400440532013000";
    payee::trust(
        &mut batch,
        &gateway.services.pseudonyms,
        &caller.session.customer,
        trusted,
        gateway.now(),
    );
    gateway.services.db.commit(batch).await.unwrap();
}

/// Whoever reads is told that the answer is none, whoever paid that nobody knows yet; a request that began before and one to
/// another upstream are answered, and the payment is sent once.
#[tokio::test]
async fn a_lie_of_the_backend_ends_one_request_and_no_other() {
    let gateway = TestGateway::start().await;
    let (alice, bob) = (gateway.alice().await, gateway.alice().await);
    trust_the_payee(&alice).await;
    gateway.backend.next(Deed::Hold);
    let held = bob.get("/accounts/1/balances").finish();
    let lies = async {
        gateway.backend.wait_for(1).await;
        for (number, (lie, code)) in LIES.iter().enumerate() {
            lie_to(&alice, lie, code, &payment_of(&format!("1.{:02}", number + 10))).await;
        }
        lie_to(
            &alice,
            &thousand_fields(),
            "answer-too-large",
            &payment_of("2.00"),
        )
        .await;
        gateway.backend.release();
    };
    let (held, ()) = tokio::join!(held.send(), lies);
    assert_eq!(held.status(), 200, "{held:?}");
}

async fn lie_to(alice: &Caller<'_>, lie: &str, code: &str, payment: &str) {
    let backend = &alice.gateway.backend;
    let before = backend.count();
    backend.next(Deed::Write(lie.into()));
    alice
        .get("/accounts/7/balances")
        .send()
        .await
        .assert_problem(code);
    backend.next(Deed::Write(lie.into()));
    alice.post("/consents", "{}").send().await.assert_problem(code);
    backend.next(Deed::Write(lie.into()));
    let key = &before.to_string();
    for _ in 0..2 {
        let answer = alice.pay_under(key, payment).send().await;
        answer.assert_problem("outcome-unknown");
        assert!(!answer.header("retry-after").is_empty());
    }
    alice.get("/orders").expect_answer().await;
    assert_eq!(backend.count(), before + 4, "{lie:?}");
}

fn thousand_fields() -> String {
    let fields: String = (0..1000).map(|number| format!("x-{number}: 1\r\n")).collect();
    format!("HTTP/1.1 200 OK\r\n{fields}content-length: 2\r\n\r\n{{}}")
}

/// What a backend says behind its answer is not what the next app reads.
#[tokio::test]
async fn bytes_behind_an_answer_reach_nobody() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let two =
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
    for _ in 0..3 {
        gateway.backend.next(Deed::Write(two.into()));
        let answer = alice.get("/accounts/7/balances").expect_answer().await;
        assert_eq!(answer.body(), b"{}");
        let answer = alice.get("/accounts/8/balances").expect_answer().await;
        assert_eq!(answer.body(), b"{\"done\":true}");
    }
}

/// HDR-04: what only the gateway says of itself, no backend says for it, on any kind of route.
#[tokio::test]
async fn a_backend_cannot_speak_as_the_gateway() {
    let gateway = TestGateway::start().await;
    let alice = gateway.alice().await;
    let forged = "request-id: forged\r\nidempotency-replayed: true\r\ndpop-nonce: forged\r\nwww-authenticate: DPoP\r\n\
                  signature: g=:AAAA:\r\nsignature-input: g=();tag=\"fapi-2-response\"\r\nalt-svc: h3=\":1\"\r\n\
                  link: </receipts/forged>; rel=\"receipt\"\r\nlink: </next>; rel=\"next\"\r\nset-cookie: a=b\r\n\
                  accept-ch: Device-Memory\r\nserver: bank\r\nvia: 1.1 bank\r\nstrict-transport-security: max-age=0\r\n\
                  keep-alive: timeout=5\r\nupgrade: h2c\r\nproxy-authenticate: Basic\r\netag: \"1\"\r\n";
    let asked = [
        Draft::new(&gateway, "GET", "/rates/eur"),
        alice.get("/orders"),
        alice.post("/consents", "{}"),
        alice.pay(PAYMENT),
    ];
    for draft in asked {
        gateway.backend.next(Deed::respond(200, forged, "{}"));
        let answer = draft.expect_answer().await;
        for name in [
            "idempotency-replayed",
            "dpop-nonce",
            "www-authenticate",
            "alt-svc",
            "set-cookie",
            "accept-ch",
            "server",
            "via",
            "keep-alive",
            "upgrade",
            "proxy-authenticate",
        ] {
            assert_eq!(answer.header(name), "", "{name}: {answer:?}");
        }
        assert_ne!(answer.header("request-id"), "forged");
        assert_eq!(answer.header("strict-transport-security"), "max-age=63072000");
        assert_eq!(answer.header("etag"), "\"1\"");
        let all = format!("{:?}", answer.headers());
        assert!(!all.contains("forged") && !all.contains("g=:AAAA:"), "{all}");
        assert!(all.contains("rel=\\\"next\\\""), "{all}");
    }
}

/// Design 4.7: an origin-wide field passes where the route names it, and only that one.
#[tokio::test]
async fn a_route_lets_through_what_it_names() {
    let named = "path = \"/orders\"\nanswer_headers = [\"Set-Cookie\", \"access-control-allow-origin\"]";
    let gateway = TestGateway::with(&[Setting("path = \"/orders\"", named)]).await;
    let alice = gateway.alice().await;
    let lines = "set-cookie: a=b\r\nclear-site-data: \"*\"\r\naccess-control-allow-origin: *\r\n\
                 access-control-allow-credentials: true\r\n";
    for (path, allowed) in [("/orders", true), ("/accounts/7/balances", false)] {
        gateway.backend.next(Deed::respond(200, lines, "{}"));
        let answer = alice.get(path).expect_answer().await;
        assert_eq!(answer.header("set-cookie") == "a=b", allowed, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin") == "*", allowed);
        assert_eq!(answer.header("clear-site-data"), "");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
}

/// A bank that stalls holds as many requests as it may; who comes then is told to wait, without a byte sent, and the
/// merchant's customers do not notice.
#[tokio::test]
async fn a_stalled_backend_is_overloaded_and_no_other() {
    let room = "trust_domain = \"bank.internal\"\nconcurrency = 1\npending = 1";
    let gateway = TestGateway::with(&[Setting("trust_domain = \"bank.internal\"", room)]).await;
    let alice = gateway.alice().await;
    gateway.backend.next(Deed::Hold);
    let turned_away = Semaphore::new(0);
    let (alice_again, told) = (&alice, &turned_away);
    let read = |account: u8| async move {
        let path = format!("/accounts/{account}/balances");
        let answer = alice_again.get(&path).send().await;
        if answer.status() != 200 {
            answer.assert_problem("overloaded");
            assert!(!answer.header("retry-after").is_empty());
            told.add_permits(1);
        }
        answer.status()
    };
    // One runs; of the three that come then, one may wait.
    let three = async {
        gateway.backend.wait_for(1).await;
        tokio::join!(read(2), read(3), read(4))
    };
    let others = async {
        let _both = turned_away.acquire_many(2).await.unwrap();
        alice
            .pay_under("k", PAYMENT)
            .send()
            .await
            .assert_problem("overloaded");
        alice.get("/orders").expect_answer().await;
        assert_eq!(gateway.backend.count(), 2);
        gateway.backend.release();
    };
    let (running, (two, three, four), ()) = tokio::join!(read(1), three, others);
    let mut later = [two, three, four];
    later.sort_unstable();
    assert_eq!((running, later), (200, [200, 503, 503]));
    // Nothing of the payment was sent, so it may be tried again.
    alice.pay_under("k", PAYMENT).expect_answer().await;
}
