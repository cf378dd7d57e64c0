//! Runs password hashes on threads of their own. What they may use together is bounded in bytes, and what waits is served
//! known devices first and source by source, so that one flood cannot keep others waiting (PWD-07).

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use argon2::{Argon2, Block, Params, Version};
use tokio::sync::oneshot;

use super::ALGORITHM;
use crate::base::Secret;

/// How far these threads stand back behind those that carry requests, where they share a core (setpriority(2)): one hash takes
/// as long as eighty requests, all of which would notice it.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Too many hashes wait already; try again in a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct Overloaded;

/// Who asks for a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    source: Source,
    known: bool,
}

/// A network that counts as one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Source(IpAddr);

impl Caller {
    /// The other end of a connection; an IPv6 network of 64 bits counts as one source. `known` when the request proved
    /// the key of a device the customer has used before.
    #[must_use]
    pub fn new(address: IpAddr, known: bool) -> Self {
        let source = match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
            address => address,
        };
        Self {
            source: Source(source),
            known,
        }
    }
}

/// One hash to be made.
pub(super) struct Work {
    pub(super) password: Secret<Vec<u8>>,
    pub(super) salt: Vec<u8>,
    pub(super) pepper: Option<Secret<Vec<u8>>>,
    pub(super) algorithm_version: Version,
    pub(super) params: Params,
    pub(super) output_bytes: usize,
    /// Work of no use that follows in the same turn, so that a cheap hash takes as long as those made now.
    pub(super) padding: Option<Params>,
}

impl Work {
    fn memory(&self) -> usize {
        memory(&self.params).max(self.padding.as_ref().map_or(0, memory))
    }
}

type Answer = Result<Secret<Vec<u8>>, Overloaded>;

struct Job {
    work: Work,
    /// What it takes of the budget, in bytes.
    reserves: usize,
    answer: oneshot::Sender<Answer>,
}

/// The memory one hash needs, in bytes.
pub(super) fn memory(params: &Params) -> usize {
    params.block_count().saturating_mul(Block::SIZE)
}

/// The threads that hash, and what waits for them.
pub struct Hasher {
    shared: Arc<Shared>,
}

struct Shared {
    budget: usize,
    /// Memory of a hash made now, in bytes. A smaller hash reserves as much: so it can use what another one left.
    usual: usize,
    waiting_limit: usize,
    queues: Mutex<Queues>,
    changed: Condvar,
}

#[derive(Default)]
struct Queues {
    reserved: usize,
    /// Memory of the usual size that no hash uses now: clean memory from the operating system costs more than the hash itself.
    /// Together with what is reserved it is within the budget.
    kept: Vec<Vec<Block>>,
    known: Line,
    strangers: Line,
    closed: bool,
}

/// What waits, by source; sources take turns.
#[derive(Default)]
struct Line {
    turns: VecDeque<Source>,
    jobs: HashMap<Source, VecDeque<Job>>,
    waiting: usize,
}

impl Hasher {
    /// Starts at most `threads` threads that together hold at most `budget` bytes, busy or not, with at most `waiting_limit`
    /// hashes waiting. Hashes made now ask for `usual`.
    #[must_use]
    pub fn start(budget: usize, threads: usize, waiting_limit: usize, usual: &Params) -> Self {
        let shared = Arc::new(Shared::new(budget, waiting_limit, memory(usual)));
        for _ in 0..shared.useful(threads) {
            let shared = Arc::clone(&shared);
            // A thread that cannot be started leaves the work to the others; with none, everything is Overloaded.
            let _ = std::thread::Builder::new()
                .name("password-hash".to_owned())
                .spawn(move || {
                    stand_back();
                    shared.work();
                });
        }
        Self { shared }
    }

    /// Whether the budget has room for such a hash, once nothing else runs.
    pub(super) fn takes(&self, params: &Params) -> bool {
        memory(params) <= self.shared.budget
    }

