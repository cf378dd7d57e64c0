//! Published vectors, edge cases, and the two libraries against each other.

use proptest::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::Deserialize;

use super::processor::{Signer, Verifier};
use super::signing::SigningKey;
use super::verifying::{VerifyingKey, verifies_by_ring};

/// Seed, public key, message and signature of RFC 8032, section 7.1: tests 1, 2, 3 and SHA(abc).
const RFC_8032: [[&str; 4]; 4] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
    [
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ],
];

#[derive(Deserialize)]
struct EdgeCase {
    name: String,
    key: String,
    message: String,
    signature: String,
    /// `good`, `bad`, or `key refused` where the key itself must not be accepted.
    verdict: String,
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn key(text: &str) -> [u8; 32] {
    hex(text).try_into().unwrap()
}

/// The verdicts of every library there is here, by name.
fn verdicts(key: &[u8; 32], message: &[u8], signature: &[u8]) -> Vec<(&'static str, bool)> {
    let mut verdicts = vec![("ring", verifies_by_ring(key, message, signature))];
    if graviola_is_here() {
        let verifies = Verifier::new(key).is_some_and(|key| key.verifies(message, signature));
        verdicts.push(("graviola", verifies));
    }
    verdicts
}

fn graviola_is_here() -> bool {
    Signer::from_seed(&[1; 32]).is_some()
}

#[test]
fn the_signatures_of_rfc_8032_are_made_and_verified_by_each_library() {
    for [seed, public, message, signature] in RFC_8032 {
        let (seed, public, message, signature) = (hex(seed), key(public), hex(message), hex(signature));
        for (library, verifies) in verdicts(&public, &message, &signature) {
            assert!(verifies, "{library}");
        }
        let ring = Ed25519KeyPair::from_seed_and_public_key(&seed, &public).unwrap();
        assert_eq!(ring.sign(&message).as_ref(), signature);
        if let Some(signer) = Signer::from_seed(&seed) {
            assert_eq!(
                (signer.public_key(), signer.sign(&message).to_vec()),
                (public, signature.clone())
            );
        }
        let chosen = SigningKey::from_seed_and_public_key(&seed, &public).unwrap();
        assert_eq!(chosen.sign(&message), signature);
    }
}

/// SIG-09: what is malleable, unreduced, of small order or no point at all is refused by each library, or as a key by both.
#[test]
fn edge_cases_have_one_verdict_whichever_library_judges() {
    let cases: Vec<EdgeCase> =
        serde_json::from_str(include_str!("../../tests/vectors/ed25519.json")).unwrap();
    assert!(cases.len() > 30);
    for case in cases {
        let (bytes, message, signature) = (key(&case.key), hex(&case.message), hex(&case.signature));
        let Ok(chosen) = VerifyingKey::new(bytes) else {
            assert_eq!(case.verdict, "key refused", "{}", case.name);
            continue;
        };
        let expected = match case.verdict.as_str() {
            "good" => true,
            "bad" => false,
            other => panic!("{}: {other}", case.name),
        };
        assert_eq!(
            chosen.verify(&message, &signature).is_ok(),
            expected,
            "{}",
            case.name
        );
        for (library, verifies) in verdicts(&bytes, &message, &signature) {
            assert_eq!(verifies, expected, "{}: {library}", case.name);
        }
    }
}

#[test]
fn a_signature_of_another_length_is_refused() {
    let [_, public, message, signature] = RFC_8032[1];
    let (public, message, signature) = (key(public), hex(message), hex(signature));
    let longer = [signature.as_slice(), &[0]].concat();
    for wrong in [&signature[..63], &signature[..32], &[], &longer] {
        assert!(
            VerifyingKey::new(public)
                .unwrap()
                .verify(&message, wrong)
                .is_err()
        );
        assert!(
            verdicts(&public, &message, wrong)
                .iter()
                .all(|(_, verifies)| !verifies)
        );
    }
}

/// The documents that ring writes are read by it and then signed with by graviola; both name the same public key.
#[test]
fn the_faster_library_signs_wherever_it_can() {
    let document = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    let chosen = SigningKey::from_pkcs8(document.as_ref()).unwrap();
    assert_eq!(chosen.public_key(), pair.public_key().as_ref());
    assert_eq!(chosen.is_by_graviola(), graviola_is_here());
    assert!(SigningKey::from_pkcs8(&document.as_ref()[1..]).is_err());
    let other = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    let others: [u8; 32] = other.public_key().as_ref().try_into().unwrap();
    assert!(SigningKey::from_seed_and_public_key(&[1; 32], &others).is_err());
}

proptest! {
    /// Ed25519 is deterministic: two right implementations make the same signature, and each verifies the other's.
    #[test]
    fn both_libraries_make_the_same_signatures(seed: [u8; 32], message in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let ring = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let public: [u8; 32] = ring.public_key().as_ref().try_into().unwrap();
        let signature = ring.sign(&message);
        if let Some(signer) = Signer::from_seed(&seed) {
            prop_assert_eq!(signer.public_key(), public);
            prop_assert_eq!(signer.sign(&message).to_vec(), signature.as_ref().to_vec());
        }
        for (library, verifies) in verdicts(&public, &message, signature.as_ref()) {
            prop_assert!(verifies, "{}", library);
        }
    }

    /// Whatever is changed in key, message or signature, both libraries give the same verdict.
    #[test]
    fn both_libraries_judge_changed_input_alike(seed: [u8; 32], message: [u8; 40], at in 0_usize..136, change in 1_u8..) {
        let ring = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let mut changed = [ring.public_key().as_ref(), &message, ring.sign(&message).as_ref()].concat();
        changed[at] ^= change;
        let (public, rest) = changed.split_at(32);
        let (message, signature) = rest.split_at(40);
        let public: [u8; 32] = public.try_into().unwrap();
        for (library, verifies) in verdicts(&public, message, signature) {
            prop_assert!(!verifies, "{}", library);
        }
        if let Ok(chosen) = VerifyingKey::new(public) {
            prop_assert!(chosen.verify(message, signature).is_err());
        }
    }

    /// Bytes that are no point of the curve are none for both, and a random point that is one is judged alike.
    #[test]
    fn both_libraries_judge_random_keys_alike(key: [u8; 32], signature in proptest::collection::vec(any::<u8>(), 64)) {
        for (library, verifies) in verdicts(&key, b"message", &signature) {
            prop_assert!(!verifies, "{}", library);
        }
    }
}
