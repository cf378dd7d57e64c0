//! Fairness and bounds, on a queue without threads, so that the order is exact; then real hashes.

use super::*;

const A: [u8; 4] = [192, 0, 2, 1];
const B: [u8; 4] = [192, 0, 2, 2];

fn work(memory_kib: u32) -> Work {
    Work {
        password: Secret::new(b"password".to_vec()),
        salt: b"somesaltsomesalt".to_vec(),
        pepper: None,
        algorithm_version: Version::V0x13,
        params: Params::new(memory_kib, 1, 1, Some(32)).unwrap(),
        output_bytes: 32,
        padding: None,
    }
}

fn shared(budget: usize, waiting_limit: usize) -> Shared {
    Shared::new(budget, waiting_limit, memory(&work(8).params))
}

fn enqueue(
    shared: &Shared,
    address: [u8; 4],
    known: bool,
    mark: u8,
) -> Result<oneshot::Receiver<Answer>, Overloaded> {
    let mut work = work(8);
    work.salt = vec![mark; 16];
    shared.enqueue(work, Caller::new(address.into(), known))
}

fn next(shared: &Shared) -> Option<u8> {
    shared.lock().take(usize::MAX).map(|job| job.work.salt[0])
}

#[test]
fn sources_take_turns_and_known_devices_go_first() {
    let shared = shared(1 << 20, 100);
    let _waiting: Vec<_> = [
        (A, false, 1),
        (A, false, 2),
        (A, false, 3),
        (B, false, 4),
        (B, true, 5),
    ]
    .map(|(address, known, mark)| enqueue(&shared, address, known, mark).unwrap())
    .into();
    let order: Vec<_> = std::iter::from_fn(|| next(&shared)).collect();
    assert_eq!(order, [5, 1, 4, 2, 3]);
}

#[test]
fn when_full_the_source_that_waits_most_gives_way_and_a_flood_does_not() {
    let shared = shared(1 << 20, 3);
    let mut flood: Vec<_> = (1..=3)
        .map(|mark| enqueue(&shared, A, false, mark).unwrap())
        .collect();
    assert!(enqueue(&shared, A, false, 4).is_err(), "the flood gets no more");
    let other = enqueue(&shared, B, false, 5);
    assert!(other.is_ok());
    assert_eq!(flood[2].try_recv().unwrap().err(), Some(Overloaded));
    let known = enqueue(&shared, B, true, 6);
    assert!(known.is_ok());
    let order: Vec<_> = std::iter::from_fn(|| next(&shared)).collect();
    assert_eq!(order, [6, 1, 5]);
}

#[test]
fn a_hash_waits_until_its_memory_is_free() {
    let shared = shared(8 * 1024, 10);
    let _first = enqueue(&shared, A, false, 1).unwrap();
    let _second = enqueue(&shared, B, false, 2).unwrap();
    let (first, _) = shared.next().unwrap();
    assert_eq!(first.work.salt[0], 1);
    let free = shared.budget - shared.lock().reserved;
    assert_eq!(free, 0);
    assert!(shared.lock().take(free).is_none(), "the budget is taken");
}

/// PWD-07: what is held counts, not only what is in use.
#[test]
fn what_is_kept_for_later_is_within_the_budget() {
    let shared = shared(32 * 1024, 10);
    let caller = Caller::new(A.into(), false);
    let begin = |memory_kib| {
        let _unheard = shared.enqueue(work(memory_kib), caller).unwrap();
        let (job, mut blocks) = shared.next().unwrap();
        let given = blocks.len();
        blocks.resize(job.reserves / Block::SIZE, Block::default());
        (job.reserves, blocks, given)
    };
    let kept = || shared.lock().kept.iter().map(Vec::capacity).collect::<Vec<_>>();

    let usual: Vec<_> = (0..4).map(|_| begin(8)).collect();
    for (reserved, blocks, given) in usual {
        assert_eq!((reserved, blocks.len(), given), (8 * 1024, 8, 0));
        shared.give_back(reserved, blocks);
    }
    assert_eq!(kept(), [8, 8, 8, 8], "as much as the budget");

    let (reserved, blocks, given) = begin(20);
    assert_eq!((reserved, given), (20 * 1024, 0));
    assert_eq!(kept(), [8], "what is left of the budget beside a large one");
    shared.give_back(reserved, blocks);
    assert_eq!(kept(), [8], "the large one itself is not kept");

    let (reserved, blocks, given) = begin(8);
    assert_eq!((reserved, given), (8 * 1024, 8), "a usual one uses what is kept");
    shared.give_back(reserved, blocks);
    assert_eq!((kept(), shared.lock().reserved), (vec![8], 0));
}

