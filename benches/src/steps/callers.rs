//! Who sends a request: token, session, possession.

use std::hint::black_box;
use std::rc::Rc;

use countersign::base::Door;
use countersign::oauth::{DpopRefusal, Place, ProofRequest, Settings, Verifier};

use super::Step;
use crate::Outcome;
use crate::request::Kind;
use crate::workbench::Workbench;

pub(super) fn steps(bench: &Rc<Workbench>) -> Outcome<Vec<Step>> {
    let token = bench.caller()?.token.clone();
    let remembered = Verifier::new(bench.residents.settings());
    let hit = Rc::clone(bench);
    // With room for one, a token is forgotten before its turn comes again.
    let forgetful = Verifier::new(&Settings {
        token_cache: 1,
        ..bench.residents.settings().clone()
    });
    let tokens: Vec<_> = bench
        .residents
        .callers()
        .iter()
        .map(|caller| caller.token.clone())
        .collect();
    let (mut turn, miss) = (0, Rc::clone(bench));
    let live = Rc::clone(bench);
    let (proof, _) = bench.request(Kind::Proof)?;
    let thumbprint = bench.caller()?.key.public_key().thumbprint();
    let (bound, proven) = (token.clone(), Rc::clone(bench));
    Ok(vec![
        Step::stage("access token, remembered", 1.0, move || {
            black_box(remembered.verify(&token, &hit.keys, hit.now)?);
            Ok(())
        }),
        Step::stage("access token, for the first time", 0.0, move || {
            turn = (turn + 1) % tokens.len();
            let token = tokens.get(turn).ok_or("there are tokens")?;
            black_box(forgetful.verify(token, &miss.keys, miss.now)?);
            Ok(())
        }),
        Step::stage("session is live", 1.0, move || {
            let session = live.session()?;
            // What is known is a moment old, as it is in a gateway that reads it every second.
            Ok(live
                .sessions
                .is_live(&session.id, &session.client, &session.customer, live.now)?)
        }),
        Step::stage(
            "DPoP proof: read, verified, looked up among the used",
            0.0,
            move || {
                let request = ProofRequest {
                    headers: proof.headers(),
                    method: "GET",
                    door: Door::Public,
                    path: "/accounts",
                    access_token: Some(&bound),
                    expected_key: Some(thumbprint),
                    place: Place::Resource,
                    now: proven.now,
                };
                match proven.runtime.block_on(proven.dpop.verify(request)) {
                    // The first time it is new, ever after it was used: found out by the last of the checks.
                    Ok(_) | Err(DpopRefusal::Replayed) => Ok(()),
                    Err(refusal) => Err(format!("a proof is refused: {refusal:?}").into()),
                }
            },
        ),
    ])
}
