//! Versions of cases, and the index that `review_cases` is of the newest ones.
//!
//! A version is written once and stays. The index is searched and sorted by; whatever it says is worked
//! out from a version, so it can be written anew from them. The database refuses an index that holds
//! anything but the newest version, so the version goes first.

/// Keeping versions and writing the index; see the module. Goes with `relational!`, whose names it uses.
macro_rules! versions {
    ($store:ident, $tx:ident) => {
        /// Cases that are read at once to write the index anew.
        const REINDEX_PAGE: i64 = 500;

        impl $store {
            async fn kept(
                &self,
                case_id: &str,
                version: i64,
            ) -> Result<Option<VersionRow>, StoreError> {
                let row = sqlx::query(common::VERSION)
                    .bind(case_id)
                    .bind(version)
                    .fetch_optional(self.reader())
                    .await
                    .map_err(self.fault("read a version of a case"))?;
                row.as_ref()
                    .map(stored::version)
                    .transpose()
                    .map_err(self.fault("read a version of a case"))
            }

            async fn kept_between(
                &self,
                after: i64,
                until: i64,
            ) -> Result<Vec<VersionRow>, StoreError> {
                let rows = sqlx::query(common::VERSIONS_BETWEEN)
                    .bind(after)
                    .bind(until)
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("read versions of cases"))?;
                rows.iter()
                    .map(stored::version)
                    .collect::<Result<_, sqlx::Error>>()
                    .map_err(self.fault("read versions of cases"))
            }
        }

        impl $tx {
            async fn put_version(
                &mut self,
                case: &Case,
                replaces: Option<&Case>,
                seq: i64,
            ) -> Result<(), StoreError> {
                let fault = self.fault("keep a version of a case");
                let document = case.document();
                let kept = sqlx::query(common::KEEP_VERSION)
                    .bind(&case.case_id)
                    .bind(case.version)
                    .bind(seq)
                    .bind(&document)
                    .bind(sha256_of(&document))
                    .execute(&mut *self.inner)
                    .await
                    .map_err(fault)?;
                let statement = match replaces {
                    Some(_) => common::UPDATE,
                    None => common::INSERT,
                };
                let written = match kept.rows_affected() {
                    0 => 0,
                    _ => self.index(statement, case, &document, replaces).await?,
                };
                match written {
                    0 => Err(StoreError::Conflict {
                        case_id: case.case_id.clone(),
                        version: replaces.map_or(0, |before| before.version),
                    }),
                    _ => Ok(()),
                }
            }

            /// Writes one case into the index; how many rows that were.
            async fn index(
                &mut self,
                statement: &'static str,
                case: &Case,
                document: &str,
                replaces: Option<&Case>,
            ) -> Result<u64, StoreError> {
                let fault = self.fault("store a case");
                let mut query = sqlx::query(statement)
                    .bind(&case.case_id)
                    .bind(&case.anomaly_id)
                    .bind(case.version)
                    .bind(&case.state)
                    .bind(is_open(case))
                    .bind(case.severity.code())
                    .bind(&case.subject)
                    .bind(&case.rule_group)
                    .bind(case.org_code.as_deref())
                    .bind(case.assignee.as_deref())
                    .bind(case.claimed_until)
                    .bind(case.due_at)
                    .bind(case.timer_at)
                    .bind(case.opened_at)
                    .bind(document)
                    .bind(case.look_back_until);
                if let Some(before) = replaces {
                    query = query.bind(before.version).bind(&before.state);
                }
                let done = query.execute(&mut *self.inner).await.map_err(fault)?;
                Ok(done.rows_affected())
            }

            async fn reindex(&mut self) -> Result<u64, StoreError> {
                let fault = self.fault("rebuild the index of cases");
                for statement in [common::FORGET_STRAYS, common::FREE_ANOMALIES] {
                    sqlx::query(statement)
                        .execute(&mut *self.inner)
                        .await
                        .map_err(&fault)?;
                }
                let (mut after, mut cases) = (String::new(), 0);
                loop {
                    let newest: Vec<(String, String)> = sqlx::query(common::NEWEST_AFTER)
                        .bind(&after)
                        .bind(REINDEX_PAGE)
                        .fetch_all(&mut *self.inner)
                        .await
                        .map_err(&fault)?
                        .iter()
                        .map(stored::case_document)
                        .collect::<Result<_, sqlx::Error>>()
                        .map_err(&fault)?;
                    let Some((last, _)) = newest.last() else {
                        return Ok(cases);
                    };
                    after.clone_from(last);
                    for (id, document) in newest {
                        let case = stored::case(&self.database, id, &document)?;
                        cases += self.index(common::REINDEX, &case, &document, None).await?;
                    }
                }
            }
        }
    };
}
pub(in crate::review) use versions;
