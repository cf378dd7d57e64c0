//! Cosignatures, quorums, and what a witness checks.

use crate::notes::{Signer, checkpoint, log, tree, witness};
use countersign_tlog::{
    AddCheckpoint, Hash, Note, NoteError, ProofError, SignatureKind, Trust, TrustError, WitnessRefusal,
    consistency,
};

fn cosigned(by: &[u8]) -> Note {
    let mut note = checkpoint(100);
    log().sign(&mut note);
    by.iter()
        .for_each(|number| witness(*number).cosign(&mut note, 1_800_000_000 + u64::from(*number)));
    note
}

fn trust(quorum: usize) -> Trust {
    let witnesses = (1..=3).map(|number| witness(number).key).collect();
    Trust::new("log.example", vec![log().key], witnesses, quorum).unwrap()
}

/// TLOG-11, TLOG-12
#[test]
fn enough_witnesses_are_needed_and_each_counts_once() {
    for (by, found) in [
        (&[][..], 0),
        (&[1], 1),
        (&[1, 2], 2),
        (&[3, 1, 2], 3),
        (&[4, 5], 0),
    ] {
        let note = cosigned(by);
        for quorum in 0..=3 {
            let expected = if found >= quorum {
                Ok(found)
            } else {
                Err(TrustError::Quorum {
                    needed: quorum,
                    found,
                })
            };
            assert_eq!(
                trust(quorum).verify(&note).map(|trusted| trusted.witnesses.len()),
                expected
            );
        }
    }
    let mut twice = cosigned(&[1]);
    witness(1).cosign(&mut twice, 5);
    assert_eq!(
        trust(2).verify(&twice),
        Err(TrustError::Quorum { needed: 2, found: 1 })
    );
    let times: Vec<u64> = trust(2)
        .verify(&cosigned(&[1, 2]))
        .unwrap()
        .witnesses
        .iter()
        .map(|(_, time)| *time)
        .collect();
    assert_eq!(times, [1_800_000_001, 1_800_000_002]);
}

/// TLOG-11
#[test]
fn a_cosignature_fits_its_time_and_its_checkpoint_only() {
    let text = cosigned(&[1]).to_string();
    let line = text.lines().last().unwrap();
    let bad = TrustError::Note(NoteError::BadSignature {
        name: witness(1).key.name().to_owned(),
    });
    let later = {
        let mut note = checkpoint(100);
        log().sign(&mut note);
        // The time stands in the eight bytes behind the identifier; the signature stays.
        let mut other = checkpoint(100);
        witness(1).cosign(&mut other, 7);
        let (seven, other) = (other.signatures()[0].bytes().to_vec(), line);
        let mut bytes = countersign_tlog::NoteSignature::parse(other)
            .unwrap()
            .bytes()
            .to_vec();
        bytes[..8].copy_from_slice(&seven[..8]);
        let encoded = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            [&witness(1).key.id()[..], &bytes].concat(),
        );
        let line = format!("— {} {encoded}", witness(1).key.name());
        note.add(countersign_tlog::NoteSignature::parse(&line).unwrap())
            .unwrap();
        note
    };
    assert_eq!(trust(1).verify(&later), Err(bad.clone()));
    let mut elsewhere = checkpoint(99);
    log().sign(&mut elsewhere);
    elsewhere
        .add(countersign_tlog::NoteSignature::parse(line).unwrap())
        .unwrap();
    assert_eq!(trust(1).verify(&elsewhere), Err(bad));
}

#[test]
fn witnesses_alone_are_not_the_log() {
    let mut note = checkpoint(100);
    witness(1).cosign(&mut note, 1);
    assert_eq!(trust(1).verify(&note), Err(TrustError::NotByLog));
}