    /// The hash that `work` asks for.
    ///
    /// # Errors
    /// [`Overloaded`] when too much waits, or when what waits was pushed out by a source that waits less.
    pub(super) async fn run(&self, work: Work, caller: Caller) -> Answer {
        if !self.takes(&work.params) {
            return Err(Overloaded);
        }
        let outcome = self.shared.enqueue(work, caller)?;
        outcome.await.unwrap_or(Err(Overloaded))
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn new(budget: usize, waiting_limit: usize, usual: usize) -> Self {
        Self {
            budget,
            usual: usual.min(budget),
            waiting_limit,
            queues: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// How many of `threads` the budget has work for at once.
    fn useful(&self, threads: usize) -> usize {
        let together = self.budget.checked_div(self.usual).unwrap_or(1);
        threads.min(together).max(1)
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(&self, work: Work, caller: Caller) -> Result<oneshot::Receiver<Answer>, Overloaded> {
        let (answer, outcome) = oneshot::channel();
        let job = Job {
            reserves: work.memory().max(self.usual),
            work,
            answer,
        };
        let mut queues = self.lock();
        if queues.waiting() >= self.waiting_limit && !queues.make_room(caller) {
            return Err(Overloaded);
        }
        queues.line(caller.known).push(caller.source, job);
        drop(queues);
        self.changed.notify_one();
        Ok(outcome)
    }

    fn work(&self) {
        while let Some((job, mut blocks)) = self.next() {
            if !job.answer.is_closed() {
                blocks.resize(job.reserves / Block::SIZE, Block::default());
                let outcome = hash(&job.work, &mut blocks);
                let _ = job.answer.send(outcome);
            }
            self.give_back(job.reserves, blocks);
        }
    }

    /// Waits for a job that fits the budget and reserves its memory; `None` when the hasher is gone. What was kept for it comes
    /// with it, if anything was.
    fn next(&self) -> Option<(Job, Vec<Block>)> {
        let mut queues = self.lock();
        loop {
            if queues.closed {
                return None;
            }
            let free = self.budget - queues.reserved;
            if let Some(job) = queues.take(free) {
                let (blocks, surplus) = queues.reserve(job.reserves, self.usual, self.budget);
                drop(queues);
                // Before the job takes memory of its own, and while nobody waits for the lock.
                drop(surplus);
                return Some((job, blocks));
            }
            queues = self.changed.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends a reservation. Memory of the usual size is kept for the next hash, other memory is not.
    fn give_back(&self, reserved: usize, blocks: Vec<Block>) {
        let kept = (blocks.len() * Block::SIZE == self.usual).then_some(blocks);
        let mut queues = self.lock();
        queues.reserved -= reserved;
        queues.kept.extend(kept);
        drop(queues);
        self.changed.notify_all();
    }
}

impl Queues {
    fn waiting(&self) -> usize {
        self.known.waiting + self.strangers.waiting
    }

    fn line(&mut self, known: bool) -> &mut Line {
        if known {
            &mut self.known
        } else {
            &mut self.strangers
        }
    }

    /// Reserves `bytes`. Returns what is kept for a hash of this size, and what may not be kept beside it any longer.
    fn reserve(&mut self, bytes: usize, usual: usize, budget: usize) -> (Vec<Block>, Vec<Vec<Block>>) {
        self.reserved += bytes;
        let blocks = if bytes == usual { self.kept.pop() } else { None };
        let room = (budget - self.reserved).checked_div(usual).unwrap_or(0);
        let surplus = self.kept.split_off(room.min(self.kept.len()));
        (blocks.unwrap_or_default(), surplus)
    }

    /// Known devices first. The first in line waits until its memory is free; nothing smaller overtakes it for ever.
    fn take(&mut self, free: usize) -> Option<Job> {
        if self.known.waiting > 0 {
            return self.known.take(free);
        }
        self.strangers.take(free)
    }

    /// Pushes out the newest job of the source that waits most, if that is more than the caller would then wait.
    fn make_room(&mut self, caller: Caller) -> bool {
        if caller.known && self.strangers.waiting > 0 {
            return self.strangers.push_out(0);
        }
        let line = self.line(caller.known);
        let mine = line.jobs.get(&caller.source).map_or(0, VecDeque::len);
        line.push_out(mine + 1)
    }
}

impl Line {
    fn push(&mut self, source: Source, job: Job) {
        let jobs = self.jobs.entry(source).or_default();
        if jobs.is_empty() {
            self.turns.push_back(source);
        }
        jobs.push_back(job);
        self.waiting += 1;
    }

    fn take(&mut self, free: usize) -> Option<Job> {
        let source = *self.turns.front()?;
        let jobs = self.jobs.get_mut(&source)?;
        if jobs.front().is_some_and(|job| job.reserves > free) {
            return None;
        }
        let job = jobs.pop_front()?;
        self.turns.pop_front();
        if jobs.is_empty() {
            self.jobs.remove(&source);
        } else {
            self.turns.push_back(source);
        }
        self.waiting -= 1;
        Some(job)
    }

    fn push_out(&mut self, more_than: usize) -> bool {
        let longest = self.jobs.iter().max_by_key(|(_, jobs)| jobs.len());
        let Some((source, length)) = longest.map(|(source, jobs)| (*source, jobs.len())) else {
            return false;
        };
        if length <= more_than {
            return false;
        }
        let Some(job) = self.jobs.get_mut(&source).and_then(VecDeque::pop_back) else {
            return false;
        };
        self.waiting -= 1;
        if length == 1 {
            self.jobs.remove(&source);
            self.turns.retain(|turn| *turn != source);
        }
        let _ = job.answer.send(Err(Overloaded));
        true
    }
}

/// The calling thread alone, as Linux takes it. Where that is refused it hashes as eagerly as everybody works.
#[cfg(target_os = "linux")]
fn stand_back() {
    use rustix::process::{getpriority_process, setpriority_process};
    let stood_back = getpriority_process(None).and_then(|nice| setpriority_process(None, nice + NICE));
    if let Err(error) = stood_back {
        tracing::debug!(%error, "threads that hash passwords have the priority of all others");
    }
}

/// Elsewhere a priority is the whole process's.
#[cfg(not(target_os = "linux"))]
fn stand_back() {}

fn hash(work: &Work, blocks: &mut [Block]) -> Answer {
    let params = work.params.clone();
    let argon2 = match &work.pepper {
        Some(pepper) => Argon2::new_with_secret(pepper.expose(), ALGORITHM, work.algorithm_version, params)
            .map_err(|_| Overloaded)?,
        None => Argon2::new(ALGORITHM, work.algorithm_version, params),
    };
    let mut out = zeroize::Zeroizing::new(vec![0; work.output_bytes]);
    argon2
        .hash_password_into_with_memory(
            work.password.expose(),
            &work.salt,
            out.as_mut_slice(),
            &mut *blocks,
        )
        .map_err(|_| Overloaded)?;
    if let Some(padding) = &work.padding {
        Argon2::new(ALGORITHM, Version::V0x13, padding.clone())
            .fill_memory(work.password.expose(), &work.salt, blocks)
            .map_err(|_| Overloaded)?;
    }
    Ok(Secret::new(std::mem::take(&mut *out)))
}

#[cfg(test)]
mod tests;