#[test]
fn no_thread_is_started_that_the_budget_has_no_memory_for() {
    let useful = |budget_kib: usize, threads| shared(budget_kib * 1024, 10).useful(threads);
    assert_eq!(useful(8, 8), 1);
    assert_eq!(useful(31, 8), 3);
    assert_eq!(useful(1024, 8), 8);
    assert_eq!(useful(1024, 0), 1);
    assert_eq!(useful(1, 8), 1);
}

#[tokio::test]
async fn memory_is_used_again_and_a_large_hash_leaves_none_behind() {
    let hasher = Hasher::start(64 * 1024, 1, 4, &work(8).params);
    let caller = Caller::new(A.into(), false);
    for memory_kib in [8, 64, 8, 8] {
        hasher.run(work(memory_kib), caller).await.unwrap();
    }
    let small = hasher.run(work(8), caller).await.unwrap();
    let fresh = Hasher::start(64 * 1024, 1, 4, &work(64).params);
    let in_more_memory = fresh.run(work(8), caller).await.unwrap();
    assert_eq!(
        small.expose(),
        in_more_memory.expose(),
        "the size of the memory changes no hash"
    );
    let kept: Vec<_> = hasher.shared.lock().kept.iter().map(Vec::capacity).collect();
    assert!(kept.iter().all(|blocks| *blocks == 8), "{kept:?}");
}

#[test]
fn padding_is_done_after_the_hash_and_changes_nothing_of_it() {
    let mut padded = work(8);
    padded.padding = Some(Params::new(64, 2, 1, None).unwrap());
    assert_eq!(padded.memory(), 64 * 1024);
    let (mut few, mut many) = (vec![Block::default(); 8], vec![Block::default(); 64]);
    let alone = hash(&work(8), &mut few).unwrap();
    let followed = hash(&padded, &mut many).unwrap();
    assert_eq!(alone.expose(), followed.expose());
    let untouched = |block: &Block| block.as_ref().iter().all(|word| *word == 0);
    assert!(!many.iter().any(untouched), "all of its memory was filled");
}

#[test]
fn one_ipv6_network_is_one_source() {
    let caller = |text: &str| Caller::new(text.parse().unwrap(), false);
    assert_eq!(caller("2001:db8::1"), caller("2001:db8::ffff:1"));
    assert_ne!(caller("2001:db8::1"), caller("2001:db8:0:1::1"));
    assert_eq!(caller("::ffff:192.0.2.1"), caller("192.0.2.1"));
}

#[tokio::test]
async fn a_hash_beyond_the_budget_is_refused_and_others_are_made() {
    let hasher = Hasher::start(64 * 1024, 2, 4, &work(8).params);
    let caller = Caller::new(A.into(), false);
    assert!(hasher.run(work(72), caller).await.is_err());
    let once = hasher.run(work(8), caller).await.unwrap();
    let again = hasher.run(work(8), caller).await.unwrap();
    assert_eq!(once.expose(), again.expose());
    let mut peppered = work(8);
    peppered.pepper = Some(Secret::new(vec![1; 32]));
    assert_ne!(
        hasher.run(peppered, caller).await.unwrap().expose(),
        once.expose()
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn whoever_hashes_stands_back_and_nobody_else() {
    let hasher = Hasher::start(1 << 20, 1, 10, &work(8).params);
    let caller = Caller::new(A.into(), false);
    hasher.run(work(8), caller).await.unwrap();
    // The name in parentheses, and seventeen fields behind it how nice it is (proc_pid_stat(5)).
    let nice = |thread: std::path::PathBuf| {
        let stat = std::fs::read_to_string(thread.join("stat")).ok()?;
        let (name, fields) = stat.split_once('(')?.1.rsplit_once(')')?;
        let nice: i32 = fields.split_whitespace().nth(16)?.parse().ok()?;
        Some((name == "password-hash", nice))
    };
    let (_, own) = nice("/proc/thread-self".into()).unwrap();
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let threads: Vec<_> = threads.filter_map(|thread| nice(thread.path())).collect();
    assert!(threads.contains(&(true, (own + NICE).min(19))));
    assert!(threads.iter().all(|(hashes, nice)| *hashes || *nice == own));
}
