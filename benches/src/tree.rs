//! What the log costs as it grows: the tree alone, in memory, at 10^3 to 10^7 leaves.

use std::hint::black_box;
use std::time::Instant;

use countersign_tlog::hash::leaf_hash;
use countersign_tlog::{MemoryTiles, Tree, inclusion};

use crate::Outcome;
use crate::document::{Document, circumstances, table, thousands};
use crate::machine::Watch;
use crate::plot::{Axis, Plot, Scale, Series};
use crate::statistics::median;

/// Leaves.
const SIZES: [u64; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// Leaves of one append, as a sequencer under load takes them.
const TOGETHER: u64 = 256;
const ROUNDS: usize = 9;
/// Calls of one round.
const CALLS: u64 = 1_000;

/// Microseconds at one size.
struct Cost {
    leaves: u64,
    append: f64,
    root: f64,
    prove: f64,
    verify: f64,
}

/// Measures, and writes table and plot. Sizes above `most` are left out.
///
/// # Errors
/// A proof fails, or the page cannot be written.
pub fn measure(most: u64, within: &std::path::Path, document: &Document) -> Outcome<()> {
    let watch = Watch::start();
    let (mut tiles, mut tree) = (MemoryTiles::default(), Tree::empty());
    let mut costs = Vec::new();
    for leaves in SIZES.into_iter().filter(|&size| size <= most) {
        costs.push(cost(leaves, &mut tree, &mut tiles)?);
    }
    let row = |cost: &Cost| {
        vec![
            thousands(cost.leaves as f64),
            format!("{:.0}", cost.append * 1e3),
            format!("{:.0}", cost.root),
            format!("{:.0}", cost.prove),
            format!("{:.1}", cost.verify),
        ]
    };
    let heads = [
        "leaves",
        "append, ns a leaf",
        "root, µs",
        "prove inclusion, µs",
        "verify a proof, µs",
    ];
    let text = [
        circumstances(&watch, within),
        table(&heads, &costs.iter().map(row).collect::<Vec<_>>()),
        plot(&costs, document)?,
    ];
    document.put("tree", &format!("{}\n", text.join("\n\n")))
}

fn cost(leaves: u64, tree: &mut Tree, tiles: &mut MemoryTiles) -> Outcome<Cost> {
    let began = Instant::now();
    let before = tree.size();
    while tree.size() < leaves {
        let end = (tree.size() + TOGETHER).min(leaves);
        let growth = tree.append((tree.size()..end).map(|leaf| leaf_hash(&leaf.to_be_bytes())));
        tiles.extend(growth.tiles);
        *tree = growth.tree;
    }
    let append = began.elapsed().as_secs_f64() * 1e6 / (leaves - before) as f64;
    let root = tree.root();
    let place = |call: u64| call * 7_919 % leaves;
    let (leaf, proof) = (
        leaf_hash(&place(1).to_be_bytes()),
        inclusion::prove(place(1), leaves, tiles)?,
    );
    inclusion::verify(&leaf, place(1), leaves, &proof, &root)?;
    Ok(Cost {
        leaves,
        append,
        root: micros(|_| {
            black_box(tree.root());
        }),
        prove: micros(|call| drop(black_box(inclusion::prove(place(call), leaves, tiles)))),
        verify: micros(|_| {
            let verified = inclusion::verify(&leaf, place(1), leaves, &proof, &root);
            let _ = black_box(verified);
        }),
    })
}

/// The median time of one call, over rounds.
fn micros(mut call: impl FnMut(u64)) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        (0..CALLS).for_each(&mut call);
        began.elapsed().as_secs_f64() * 1e6 / CALLS as f64
    });
    median(&rounds.collect::<Vec<_>>())
}

fn plot(costs: &[Cost], document: &Document) -> Outcome<String> {
    let series = |name: &str, figure: &dyn Fn(&Cost) -> f64| Series {
        name: name.to_owned(),
        points: costs
            .iter()
            .map(|cost| (cost.leaves as f64, figure(cost)))
            .collect(),
    };
    let plot = Plot {
        title: "The log's tree by its size",
        x: Axis {
            title: "leaves",
            scale: Scale::Logarithmic,
        },
        y: Axis {
            title: "microseconds",
            scale: Scale::Logarithmic,
        },
        series: vec![
            series("append a leaf", &|cost| cost.append),
            series("root", &|cost| cost.root),
            series("prove inclusion", &|cost| cost.prove),
            series("verify a proof", &|cost| cost.verify),
        ],
    };
    document.plot(
        "tree",
        "Cost of appending, of the root, of proving and of verifying, from a thousand to ten million leaves",
        &plot.svg(),
    )
}
