//! The registered clients, held in memory and read again when one changed.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::client::{Client, Registration};
use crate::base::{ClientId, Timestamp};
use crate::store::{Batch, Db, StoreError};

type Table = HashMap<ClientId, Arc<Client>>;
/// Number of clients and time of the last change: they differ when anything did.
type Version = (i64, i64);

/// The clients.
pub struct Clients {
    db: Db,
    current: ArcSwap<(Version, Table)>,
}

impl Clients {
    /// Reads all clients from `db`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(db: Db) -> Result<Self, StoreError> {
        let clients = Self {
            db,
            current: ArcSwap::default(),
        };
        clients.refresh().await?;
        Ok(clients)
    }

    /// The client called `id`, unless it is disabled.
    #[must_use]
    pub fn find(&self, id: &ClientId) -> Option<Arc<Client>> {
        let current = self.current.load();
        let client = current.1.get(id)?;
        client.disabled_at.is_none().then(|| Arc::clone(client))
    }

    /// Reads the clients again if any changed; a job calls it every second.
    ///
    /// # Errors
    /// [`StoreError`]; the picture stays as it was.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let version = self.version().await?;
        if version == self.current.load().0 {
            return Ok(());
        }
        let rows = self
            .db
            .query("SELECT metadata, disabled_at FROM client", Vec::new())
            .await?;
        let mut table = Table::new();
        for row in rows {
            let mut client = read(row.text(0)?)?;
            client.disabled_at = row.optional_time(1)?;
            table.insert(client.id.clone(), Arc::new(client));
        }
        self.current.store(Arc::new((version, table)));
        Ok(())
    }

    async fn version(&self) -> Result<Version, StoreError> {
        let row = self
            .db
            .query_one(
                "SELECT COUNT(*), COALESCE(MAX(changed_at), 0) FROM client",
                Vec::new(),
            )
            .await?
            .ok_or(StoreError::Corrupt("client"))?;
        Ok((row.integer(0)?, row.integer(1)?))
    }
}

/// Adds a client to `batch`.
pub fn add(batch: &mut Batch, client: &Client, now: Timestamp) {
    let metadata = serde_json::to_string(&client.registration).unwrap_or_default();
    batch.run(
        "INSERT INTO client (client_id, profile, metadata, created_at, changed_at) VALUES ($1, $2, $3, $4, $4)",
        vec![
            client.id.as_str().into(),
            client.profile.name().into(),
            metadata.into(),
            now.into(),
        ],
    );
}

/// Disables a client: no login, no token, no request, until enabled.
pub fn disable(batch: &mut Batch, client: &ClientId, now: Timestamp) {
    batch.one_row(
        "client exists",
        "UPDATE client SET disabled_at = $2, changed_at = $2 WHERE client_id = $1",
        vec![client.as_str().into(), now.into()],
    );
}

fn read(metadata: &str) -> Result<Client, StoreError> {
    let registration: Registration =
        serde_json::from_str(metadata).map_err(|_| StoreError::Corrupt("client.metadata"))?;
    Client::new(registration).map_err(|_| StoreError::Corrupt("client.metadata"))
}
