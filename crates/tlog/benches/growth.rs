//! What the log's tree costs as it grows: appending, proving inclusion, verifying a proof, auditing nothing but the path.
//!
//! `cargo bench -p countersign-tlog` prints one line a size. Tiles stand in memory, so this is the tree's own cost, without
//! the store's. Figures are medians of rounds on the machine it ran on; compare them with each other, not with another
//! machine's.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on says so by panicking"
)]

use std::hint::black_box;
use std::time::Instant;

use countersign_tlog::hash::leaf_hash;
use countersign_tlog::{MemoryTiles, Tree, inclusion};

const SIZES: [u64; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// Leaves of one append, as a sequencer under load takes them.
const TOGETHER: u64 = 256;
const ROUNDS: usize = 9;

fn main() {
    println!(
        "{:>10}  {:>12}  {:>12}  {:>12}  {:>12}",
        "leaves", "append ns", "root us", "prove us", "verify us"
    );
    let mut tiles = MemoryTiles::default();
    let mut tree = Tree::empty();
    for size in SIZES {
        let began = Instant::now();
        let before = tree.size();
        while tree.size() < size {
            let end = (tree.size() + TOGETHER).min(size);
            let growth = tree.append((tree.size()..end).map(|leaf| leaf_hash(&leaf.to_be_bytes())));
            tiles.extend(growth.tiles);
            tree = growth.tree;
        }
        let append = began.elapsed().as_secs_f64() * 1e9 / (size - before) as f64;
        let root = tree.root();
        let heads = median(|_| {
            black_box(tree.root());
        });
        let place = |round: u64| round * 7_919 % size;
        let proving = median(|round| drop(black_box(inclusion::prove(place(round), size, &tiles).unwrap())));
        let (leaf, proof) = (
            leaf_hash(&place(1).to_be_bytes()),
            inclusion::prove(place(1), size, &tiles).unwrap(),
        );
        let verifying = median(|_| inclusion::verify(&leaf, place(1), size, &proof, &root).unwrap());
        println!("{size:>10}  {append:>12.0}  {heads:>12.2}  {proving:>12.2}  {verifying:>12.2}");
    }
}

/// The median time of one call in microseconds, over rounds of a thousand.
fn median(mut call: impl FnMut(u64)) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            (0..1000).for_each(&mut call);
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    rounds.sort_unstable_by(f64::total_cmp);
    rounds.get(ROUNDS / 2).copied().unwrap_or_default()
}
