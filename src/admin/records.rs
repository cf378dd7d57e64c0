//! The registered admins: SQL and rows.

use countersign_jose::Thumbprint;

use crate::base::{AdminName, Timestamp};
use crate::store::{Batch, Db, Row, StoreError};

/// The guard that fails when an admin of this name is registered with other facts, or the certificate with another name.
pub const CONFLICT: &str = "admin";

/// Someone who is to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAdmin {
    /// The name, unique.
    pub name: AdminName,
    /// The person behind it.
    pub person: String,
    /// What they may do; the policies give the names their meaning.
    pub roles: Vec<String>,
    /// SHA-256 of the client certificate's DER, unique.
    pub certificate: Thumbprint,
}

/// A registered admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// The name.
    pub name: AdminName,
    /// The person behind it.
    pub person: String,
    /// What they may do.
    pub roles: Vec<String>,
    /// SHA-256 of the client certificate's DER.
    pub certificate: Thumbprint,
    /// When they were registered.
    pub created_at: Timestamp,
    /// Since when they may do nothing any more.
    pub disabled_at: Option<Timestamp>,
}

/// The register, read live: who is disabled is refused with their next request.
#[derive(Clone)]
pub struct Admins {
    db: Db,
}

impl Admins {
    /// The register in `db`.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// Whoever comes with this certificate, disabled ones included.
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn by_certificate(&self, certificate: &Thumbprint) -> Result<Option<Admin>, StoreError> {
        let sql = "SELECT name, person, roles, certificate_thumbprint, created_at, disabled_at \
                   FROM admin WHERE certificate_thumbprint = $1";
        let row = self
            .db
            .query_one(sql, vec![certificate.to_string().into()])
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The admin of this name, disabled ones included.
    ///
    /// # Errors
    /// As [`Db::query`].
    pub async fn by_name(&self, name: &AdminName) -> Result<Option<Admin>, StoreError> {
        let sql = "SELECT name, person, roles, certificate_thumbprint, created_at, disabled_at \
                   FROM admin WHERE name = $1";
        let row = self.db.query_one(sql, vec![name.as_str().into()]).await?;
        row.as_ref().map(read).transpose()
    }
}

/// Adds `admin` to what `batch` does. Twice changes nothing; the guard [`CONFLICT`] fails when the name stands for other
/// facts or the certificate for another name.
pub fn add_to_batch(batch: &mut Batch, admin: &NewAdmin, now: Timestamp) {
    let roles = serde_json::Value::from(admin.roles.clone()).to_string();
    let facts = || {
        vec![
            admin.name.as_str().into(),
            admin.person.as_str().into(),
            roles.as_str().into(),
            admin.certificate.to_string().into(),
        ]
    };
    let mut row = facts();
    row.push(now.into());
    batch.run(
        "INSERT INTO admin (name, person, roles, certificate_thumbprint, created_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        row,
    );
    batch.one_row(
        CONFLICT,
        "UPDATE admin SET person = $2 \
         WHERE name = $1 AND person = $2 AND roles = $3 AND certificate_thumbprint = $4",
        facts(),
    );
}

fn read(row: &Row) -> Result<Admin, StoreError> {
    let corrupt = StoreError::Corrupt("admin");
    Ok(Admin {
        name: AdminName::new(row.text(0)?),
        person: row.text(1)?.to_owned(),
        roles: serde_json::from_str(row.text(2)?).map_err(|_| corrupt.clone())?,
        certificate: Thumbprint::parse(row.text(3)?).ok_or(corrupt)?,
        created_at: row.time(4)?,
        disabled_at: row.optional_time(5)?,
    })
}
