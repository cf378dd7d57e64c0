//! RFC 6962, sections 2.1 to 2.1.2, written down once more exactly as the standard defines them: recursively, over the
//! entries, with another hash implementation's call. The crate is compared with this.

use countersign_tlog::Hash;

fn sha256(bytes: &[u8]) -> Hash {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    Hash(digest.as_ref().try_into().unwrap())
}

/// MTH(D[n])
pub(crate) fn tree_hash(entries: &[Vec<u8>]) -> Hash {
    match entries {
        [] => sha256(b""),
        [entry] => sha256(&[&[0], entry.as_slice()].concat()),
        _ => {
            let (left, right) = entries.split_at(split(entries.len()));
            sha256(&[&[1], &tree_hash(left).0[..], &tree_hash(right).0].concat())
        }
    }
}

/// PATH(m, D[n])
pub(crate) fn path(index: usize, entries: &[Vec<u8>]) -> Vec<Hash> {
    if entries.len() == 1 {
        return Vec::new();
    }
    let k = split(entries.len());
    let (left, right) = entries.split_at(k);
    let (mut path, sibling) = if index < k {
        (path(index, left), tree_hash(right))
    } else {
        (path(index - k, right), tree_hash(left))
    };
    path.push(sibling);
    path
}

/// PROOF(m, D[n])
pub(crate) fn proof(old: usize, entries: &[Vec<u8>]) -> Vec<Hash> {
    if old == 0 {
        Vec::new()
    } else {
        subproof(old, entries, true)
    }
}

fn subproof(m: usize, entries: &[Vec<u8>], complete: bool) -> Vec<Hash> {
    if m == entries.len() {
        return if complete {
            Vec::new()
        } else {
            vec![tree_hash(entries)]
        };
    }
    let k = split(entries.len());
    let (left, right) = entries.split_at(k);
    let (mut proof, other) = if m <= k {
        (subproof(m, left, complete), tree_hash(right))
    } else {
        (subproof(m - k, right, false), tree_hash(left))
    };
    proof.push(other);
    proof
}

/// The largest power of two smaller than n.
fn split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}
