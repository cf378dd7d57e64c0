//! Forgetting what is over, a piece at a time, so that whoever waits for the writer waits for a piece and not for all
//! of it.

use super::batch::Batch;
use super::db::Db;
use super::error::StoreError;
use crate::base::Timestamp;

/// Rows of a piece: some milliseconds of the writer's time, where every one of them lies in another page.
const PIECE: i64 = 500;

/// Rows whose time is over.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Selects a row when there is any; `$1` is the moment. It has to find one by an index.
    pub any: &'static str,
    /// Removes at most `$2` of them, and at least one when there is any.
    pub some: &'static str,
}

impl Db {
    /// Removes every row that has ended by `now`. Many commits of others may lie between its own; what was removed
    /// before an error stays so.
    ///
    /// # Errors
    /// As [`Db::query`] and [`Db::commit`].
    pub async fn forget(&self, ended: &Ended, now: Timestamp) -> Result<(), StoreError> {
        while self.query_one(ended.any, vec![now.into()]).await?.is_some() {
            let mut batch = Batch::new();
            batch.run(ended.some, vec![now.into(), PIECE.into()]);
            self.commit(batch).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCES: Ended = Ended {
        any: "SELECT 1 FROM used_nonce WHERE until < $1 LIMIT 1",
        some: "DELETE FROM used_nonce WHERE until < $1 AND until <= \
             (SELECT max(until) FROM (SELECT until FROM used_nonce ORDER BY until LIMIT $2) AS oldest)",
    };

    async fn left(db: &Db) -> i64 {
        let sql = "SELECT count(*) FROM used_nonce";
        db.query_one(sql, vec![])
            .await
            .unwrap()
            .unwrap()
            .integer(0)
            .unwrap()
    }

    #[tokio::test]
    async fn what_has_ended_goes_in_pieces_and_nothing_else_goes() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("gate.db")).unwrap();
        let rows = PIECE * 2 + 10;
        let mut fill = Batch::new();
        for until in 0..rows {
            fill.run(
                "INSERT INTO used_nonce (until, nonce) VALUES ($1, x'00')",
                vec![until.into()],
            );
        }
        db.commit(fill).await.unwrap();
        let now = Timestamp::from_micros(rows - 5);
        let mut piece = Batch::new();
        piece.run(NONCES.some, vec![now.into(), PIECE.into()]);
        db.commit(piece).await.unwrap();
        assert_eq!(left(&db).await, rows - PIECE);
        db.forget(&NONCES, now).await.unwrap();
        assert_eq!(left(&db).await, 5);
        db.forget(&NONCES, now).await.unwrap();
        assert_eq!(left(&db).await, 5);
    }
}