#[test]
fn trust_that_makes_no_sense_is_refused() {
    let wrong = Err(TrustError::Policy);
    assert_eq!(Trust::new("log.example", vec![], vec![witness(1).key], 1), wrong);
    assert_eq!(Trust::new("log.example", vec![witness(1).key], vec![], 0), wrong);
    assert_eq!(
        Trust::new("log.example", vec![log().key], vec![log().key], 0),
        wrong
    );
    assert_eq!(
        Trust::new("log.example", vec![log().key], vec![witness(1).key], 2),
        wrong
    );
    let renamed = Signer::new("another.name", SignatureKind::Cosignature, 11).key;
    assert_eq!(
        Trust::new("log.example", vec![log().key], vec![witness(1).key, renamed], 2),
        wrong
    );
}

fn request(old: u32, new: u32) -> AddCheckpoint {
    let (tree, tiles) = tree(new);
    let mut checkpoint = checkpoint(new);
    log().sign(&mut checkpoint);
    let proof = consistency::prove(old.into(), tree.size(), &tiles).unwrap();
    AddCheckpoint {
        old_size: old.into(),
        proof,
        checkpoint,
    }
}

fn last(size: u32) -> Option<(u64, Hash)> {
    Some((size.into(), tree(size).0.root()))
}

/// WIT-01
#[test]
fn a_request_reads_what_it_writes_and_nothing_else() {
    let request = request(40, 100);
    let text = request.to_string();
    assert_eq!(AddCheckpoint::parse(text.as_bytes()).as_ref(), Ok(&request));
    let hash = request.proof[0].to_string();
    let refusals = [
        text.replace("old 40", "old 040"),
        text.replace("old 40", "old  40"),
        text.replace("old 40\n", ""),
        text.replacen(&hash, "AAAA", 1),
        text.replacen(&hash, &vec![hash.clone(); 64].join("\n"), 1),
        text.replace("\n\n", "\n"),
        String::new(),
    ];
    for wrong in refusals {
        assert_eq!(
            AddCheckpoint::parse(wrong.as_bytes()),
            Err(WitnessRefusal::Malformed),
            "{wrong}"
        );
    }
}

/// WIT-02, WIT-03
#[test]
fn a_witness_follows_one_history_and_refuses_by_status() {
    assert_eq!(request(0, 100).check(None).unwrap().size(), 100);
    assert_eq!(request(40, 100).check(last(40)).unwrap().size(), 100);
    assert_eq!(request(100, 100).check(last(100)).unwrap().size(), 100);

    let conflict = request(40, 100).check(last(60)).unwrap_err();
    assert_eq!(
        (conflict.clone(), conflict.status()),
        (WitnessRefusal::Conflict { last_size: 60 }, 409)
    );
    let conflict = request(40, 100).check(None).unwrap_err();
    assert_eq!(
        (conflict.clone(), conflict.status()),
        (WitnessRefusal::Conflict { last_size: 0 }, 409)
    );

    let backwards = AddCheckpoint {
        old_size: 101,
        ..request(40, 100)
    }
    .check(last(101))
    .unwrap_err();
    assert_eq!(
        (backwards.clone(), backwards.status()),
        (WitnessRefusal::OldBeyondNew, 400)
    );

    let mut superfluous = request(0, 100);
    superfluous.proof.push(tree(3).0.root());
    let refusal = superfluous.check(None).unwrap_err();
    let length = WitnessRefusal::Proof(ProofError::Length {
        expected: 0,
        found: 1,
    });
    assert_eq!((refusal.clone(), refusal.status()), (length, 422));

    let other_history = Some((40, tree(41).0.root()));
    let refusal = request(40, 100).check(other_history).unwrap_err();
    assert_eq!(
        (refusal.clone(), refusal.status()),
        (WitnessRefusal::Proof(ProofError::OldRootMismatch), 422)
    );
    let refusal = request(100, 100)
        .check(Some((100, tree(99).0.root())))
        .unwrap_err();
    assert_eq!(
        (refusal.clone(), refusal.status()),
        (WitnessRefusal::Proof(ProofError::Fork), 422)
    );
}
