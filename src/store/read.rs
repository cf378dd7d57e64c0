//! Read connections beside the writer, each on a thread of its own, so that no query blocks a runtime.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::bind::bind;
use super::error::StoreError;
use super::row::{Row, Value};
use super::threads::Threads;

/// Queries that may wait for a read connection.
const WAITING: usize = 4096;

struct Query {
    sql: &'static str,
    parameters: Vec<Value>,
    answer: oneshot::Sender<Result<Vec<Row>, StoreError>>,
}

/// The way to the read threads; they end when the last of these is dropped.
#[derive(Clone)]
pub(super) struct Readers {
    threads: Arc<Threads<Query>>,
}

impl Readers {
    /// Starts a thread for each connection.
    pub(super) fn start(connections: Vec<Connection>) -> Result<Self, StoreError> {
        let (queries, waiting) = sync_channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        let mut threads = Threads::new(queries);
        for connection in connections {
            let waiting = Arc::clone(&waiting);
            threads.spawn("store-reader", move || answer_all(&connection, &waiting))?;
        }
        Ok(Self {
            threads: Arc::new(threads),
        })
    }

    /// The rows `sql` selects.
    pub(super) async fn query(
        &self,
        sql: &'static str,
        parameters: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let (answer, rows) = oneshot::channel();
        self.threads.hand_over(Query {
            sql,
            parameters,
            answer,
        })?;
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

pub(super) fn select(
    connection: &Connection,
    sql: &str,
    parameters: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let mut prepared = connection.prepare_cached(sql)?;
    let columns = prepared.column_count();
    bind(&mut prepared, parameters)?;
    let mut found = prepared.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let values = (0..columns)
            .map(|index| row.get_ref(index).map(Value::from))
            .collect::<Result<_, _>>()?;
        rows.push(Row(values));
    }
    Ok(rows)
}

/// How often a statement over a store was planned anew although it was prepared, when it is asked `times` times.
#[cfg(test)]
pub(crate) fn plans(path: &std::path::Path, sql: &str, parameters: &[Value], times: usize) -> i32 {
    let connection = Connection::open(path).unwrap();
    let mut prepared = connection.prepare(sql).unwrap();
    for _ in 0..times {
        bind(&mut prepared, parameters).unwrap();
        let mut rows = prepared.raw_query();
        while rows.next().unwrap().is_some() {}
        drop(rows);
        // As a statement is left that goes back among the prepared ones.
        prepared.clear_bindings();
    }
    prepared.get_status(rusqlite::StatementStatus::RePrepare)
}
