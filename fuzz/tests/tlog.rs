//! Everything a log, a witness or a verifier parses, from arbitrary bytes: nothing panics, and what is accepted has one
//! spelling.
//!
//! Every target runs for a second or two as an ordinary test; `BOLERO_RANDOM_TEST_TIME_MS` gives it longer.

#[cfg(test)]
mod tests {
    use countersign_tlog::hash::{Hash, leaf_hash};
    use countersign_tlog::{
        AddCheckpoint, Checkpoint, EntryBundle, LogProof, MemoryTiles, Note, Resource, Tree, VerifierKey,
        consistency, inclusion,
    };
    use std::time::Duration;

    const TIME: Duration = Duration::from_millis(1500);

    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    /// Pieces of the formats, so that random input gets past the first characters.
    const PIECES: [&str; 32] = [
        "\n",
        "\n",
        "\n\n",
        "\n\n",
        " ",
        "log.example\n",
        "3\n",
        "0\n",
        "03\n",
        "9223372036854775808\n",
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "— log.example AAAAAAAA\n",
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
        "— ",
        "— log+example AAAAAAAA\n",
        "c2sp.org/tlog-proof@v1\n",
        "extra AAAA\n",
        "extra",
        "index 2\n",
        "index 02\n",
        "old 3\n",
        "old -3\n",
        "tile/",
        "entries/",
        "0/",
        "63/",
        "x001/",
        "067",
        ".p/8",
        "checkpoint",
    ];

    fn assembled(choices: &[u8]) -> String {
        choices
            .iter()
            .map(|choice| PIECES[usize::from(*choice) % PIECES.len()])
            .collect()
    }

    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    const CHECKPOINT: &str =
        "log.example\n3\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— log.example AAAAAAAA\n";

    /// Good texts of every format.
    fn good() -> [String; 7] {
        let hash = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        [
            NOTE.to_owned(),
            CHECKPOINT.to_owned(),
            format!("c2sp.org/tlog-proof@v1\nextra AAAA\nindex 2\n{hash}\n\n{CHECKPOINT}"),
            format!("old 3\n{hash}\n\n{CHECKPOINT}"),
            KEY.to_owned(),
            "tile/63/x001/x234/067.p/8".to_owned(),
            "\0\u{3}abc\0\0".to_owned(),
        ]
    }

    /// A good text in which some places were changed: by two bytes each, the place and what to put there.
    fn mutated(good: &str, input: &[u8]) -> Vec<u8> {
        let mut text = good.as_bytes().to_vec();
        for edit in input.chunks_exact(2).take(4) {
            let place = usize::from(edit[0]) % text.len();
            let piece = PIECES[usize::from(edit[1]) % PIECES.len()];
            match edit[1] {
                0..100 => text[place] = edit[1] ^ 0x5a,
                100..200 => drop(text.splice(place..place, piece.bytes())),
                _ => drop(text.remove(place)),
            }
        }
        text
    }

    /// Reads back byte for byte what it read.
    fn assert_one_spelling(bytes: &[u8], key: &VerifierKey) {
        if let Ok(note) = Note::parse(bytes) {
            assert_eq!(note.to_string().as_bytes(), bytes);
            if let Ok(verified) = note.verify(std::slice::from_ref(key)) {
                assert_eq!(verified.len(), 1);
            }
        }
        if let Ok(proof) = LogProof::parse(bytes) {
            assert_eq!(proof.to_string().as_bytes(), bytes);
        }
        if let Ok(request) = AddCheckpoint::parse(bytes) {
            assert_eq!(request.to_string().as_bytes(), bytes);
            let _ = request.check(None);
        }
        if let Ok(bundle) = EntryBundle::decode(bytes) {
            assert_eq!(bundle.encode(), bytes);
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        if let Ok(checkpoint) = text.parse::<Checkpoint>() {
            assert_eq!(checkpoint.to_string(), text);
            assert_eq!(checkpoint.to_note().unwrap().text(), text);
        }
        if let Ok(resource) = text.parse::<Resource>() {
            assert_eq!(resource.to_string(), text);
        }
        if let Ok(key) = text.parse::<VerifierKey>() {
            assert_eq!(key.to_string(), text);
        }
        if let Ok(hash) = text.parse::<Hash>() {
            assert_eq!(hash.to_string(), text);
        }
    }

    #[test]
    fn good_texts_are_accepted_before_they_are_changed() {
        let [note, checkpoint, proof, request, key, resource, bundle] = good();
        assert!(
            Note::parse(note.as_bytes())
                .unwrap()
                .verify(&[key.parse().unwrap()])
                .is_ok()
        );
        assert!(Checkpoint::from_note(&Note::parse(checkpoint.as_bytes()).unwrap()).is_ok());
        assert!(LogProof::parse(proof.as_bytes()).is_ok());
        assert!(AddCheckpoint::parse(request.as_bytes()).is_ok());
        assert!(resource.parse::<Resource>().is_ok());
        assert!(EntryBundle::decode(bundle.as_bytes()).is_ok());
    }

    #[test]
    fn parsers_never_panic_and_accept_one_spelling() {
        let key: VerifierKey = KEY.parse().unwrap();
        let good = good();
        bolero::check!().with_test_time(TIME).for_each(|input: &[u8]| {
            assert_one_spelling(input, &key);
            assert_one_spelling(assembled(input).as_bytes(), &key);
            good.iter()
                .for_each(|text| assert_one_spelling(&mutated(text, input), &key));
        });
    }

    #[test]
    fn proofs_of_any_shape_never_panic_and_only_true_ones_pass() {
        let leaves: Vec<Hash> = (0..300_u16)
            .map(|number| leaf_hash(&number.to_be_bytes()))
            .collect();
        let growth = Tree::empty().append(leaves.iter().copied());
        let mut tiles = MemoryTiles::default();
        tiles.extend(growth.tiles);
        let root = growth.tree.root();
        type Claim = (u64, u64, Vec<u16>);
        bolero::check!()
            .with_test_time(TIME)
            .with_type::<Claim>()
            .for_each(|(index, size, picks)| {
                let proof: Vec<Hash> = picks
                    .iter()
                    .map(|pick| leaves[usize::from(*pick) % leaves.len()])
                    .collect();
                let leaf = leaves[usize::try_from(index % 300).unwrap()];
                assert!(inclusion::verify(&leaf, *index, *size, &proof, &root).is_err());
                let told = consistency::verify(*index, &leaf, *size, &root, &proof);
                assert!(told.is_err(), "no leaf is the root of a larger tree");
                let (index, size) = (index % 300, 300);
                let honest = inclusion::prove(index, size, &tiles).unwrap();
                inclusion::verify(&leaf, index, size, &honest, &root).unwrap();
            });
    }

    #[test]
    fn growth_in_any_steps_gives_one_tree() {
        bolero::check!()
            .with_test_time(TIME)
            .with_type::<Vec<u8>>()
            .for_each(|steps| {
                let mut tree = Tree::empty();
                let mut tiles = MemoryTiles::default();
                let mut number = 0_u32;
                let mut leaves = Vec::new();
                for step in steps.iter().take(8) {
                    let more: Vec<Hash> = (0..u32::from(*step))
                        .map(|more| leaf_hash(&(number + more).to_be_bytes()))
                        .collect();
                    number += u32::from(*step);
                    let growth = tree.append(more.iter().copied());
                    leaves.extend(more);
                    tiles.extend(growth.tiles);
                    tree = growth.tree;
                }
                assert_eq!(Tree::empty().append(leaves).tree, tree);
                assert_eq!(Tree::load(tree.size(), &tiles).unwrap(), tree);
            });
    }
}
