//! The log of reads; see [`super::super::reads`].

/// Noting a read and looking reads up. Goes with `relational!`, whose names it uses; a dialect brings
/// `appender`, a connection that writes without waiting for the queue's lock.
macro_rules! reads {
    ($store:ident) => {
        impl $store {
            async fn append_read(&self, read: &Read) -> Result<(), StoreError> {
                sqlx::query(common::NOTE_READ)
                    .bind(read.at)
                    .bind(&read.actor)
                    .bind(&read.role)
                    .bind(read.org_code.as_deref())
                    .bind(&read.client)
                    .bind(&read.operation)
                    .bind(&read.kind)
                    .bind(read.subject.as_deref())
                    .bind(read.part.as_deref())
                    .bind(read.query.as_deref())
                    .bind(read.status)
                    .execute(self.appender())
                    .await
                    .map_err(self.fault("note a read"))?;
                Ok(())
            }

            async fn find_reads(&self, wanted: &ReadsWanted) -> Result<Vec<Read>, StoreError> {
                // No limit is more than there will ever be.
                let limit = match wanted.limit {
                    0 => i64::from(u32::MAX),
                    limit => i64::from(limit),
                };
                let rows = sqlx::query(common::READS)
                    .bind(wanted.actor.as_deref())
                    .bind(wanted.kind.as_deref())
                    .bind(wanted.subject.as_deref())
                    .bind(wanted.since)
                    .bind(wanted.until)
                    .bind(wanted.org_prefix.as_deref())
                    .bind(wanted.before)
                    .bind(limit)
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("look reads up"))?;
                rows.iter()
                    .map(stored::read)
                    .collect::<Result<_, sqlx::Error>>()
                    .map_err(self.fault("look reads up"))
            }
        }
    };
}
pub(in crate::review) use reads;
