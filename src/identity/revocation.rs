//! The picture in memory of what was revoked, so that a read needs no query to know that its session still holds.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::session::{self, SESSION_WAS_LIVE, Session};
use crate::base::{ClientId, Clock, CustomerId, Entropy, SessionId, Timestamp};
use crate::store::{Batch, Db, Ephemeral, StoreError};

/// A picture older than this is not believed.
const PICTURE_AGE: Duration = Duration::from_secs(2);
/// How long a revoked session stays in the picture: longer than any access token of it lives.
const REVOKED_KEPT: Duration = Duration::from_secs(15 * 60);
/// Activity is written at most this often for each session.
const ACTIVITY_STEP: Duration = Duration::from_secs(10);
/// Sessions whose activity is remembered between writes.
const ACTIVE_SESSIONS: usize = 1 << 20;
/// Sessions whose activity is written in one batch: some milliseconds of the store's writer, for which payments wait.
const ACTIVITY_TOGETHER: usize = 500;
/// Sessions whose activity is written in one turn. A hundred thousand that are always active are so written in time;
/// what does not fit waits for the next turn.
const ACTIVITY_A_TURN: usize = 20 * ACTIVITY_TOGETHER;
/// How long a turn may write before it leaves the rest to the next.
const WRITING: Duration = Duration::from_millis(300);

/// Why an access token that verifies is not accepted all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLive {
    /// The session was revoked.
    #[error("the session was revoked")]
    Revoked,
    /// The client is disabled.
    #[error("the client is disabled")]
    ClientDisabled,
    /// The customer is locked.
    #[error("the customer is locked")]
    CustomerLocked,
    /// It cannot be told: what is known of revocations is too old. Nothing may be let through.
    #[error("what is known of revocations is too old")]
    Unknown,
}

#[derive(Clone, Debug, Default)]
struct Picture {
    as_of: Timestamp,
    sessions: HashSet<SessionId>,
    clients: HashSet<ClientId>,
    customers: HashSet<CustomerId>,
}

/// The sessions and what is known of their ends.
pub struct Sessions {
    db: Db,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    picture: ArcSwap<Picture>,
    /// Held from the first query of a picture until it is hung up: an older one never replaces a newer, and whoever asks for
    /// a new one gets one that was begun after they asked.
    looking: tokio::sync::Mutex<()>,
    /// Revocations of this process that a picture read meanwhile may not show yet.
    ended_here: Mutex<HashMap<SessionId, Timestamp>>,
    noted: Ephemeral<()>,
    activity: Mutex<HashMap<SessionId, Timestamp>>,
}

