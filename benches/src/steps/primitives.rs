//! The cryptography that stages contain, by itself.

use std::hint::black_box;

use countersign::keys::SealKey;
use countersign_jose::{KeyKind, PrivateKey, sha256};
use countersign_signatures::Algorithm;
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::rand::SystemRandom;

use super::Step;
use crate::Outcome;

/// Bytes that are hashed or sealed.
const KIBIBYTE: [u8; 1024] = [7; 1024];
/// What is signed: a signature base is about as long.
const MESSAGE: [u8; 400] = [7; 400];

pub(super) fn steps() -> Outcome<Vec<Step>> {
    let mut steps = signatures("Ed25519 signed", "Ed25519 verified", KeyKind::Ed25519, (2.0, 1.0))?;
    steps.extend(signatures(
        "P-256 signed",
        "P-256 verified",
        KeyKind::P256,
        (1.0, 0.0),
    )?);
    let seal = SealKey::new(&[7; 32]);
    let random = SystemRandom::new();
    steps.extend([
        Step::primitive("X25519: key pair made and agreed", 0.0, move || {
            let failed = |_| "no agreement";
            let own = EphemeralPrivateKey::generate(&X25519, &random).map_err(failed)?;
            let other = own.compute_public_key().map_err(failed)?;
            let other = UnparsedPublicKey::new(&X25519, other);
            agree_ephemeral(own, &other, |secret| drop(black_box(secret.to_vec()))).map_err(failed)?;
            Ok(())
        }),
        // Body, token, signature base and answer.
        Step::primitive("SHA-256 of 1 KiB", 4.0, || {
            black_box(sha256(black_box(&KIBIBYTE)));
            Ok(())
        }),
        // Four records, and what is kept sealed of request, receipt and answer.
        Step::primitive("AES-256-GCM of 1 KiB", 7.0, move || {
            black_box(seal.seal(b"bench", black_box(&KIBIBYTE), [7; 12]));
            Ok(())
        }),
    ]);
    Ok(steps)
}

fn signatures(
    signed: &'static str,
    verified: &'static str,
    kind: KeyKind,
    (signs, verifies): (f64, f64),
) -> Outcome<Vec<Step>> {
    let key = PrivateKey::generate(kind)?.key;
    let public = key.public_key().clone();
    let scheme = Algorithm::of(&public).scheme();
    let signature = key.sign(scheme, &MESSAGE)?;
    Ok(vec![
        Step::primitive(signed, signs, move || {
            black_box(key.sign(scheme, black_box(&MESSAGE))?);
            Ok(())
        }),
        Step::primitive(verified, verifies, move || {
            Ok(public.verify(scheme, black_box(&MESSAGE), &signature)?)
        }),
    ])
}
