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
    }
}

fn shared(budget: usize, waiting_limit: usize) -> Shared {
    Shared {
        budget,
        waiting_limit,
        queues: Mutex::default(),
        changed: Condvar::new(),
    }
}

fn enqueue(
    shared: &Shared,
    address: [u8; 4],
    known: bool,
    mark: u8,
) -> Result<oneshot::Receiver<Answer>, Overloaded> {
    let (answer, outcome) = oneshot::channel();
    let mut work = work(8);
    work.salt = vec![mark; 16];
    shared.enqueue(Job { work, answer }, Caller::new(address.into(), known))?;
    Ok(outcome)
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
    let first = shared.next().unwrap();
    assert_eq!(first.work.salt[0], 1);
    let free = shared.budget - shared.lock().reserved;
    assert_eq!(free, 0);
    assert!(shared.lock().take(free).is_none(), "the budget is taken");
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
    let hasher = Hasher::start(64 * 1024, 2, 4);
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
    let hasher = Hasher::start(1 << 20, 1, 10);
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