impl Sessions {
    /// Reads the first picture.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(db: Db, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Self, StoreError> {
        let sessions = Self {
            db,
            clock,
            entropy,
            picture: ArcSwap::default(),
            looking: tokio::sync::Mutex::default(),
            ended_here: Mutex::default(),
            noted: Ephemeral::new(ACTIVE_SESSIONS),
            activity: Mutex::default(),
        };
        sessions.refresh().await?;
        Ok(sessions)
    }

    /// Whether a token of this session is still good, by what was known at most two seconds ago on any node and at once
    /// on this one.
    ///
    /// # Errors
    /// [`NotLive`].
    pub fn is_live(
        &self,
        session: &SessionId,
        client: &ClientId,
        customer: &CustomerId,
        now: Timestamp,
    ) -> Result<(), NotLive> {
        let picture = self.picture.load();
        if now.since(picture.as_of) > PICTURE_AGE {
            return Err(NotLive::Unknown);
        }
        if picture.sessions.contains(session) {
            return Err(NotLive::Revoked);
        }
        if picture.clients.contains(client) {
            return Err(NotLive::ClientDisabled);
        }
        if picture.customers.contains(customer) {
            return Err(NotLive::CustomerLocked);
        }
        Ok(())
    }

    /// Notes that the customer used the session; the next [`Sessions::write_activity`] writes it, at most every ten seconds.
    pub async fn touch(&self, session: &SessionId, now: Timestamp) {
        let key = countersign_jose::sha256(session.as_str().as_bytes());
        let noted = self.noted.insert(key, (), now.plus(ACTIVITY_STEP), now).await;
        if noted == Ok(crate::store::ephemeral::Seen::First) {
            let mut activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
            activity.insert(session.clone(), now);
        }
    }

    /// The session called `id`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, id: &SessionId) -> Result<Option<Session>, StoreError> {
        let row = self
            .db
            .query_one(session::SELECT, vec![id.as_str().into()])
            .await?;
        let Some(row) = row else { return Ok(None) };
        let mut session = Session::read(&row)?;
        let activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = activity.get(id) {
            session.last_activity = session.last_activity.max(*at);
        }
        Ok(Some(session))
    }

    /// Ends a session, with every token of it: at once on this node, within a second on others.
    ///
    /// # Errors
    /// [`StoreError`]; a session that was ended before is none.
    pub async fn revoke(&self, id: &SessionId, reason: &'static str) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut batch = Batch::new();
        session::revoke(&mut batch, id, reason, now, self.entropy.as_ref());
        match self.db.commit(batch).await {
            Err(StoreError::Guard(SESSION_WAS_LIVE)) | Ok(()) => {}
            Err(error) => return Err(error),
        }
        self.note_revoked(id, now);
        Ok(())
    }

    /// Takes a revocation that another batch of this process made into the picture at once.
    pub fn note_revoked(&self, id: &SessionId, now: Timestamp) {
        let mut ended = self.ended_here.lock().unwrap_or_else(PoisonError::into_inner);
        ended.insert(id.clone(), now);
        self.picture.rcu(|picture| {
            let mut next = Picture::clone(picture);
            next.sessions.insert(id.clone());
            next
        });
    }

    /// Reads the picture anew, also while the store takes no writes: reads go on then. A job calls it at least once a
    /// second, and whoever locked a customer or disabled a client calls it at once.
    ///
    /// # Errors
    /// [`StoreError`]; the picture stays as it was and ages.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.looking.lock().await;
        let as_of = self.clock.now();
        let since = as_of.minus(REVOKED_KEPT);
        let sessions = self
            .db
            .query("SELECT id FROM session WHERE revoked_at > $1", vec![since.into()])
            .await?;
        let clients = self
            .db
            .query(
                "SELECT client_id FROM client WHERE disabled_at IS NOT NULL",
                Vec::new(),
            )
            .await?;
        let customers = self
            .db
            .query("SELECT id FROM customer WHERE locked_at IS NOT NULL", Vec::new())
            .await?;
        let mut picture = Picture {
            as_of,
            ..Picture::default()
        };
        for row in &sessions {
            picture.sessions.insert(SessionId::new(row.text(0)?));
        }
        for row in &clients {
            picture.clients.insert(ClientId::new(row.text(0)?));
        }
        for row in &customers {
            picture.customers.insert(CustomerId::new(row.text(0)?));
        }
        let mut ended = self.ended_here.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, at| *at > since);
        picture.sessions.extend(ended.keys().cloned());
        self.picture.store(Arc::new(picture));
        Ok(())
    }

    /// Writes what [`Sessions::touch`] noted. A job of its own calls it: on a slow disk the picture does not age for it.
    ///
    /// # Errors
    /// [`StoreError`]; what was not written waits for the next call.
    pub async fn write_activity(&self) -> Result<(), StoreError> {
        let noted: Vec<_> = {
            let activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
            let some = activity.iter().take(ACTIVITY_A_TURN);
            some.map(|(session, at)| (session.clone(), *at)).collect()
        };
        let began = Instant::now();
        for some in noted.chunks(ACTIVITY_TOGETHER) {
            if began.elapsed() > WRITING {
                break;
            }
            let mut batch = Batch::new();
            for (session, at) in some {
                batch.run(
                    "UPDATE session SET last_activity = $2 WHERE id = $1 AND last_activity < $2",
                    vec![session.as_str().into(), (*at).into()],
                );
            }
            self.db.commit(batch).await?;
            let mut activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
            for (session, at) in some {
                if activity.get(session) == Some(at) {
                    activity.remove(session);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::base::{ManualClock, SystemEntropy};

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    /// Over a store of its own, which goes with its folder.
    async fn opened() -> (tempfile::TempDir, Arc<ManualClock>, Arc<Sessions>) {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("gate.db")).unwrap();
        let (clock, entropy) = (Arc::new(ManualClock::new(NOW)), SystemEntropy::default());
        let sessions = Sessions::open(db, clock.clone(), Arc::new(entropy)).await;
        (folder, clock, Arc::new(sessions.unwrap()))
    }

    #[tokio::test]
    async fn activity_is_written_so_much_a_turn_and_the_rest_in_the_next() {
        let (_folder, _, sessions) = opened().await;
        let mut row = Batch::new();
        row.run(
            "INSERT INTO session (id, customer, client, key_kind, key_thumbprint, acr, amr, auth_time, expires_at, \
             last_activity) VALUES ('there', 'c', 'a', 'jkt', x'00', 1, '[]', 1, 2, 1)",
            Vec::new(),
        );
        sessions.db.commit(row).await.unwrap();
        let waiting = || sessions.activity.lock().unwrap().len();
        for n in 0..ACTIVITY_A_TURN {
            let session = SessionId::new(format!("{n}"));
            sessions.activity.lock().unwrap().insert(session, NOW);
        }
        sessions
            .activity
            .lock()
            .unwrap()
            .insert(SessionId::new("there"), NOW);
        sessions.write_activity().await.unwrap();
        assert!(waiting() >= 1, "no turn writes more than {ACTIVITY_A_TURN}");
        while waiting() > 0 {
            let before = waiting();
            sessions.write_activity().await.unwrap();
            assert!(waiting() < before, "every turn writes some");
        }
        let sql = "SELECT last_activity FROM session WHERE id = 'there'";
        let written = sessions.db.query_one(sql, Vec::new()).await.unwrap().unwrap();
        assert_eq!(written.time(0).unwrap(), NOW);
    }

    /// A picture that was begun before the lock, and comes late, does not open the door again.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_picture_begun_earlier_never_replaces_a_newer_one() {
        let (_folder, clock, sessions) = opened().await;
        let over = Arc::new(AtomicBool::new(false));
        let lookers: Vec<_> = (0..3)
            .map(|_| {
                let (sessions, over) = (Arc::clone(&sessions), Arc::clone(&over));
                tokio::spawn(async move {
                    while !over.load(Ordering::Relaxed) {
                        sessions.refresh().await.unwrap();
                    }
                })
            })
            .collect();
        for _ in 0..1_000 {
            clock.advance(Duration::from_secs(1));
            sessions.refresh().await.unwrap();
            let as_of = sessions.picture.load().as_of;
            assert!(as_of >= clock.now(), "a picture of {as_of:?}");
        }
        over.store(true, Ordering::Relaxed);
        for looker in lookers {
            looker.await.unwrap();
        }
    }

    /// The picture is read though what was noted cannot be written.
    #[tokio::test]
    async fn the_picture_does_not_wait_for_the_writer() {
        let (_folder, clock, sessions) = opened().await;
        let mut gone = Batch::new();
        gone.run(
            "ALTER TABLE session RENAME COLUMN last_activity TO elsewhere",
            Vec::new(),
        );
        sessions.db.commit(gone).await.unwrap();
        sessions.touch(&SessionId::new("s"), clock.now()).await;
        clock.advance(Duration::from_secs(3));
        sessions.refresh().await.unwrap();
        assert_eq!(sessions.picture.load().as_of, clock.now());
        sessions.write_activity().await.unwrap_err();
        assert_eq!(
            sessions.activity.lock().unwrap().len(),
            1,
            "it waits for the next turn"
        );
    }
}
