//! Notes, keys, checkpoints and proof files: what they refuse, by name.

use countersign_tlog::hash::leaf_hash;
use countersign_tlog::note::MAX_SIGNATURES;
use countersign_tlog::{
    Checkpoint, CheckpointError, Hash, KeyError, LogProof, LogProofError, MemoryTiles, Note, NoteError,
    NoteSignature, ProofError, SignatureKind, Tree, Trust, TrustError, VerifierKey, cosignature, inclusion,
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

pub(crate) struct Signer {
    pair: Ed25519KeyPair,
    pub(crate) key: VerifierKey,
}

impl Signer {
    pub(crate) fn new(name: &str, kind: SignatureKind, seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = pair.public_key().as_ref().try_into().unwrap();
        Self {
            key: VerifierKey::new(name, kind, public).unwrap(),
            pair,
        }
    }

    pub(crate) fn raw(&self, message: &[u8]) -> Result<[u8; 64], NoteError> {
        Ok(self.pair.sign(message).as_ref().try_into().unwrap())
    }

    pub(crate) fn sign(&self, note: &mut Note) {
        note.sign(&self.key, |message| self.raw(message)).unwrap();
    }

    pub(crate) fn cosign(&self, note: &mut Note, time: u64) {
        let line = cosignature::sign(note, &self.key, time, |message| self.raw(message)).unwrap();
        note.add(line).unwrap();
    }
}

pub(crate) fn log() -> Signer {
    Signer::new("log.example", SignatureKind::Ed25519, 1)
}

pub(crate) fn witness(number: u8) -> Signer {
    Signer::new(
        &format!("witness.example/w{number}"),
        SignatureKind::Cosignature,
        10 + number,
    )
}

pub(crate) fn tree(size: u32) -> (Tree, MemoryTiles) {
    let growth = Tree::empty().append((0..size).map(|entry| leaf_hash(&entry.to_be_bytes())));
    let mut tiles = MemoryTiles::default();
    tiles.extend(growth.tiles);
    (growth.tree, tiles)
}

pub(crate) fn checkpoint(size: u32) -> Note {
    let (tree, _) = tree(size);
    Checkpoint::new("log.example", tree.size(), tree.root())
        .unwrap()
        .to_note()
        .unwrap()
}

fn signed(size: u32) -> Note {
    let mut note = checkpoint(size);
    log().sign(&mut note);
    note
}

/// TLOG-04
#[test]
fn a_key_in_any_other_spelling_is_refused() {
    let key = log().key;
    let text = key.to_string();
    assert_eq!(text.parse(), Ok(key.clone()));
    for cut in 0..text.len() {
        assert!(text[..cut].parse::<VerifierKey>().is_err(), "cut at {cut}");
    }
    let parts: Vec<&str> = text.splitn(3, '+').collect();
    let refusals = [
        ("log.example".to_owned(), KeyError::Form),
        (format!("{}+{}", parts[0], parts[1]), KeyError::Form),
        (format!("other.example+{}+{}", parts[1], parts[2]), KeyError::Id),
        (format!("{}+00000000+{}", parts[0], parts[2]), KeyError::Id),
        (
            format!("{}+{}+{}", parts[0], parts[1].to_uppercase(), parts[2]),
            KeyError::Id,
        ),
        (format!("log example+{}+{}", parts[1], parts[2]), KeyError::Name),
        (format!("+{}+{}", parts[1], parts[2]), KeyError::Name),
        (
            "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWAAAA".to_owned(),
            KeyError::Length,
        ),
        (
            "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".to_owned(),
            KeyError::Kind,
        ),
    ];
    for (wrong, error) in refusals {
        // An identifier of digits alone has one case.
        assert!(
            wrong == text || wrong.parse::<VerifierKey>() == Err(error),
            "{wrong}"
        );
    }
    let kinds = [SignatureKind::Ed25519, SignatureKind::Cosignature].map(|kind| {
        VerifierKey::new("log.example", kind, *key.public_key())
            .unwrap()
            .id()
    });
    assert_ne!(kinds[0], kinds[1], "one key for two purposes has two identifiers");
}

/// TLOG-03
#[test]
fn malformed_notes_are_refused_by_name() {
    let good = signed(3).to_string();
    let line = good.lines().last().unwrap();
    let text = "log.example\n3\nroot\n";
    let refusals: Vec<(String, NoteError)> = vec![
        (String::new(), NoteError::NoBlankLine),
        (format!("{text}{line}\n"), NoteError::NoBlankLine),
        (format!("{text}\n"), NoteError::Signature),
        (format!("{text}\n{line}"), NoteError::Signature),
        (format!("{text}\n{line}\n\n"), NoteError::Signature),
        (format!("{text}\n{line}\nmore\n"), NoteError::Signature),
        (
            format!("{text}\n{}\n", line.replace('—', "-")),
            NoteError::Signature,
        ),
        (
            format!("{text}\n{}\n", line.replace("— ", "—")),
            NoteError::Signature,
        ),
        (
            format!("{text}\n{}\n", line.replace("log.example", "log+example")),
            NoteError::Signature,
        ),
        (
            format!("{text}\n{}\n", line.replace("log.example", "log\u{a0}example")),
            NoteError::Signature,
        ),
        (
            format!("{text}\n{}\n", line.replace("log.example", "")),
            NoteError::Signature,
        ),
        (format!("{text}\n{line}=\n"), NoteError::Signature),
        (format!("{text}\n— log.example AAAA\n"), NoteError::Signature),
        (format!("{text}\n— log.example AAAAAA==\n"), NoteError::Signature),
        (format!("te\txt\n\n{line}\n"), NoteError::Text),
        (format!("te\rxt\n\n{line}\n"), NoteError::Text),
        (format!("{text}\n{line}\n{line}\n"), NoteError::RepeatedSignature),
    ];
    for (wrong, error) in refusals {
        assert_eq!(Note::parse(wrong.as_bytes()), Err(error), "{wrong:?}");
    }
    assert_eq!(Note::parse(b"\xff\n\n"), Err(NoteError::NotUtf8));
    assert_eq!(Note::parse(&vec![b'a'; 600 * 1024]), Err(NoteError::TooLarge));
    assert_eq!(Note::new("no line feed"), Err(NoteError::Text));
}

/// TLOG-05
#[test]
fn sixty_four_signatures_are_read_and_no_more() {
    let mut note = signed(3);
    for number in 1..MAX_SIGNATURES {
        note.add(NoteSignature::parse(&format!("— unknown.example/{number} AAAAAAAA")).unwrap())
            .unwrap();
    }
    let text = note.to_string();
    assert_eq!(
        Note::parse(text.as_bytes())
            .unwrap()
            .verify(&[log().key])
            .unwrap()
            .len(),
        1
    );
    let more = text + "— unknown.example/more AAAAAAAA\n";
    assert_eq!(Note::parse(more.as_bytes()), Err(NoteError::TooManySignatures));
}

/// TLOG-05
#[test]
fn known_keys_must_verify_and_unknown_ones_are_passed_over() {
    let note = signed(3);
    assert_eq!(note.verify(&[]), Err(NoteError::Unverified));
    assert_eq!(note.verify(&[witness(1).key]), Err(NoteError::Unverified));
    let same_name = Signer::new("log.example", SignatureKind::Ed25519, 2);
    assert_eq!(note.verify(&[same_name.key]), Err(NoteError::Unverified));
    let changed = note.to_string().replace("\n3\n", "\n4\n");
    let bad = NoteError::BadSignature {
        name: "log.example".to_owned(),
    };
    assert_eq!(
        Note::parse(changed.as_bytes()).unwrap().verify(&[log().key]),
        Err(bad.clone())
    );
    // A witness that is good does not make up for a log whose signature fails.
    let mut mixed = Note::parse(changed.as_bytes()).unwrap();
    witness(1).cosign(&mut mixed, 1);
    assert_eq!(mixed.verify(&[witness(1).key, log().key]), Err(bad));
}

#[test]
fn a_signer_with_another_key_or_kind_is_caught_before_anything_is_added() {
    let mut note = checkpoint(3);
    let bad = Err(NoteError::BadSignature {
        name: "log.example".to_owned(),
    });
    assert_eq!(note.sign(&log().key, |message| witness(1).raw(message)), bad);
    assert_eq!(
        note.sign(&witness(1).key, |message| witness(1).raw(message)),
        Err(NoteError::WrongKind)
    );
    let by_log = cosignature::sign(&note, &log().key, 1, |message| log().raw(message));
    assert_eq!(by_log, Err(NoteError::WrongKind));
    for time in [0, 1 << 63] {
        let wrong = cosignature::sign(&note, &witness(1).key, time, |message| witness(1).raw(message));
        assert_eq!(wrong, Err(NoteError::Time));
    }
    assert!(note.signatures().is_empty());
}

/// TLOG-02
#[test]
fn malformed_checkpoints_are_refused_by_name() {
    let root = leaf_hash(b"root");
    let good = format!("log.example\n3\n{root}\n");
    assert_eq!(good.parse::<Checkpoint>().unwrap().to_string(), good);
    let extended = format!("{good}an extension\n");
    assert_eq!(extended.parse::<Checkpoint>().unwrap().to_string(), extended);
    let refusals = [
        (String::new(), CheckpointError::Form),
        ("log.example\n3\n".to_owned(), CheckpointError::Form),
        (format!("log.example\n3\n{root}"), CheckpointError::Form),
        (format!("\n3\n{root}\n"), CheckpointError::Origin),
        (format!("log\u{1}example\n3\n{root}\n"), CheckpointError::Origin),
        (format!("log.example\n03\n{root}\n"), CheckpointError::Size),
        (format!("log.example\n-3\n{root}\n"), CheckpointError::Size),
        (format!("log.example\n3 \n{root}\n"), CheckpointError::Size),
        (format!("log.example\n\n{root}\n"), CheckpointError::Size),
        (
            format!("log.example\n9223372036854775808\n{root}\n"),
            CheckpointError::Size,
        ),
        (format!("log.example\n3\n{root}=\n"), CheckpointError::Root),
        (format!("log.example\n3\r\n{root}\n"), CheckpointError::Size),
        ("log.example\n3\nAAAA\n".to_owned(), CheckpointError::Root),
        (format!("log.example\n0\n{root}\n"), CheckpointError::EmptyRoot),
        (format!("{good}\n"), CheckpointError::Extension),
        (format!("{good}a\n\nb\n"), CheckpointError::Extension),
        (format!("{good}{}", "x\n".repeat(17)), CheckpointError::Extension),
    ];
    for (wrong, error) in refusals {
        assert_eq!(wrong.parse::<Checkpoint>(), Err(error), "{wrong:?}");
    }
}

fn proof_file() -> (LogProof, Hash) {
    let (tree, tiles) = tree(100);
    let hashes = inclusion::prove(42, tree.size(), &tiles).unwrap();
    (
        LogProof {
            extra: Some(b"salt".to_vec()),
            index: 42,
            hashes,
            checkpoint: signed(100),
        },
        leaf_hash(&42_u32.to_be_bytes()),
    )
}

/// TLOG-12
#[test]
fn a_proof_file_verifies_offline_and_nothing_else_does() {
    let (proof, leaf) = proof_file();
    let text = proof.to_string();
    let proof = LogProof::parse(text.as_bytes()).unwrap();
    assert_eq!(proof.to_string(), text);
    let trust = Trust::new("log.example", vec![log().key], vec![], 0).unwrap();
    assert_eq!(proof.verify(&leaf, &trust).unwrap().checkpoint.size(), 100);

    let mismatch = Err(LogProofError::Proof(ProofError::RootMismatch));
    assert_eq!(proof.verify(&leaf_hash(b"other"), &trust), mismatch);
    assert_eq!(
        LogProof {
            index: 43,
            ..proof.clone()
        }
        .verify(&leaf, &trust),
        mismatch
    );
    let beyond = Err(LogProofError::Proof(ProofError::IndexBeyondSize {
        index: 100,
        size: 100,
    }));
    assert_eq!(
        LogProof {
            index: 100,
            ..proof.clone()
        }
        .verify(&leaf, &trust),
        beyond
    );
    let other_log = Trust::new("other.example", vec![log().key], vec![], 0).unwrap();
    assert_eq!(
        proof.verify(&leaf, &other_log),
        Err(LogProofError::Trust(TrustError::Origin))
    );
    let witnessed = Trust::new("log.example", vec![log().key], vec![witness(1).key], 1).unwrap();
    let quorum = TrustError::Quorum { needed: 1, found: 0 };
    assert_eq!(proof.verify(&leaf, &witnessed), Err(LogProofError::Trust(quorum)));
}

/// TLOG-12
#[test]
fn malformed_proof_files_are_refused_by_name() {
    let (proof, _) = proof_file();
    let text = proof.to_string();
    let hash = proof.hashes[0].to_string();
    let refusals = [
        (text.replace("@v1", "@v2"), LogProofError::Header),
        (text.replace("c2sp", "\nc2sp"), LogProofError::Header),
        (
            text.replace("extra c2FsdA==", "extra c2FsdA"),
            LogProofError::Extra,
        ),
        (text.replace("extra ", "extra  "), LogProofError::Extra),
        (text.replace("index 42", "index 042"), LogProofError::Index),
        (text.replace("index 42\n", ""), LogProofError::Index),
        (
            text.replace("extra c2FsdA==\nindex 42", "index 42\nextra c2FsdA=="),
            LogProofError::Hash,
        ),
        (text.replacen(&hash, "AAAA", 1), LogProofError::Hash),
        (
            text.replacen(&hash, &vec![hash.clone(); 64].join("\n"), 1),
            LogProofError::Hash,
        ),
        (text.replace("\n\n", "\n"), LogProofError::NoBlankLine),
        (
            text.split_once("\n\n").unwrap().0.to_owned() + "\n\n",
            LogProofError::Note(NoteError::NoBlankLine),
        ),
    ];
    for (wrong, error) in refusals {
        assert_eq!(LogProof::parse(wrong.as_bytes()), Err(error), "{wrong}");
    }
}
