//! Read connections beside the writer, each on a thread of its own, so that no query blocks a runtime.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::StoreError;
use super::row::{Row, Value};

/// Queries that may wait for a read connection.
const WAITING: usize = 4096;

struct Query {
    sql: &'static str,
    parameters: Vec<Value>,
    answer: oneshot::Sender<Result<Vec<Row>, StoreError>>,
}

/// The way to the read threads.
#[derive(Clone)]
pub(super) struct Readers {
    queries: SyncSender<Query>,
}

impl Readers {
    /// Starts a thread for each connection.
    pub(super) fn start(connections: Vec<Connection>) -> Result<Self, StoreError> {
        let (queries, waiting) = sync_channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for connection in connections {
            let waiting = Arc::clone(&waiting);
            std::thread::Builder::new()
                .name("store-reader".to_owned())
                .spawn(move || answer_all(&connection, &waiting))
                .map_err(|error| StoreError::Failed(error.to_string()))?;
        }
        Ok(Self { queries })
    }

    /// The rows `sql` selects.
    pub(super) async fn query(
        &self,
        sql: &'static str,
        parameters: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let (answer, rows) = oneshot::channel();
        self.queries
            .try_send(Query {
                sql,
                parameters,
                answer,
            })
            .map_err(|_| StoreError::Busy)?;
        rows.await.unwrap_or(Err(StoreError::Busy))
    }
}

fn answer_all(connection: &Connection, waiting: &Mutex<Receiver<Query>>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(query) = next else { return };
        let _ = query
            .answer
            .send(select(connection, query.sql, &query.parameters));
    }
}

fn select(connection: &Connection, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
    let mut prepared = connection.prepare_cached(sql)?;
    let columns = prepared.column_count();
    let mut found = prepared.query(rusqlite::params_from_iter(parameters))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let values = (0..columns)
            .map(|index| row.get_ref(index).map(Value::from))
            .collect::<Result<_, _>>()?;
        rows.push(Row(values));
    }
    Ok(rows)
}
