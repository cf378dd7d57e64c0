//! Published values: the eight leaves and roots that implementations of Certificate Transparency share, the notes of
//! the reference implementation, and the examples of the specifications.

use countersign_tlog::hash::{empty_root, leaf_hash, root};
use countersign_tlog::{
    Checkpoint, Hash, MemoryTiles, Note, NoteError, SignatureKind, Tree, VerifierKey, consistency, inclusion,
};
use ring::signature::Ed25519KeyPair;

const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Index of the leaf from 0, size, hashes.
const INCLUSION: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        3,
        &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    ),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

/// Old size, new size, hashes.
const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn hash(hex: &str) -> Hash {
    Hash(bytes(hex).try_into().unwrap())
}

fn leaf_hashes() -> Vec<Hash> {
    LEAVES.iter().map(|leaf| leaf_hash(&bytes(leaf))).collect()
}

/// TLOG-01
#[test]
fn the_roots_of_the_eight_leaves_are_the_published_ones() {
    assert_eq!(
        empty_root(),
        hash("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    );
    assert_eq!(Tree::empty().root(), empty_root());
    let mut tree = Tree::empty();
    for (size, expected) in (1..).zip(ROOTS) {
        tree = tree.append([leaf_hashes()[size - 1]]).tree;
        assert_eq!(tree.root(), hash(expected), "size {size}");
        assert_eq!(root(&leaf_hashes()[..size]), hash(expected), "size {size}");
    }
}

/// TLOG-01
#[test]
fn the_published_proofs_are_made_and_verified() {
    let mut tiles = MemoryTiles::default();
    tiles.extend(Tree::empty().append(leaf_hashes()).tiles);
    let root_of = |size: u64| hash(ROOTS[usize::try_from(size).unwrap() - 1]);
    for (index, size, expected) in INCLUSION {
        let expected: Vec<Hash> = expected.iter().map(|hex| hash(hex)).collect();
        assert_eq!(
            inclusion::prove(index, size, &tiles).unwrap(),
            expected,
            "leaf {index} of {size}"
        );
        let leaf = leaf_hashes()[usize::try_from(index).unwrap()];
        inclusion::verify(&leaf, index, size, &expected, &root_of(size)).unwrap();
    }
    for (old, new, expected) in CONSISTENCY {
        let expected: Vec<Hash> = expected.iter().map(|hex| hash(hex)).collect();
        assert_eq!(
            consistency::prove(old, new, &tiles).unwrap(),
            expected,
            "{old} to {new}"
        );
        consistency::verify(old, &root_of(old), new, &root_of(new), &expected).unwrap();
    }
}

const PETER_NEUMANN: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

/// The published test key's secret half, as the reference implementation's tests print it.
const PETER_NEUMANN_SEED: [u8; 32] = [
    0x81, 0x0a, 0x14, 0x02, 0xd5, 0x14, 0x6c, 0x8d, 0x84, 0xf2, 0x44, 0x33, 0x30, 0xf5, 0x40, 0x80, 0xeb,
    0xf9, 0x8e, 0xe1, 0x7d, 0x9c, 0x74, 0xf6, 0x25, 0x2f, 0xc5, 0xd5, 0xc7, 0x28, 0x31, 0x73,
];

const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

/// TLOG-03, TLOG-04
#[test]
fn the_note_of_the_reference_implementation_verifies() {
    let key: VerifierKey = PETER_NEUMANN.parse().unwrap();
    assert_eq!(key.to_string(), PETER_NEUMANN);
    let note = Note::parse(NOTE.as_bytes()).unwrap();
    assert_eq!(note.verify(std::slice::from_ref(&key)).unwrap()[0].key, &key);
    assert_eq!(note.to_string(), NOTE);
}

#[test]
fn the_examples_of_the_specifications_verify_as_far_as_they_can() {
    // C2SP signed-note and tlog-cosignature print notes, without keys: their form must pass, their signers be unknown.
    let poem = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n\
        — quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
    let note = Note::parse(poem.as_bytes()).unwrap();
    assert!(note.text().contains(":\n\ned"), "a text may hold empty lines");
    let cosigned = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let note = Note::parse(cosigned.as_bytes()).unwrap();
    let checkpoint = Checkpoint::from_note(&note).unwrap();
    assert_eq!(
        (checkpoint.origin(), checkpoint.size()),
        ("example.com/behind-the-sofa", 20_852_163)
    );
    assert_eq!(
        &note.signatures()[1].bytes()[..8],
        1_679_315_147_u64.to_be_bytes()
    );
    assert_eq!(note.to_string(), cosigned);
    assert_eq!(
        note.verify(&[PETER_NEUMANN.parse().unwrap()]),
        Err(NoteError::Unverified)
    );
}

/// TLOG-04
#[test]
fn signing_makes_the_published_bytes() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&PETER_NEUMANN_SEED).unwrap();
    let public = ring::signature::KeyPair::public_key(&pair)
        .as_ref()
        .try_into()
        .unwrap();
    let key = VerifierKey::new("PeterNeumann", SignatureKind::Ed25519, public).unwrap();
    assert_eq!(key.to_string(), PETER_NEUMANN);
    let mut note = Note::new(NOTE.split("\n\n").next().unwrap().to_owned() + "\n").unwrap();
    note.sign(&key, |text| {
        Ok::<_, NoteError>(pair.sign(text).as_ref().try_into().unwrap())
    })
    .unwrap();
    assert_eq!(note.to_string(), NOTE);
}
