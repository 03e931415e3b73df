//! The queue in a relational database, said once for both dialects.
//!
//! The two databases take the same statements but for those in each dialect's `sql.rs`, and the
//! library's types differ by database, so [`relational!`] (and [`versions!`] for the versions of cases and
//! their index, [`reads!`] for the log of reads) writes the same code for each. A dialect brings: how it is
//! opened and brought up to date; `lock`, which begins a transaction that excludes other writers;
//! `reader`, the connections that only read; `appender`, those that write without that lock; `fault`, which tells a busy or absent database from a faulty statement; and `sql::CASES` and
//! `sql::UNCLAIMED`.

mod read_log;
pub(super) mod sql;
mod version;

/// Texts as a JSON array, the form in which a list is handed to either database.
pub(super) fn json_list(texts: &[String]) -> String {
    // Texts into memory: this cannot fail.
    serde_json::to_string(texts).unwrap_or_else(|_| "[]".to_owned())
}

/// The permits of a scope as a JSON array; `None` when they do not matter.
pub(super) fn permits(scope: &super::caller::Scope) -> Option<String> {
    let permits: Vec<String> = scope.permits.as_ref()?.iter().cloned().collect();
    Some(json_list(&permits))
}

/// The transaction and the reading half of a store; see the module.
macro_rules! relational {
    ($store:ident, $tx:ident, $database:ty, $row:ty) => {
        use sqlx::Row as _;

        use super::caller::Scope;
        use super::case::{Case, sha256_of};
        use super::event::Event;
        use super::reads::{Read, ReadsWanted};
        use super::relational::{json_list, permits, sql as common};
        use super::store::{
            ActRow, Answered, FileRow, Filter, Fingerprint, Order, SendIntent, SentRow, Store, Tx,
            VersionRow, is_open,
        };
        use super::stored;

        /// The writing transaction; dropped without commit it rolls back.
        struct $tx {
            inner: sqlx::Transaction<'static, $database>,
            database: String,
        }

        impl $tx {
            fn fault(&self, what: &'static str) -> impl Fn(sqlx::Error) -> StoreError + use<> {
                let database = self.database.clone();
                move |source| fault(&database, what, source)
            }
        }

        #[async_trait::async_trait]
        impl Tx for $tx {
            async fn case(&mut self, case_id: &str) -> Result<Option<Case>, StoreError> {
                let fault = self.fault("read a case");
                let row = sqlx::query(common::CASE)
                    .bind(case_id)
                    .fetch_optional(&mut *self.inner)
                    .await
                    .map_err(fault)?;
                row.map(|row| case_of(&self.database, &row)).transpose()
            }

            async fn open_cases_on(
                &mut self,
                subject: &str,
                except: &str,
            ) -> Result<Vec<Case>, StoreError> {
                let fault = self.fault("look for open cases");
                let rows = sqlx::query(common::OPEN_ON)
                    .bind(subject)
                    .bind(except)
                    .fetch_all(&mut *self.inner)
                    .await
                    .map_err(fault)?;
                cases_of(&self.database, &rows)
            }

            async fn events_of(&mut self, case_id: &str) -> Result<Vec<Event>, StoreError> {
                let fault = self.fault("read the audit rows of a case");
                let rows = sqlx::query(common::EVENTS_OF)
                    .bind(case_id)
                    .fetch_all(&mut *self.inner)
                    .await
                    .map_err(fault)?;
                rows.iter()
                    .map(|row| event_of(&self.database, row))
                    .collect()
            }

            async fn acts_of(&mut self, case_id: &str) -> Result<Vec<ActRow>, StoreError> {
                let fault = self.fault("read acts");
                let rows = sqlx::query(common::ACTS_OF)
                    .bind(case_id)
                    .fetch_all(&mut *self.inner)
                    .await
                    .map_err(&fault)?;
                acts_from(&rows).map_err(fault)
            }

            async fn acts_waiting(&mut self, after: i64) -> Result<Vec<ActRow>, StoreError> {
                let fault = self.fault("read acts");
                let rows = sqlx::query(common::ACTS_WAITING)
                    .bind(after)
                    .fetch_all(&mut *self.inner)
                    .await
                    .map_err(&fault)?;
                acts_from(&rows).map_err(fault)
            }

            async fn put_act(&mut self, act: &ActRow) -> Result<(), StoreError> {
                let fault = self.fault("note an act");
                sqlx::query(common::PUT_ACT)
                    .bind(act.seq)
                    .bind(&act.act_id)
                    .bind(act.act_version)
                    .bind(&act.case_id)
                    .bind(&act.document)
                    .bind(&act.sha256)
                    .bind(act.at)
                    .execute(&mut *self.inner)
                    .await
                    .map_err(fault)?;
                Ok(())
            }

            async fn last_intent(&mut self, topic: &str) -> Result<Option<SendIntent>, StoreError> {
                let fault = self.fault("read what is being sent");
                let row = sqlx::query(common::LAST_INTENT)
                    .bind(topic)
                    .fetch_optional(&mut *self.inner)
                    .await
                    .map_err(&fault)?;
                row.as_ref().map(stored::intent).transpose().map_err(fault)
            }

            async fn put_intent(&mut self, intent: &SendIntent) -> Result<(), StoreError> {
                let fault = self.fault("note what is being sent");
                sqlx::query(common::PUT_INTENT)
                    .bind(&intent.topic)
                    .bind(intent.last_seq)
                    .bind(&intent.marks)
                    .bind(intent.until)
                    .bind(intent.at)
                    .execute(&mut *self.inner)
                    .await
                    .map_err(fault)?;
                Ok(())
            }

            async fn put_sent(&mut self, sent: &SentRow) -> Result<(), StoreError> {
                let fault = self.fault("note what was sent");
                sqlx::query(common::PUT_SENT)
                    .bind(sent.seq)
                    .bind(&sent.act_id)
                    .bind(&sent.topic)
                    .bind(sent.partition)
                    .bind(sent.offset)
                    .bind(sent.at)
                    .execute(&mut *self.inner)
                    .await
                    .map_err(fault)?;
                Ok(())
            }

            async fn looked_back_on(
                &mut self,
                subject: &str,
                rule_group: &str,
                at: i64,
            ) -> Result<Option<Case>, StoreError> {
                let fault = self.fault("look for a finished look-back");
                let row = sqlx::query(common::LOOKED_BACK_ON)
                    .bind(subject)
                    .bind(rule_group)
                    .bind(at)
                    .fetch_optional(&mut *self.inner)
                    .await
                    .map_err(fault)?;
                row.map(|row| case_of(&self.database, &row)).transpose()
            }

            async fn unclaimed(
                &mut self,
                states: &[String],
                org_code: Option<&str>,
                now: i64,
                limit: u32,
                offset: u32,
            ) -> Result<Vec<Case>, StoreError> {
                let fault = self.fault("look for work");
                let rows = sqlx::query(sql::UNCLAIMED)
                    .bind(json_list(states))
                    .bind(org_code)
                    .bind(now)
                    .bind(i64::from(limit))
                    .bind(i64::from(offset))
                    .fetch_all(&mut *self.inner)
                    .await
                    .map_err(fault)?;
                cases_of(&self.database, &rows)
            }

            async fn next_timer(
                &mut self,
                now: i64,
                waiting: u32,
            ) -> Result<Option<Case>, StoreError> {
                let fault = self.fault("look for the next timer");
                let row = sqlx::query(common::NEXT_TIMER)
                    .bind(now)
                    .bind(i64::from(waiting))
                    .fetch_optional(&mut *self.inner)
                    .await
                    .map_err(fault)?;
                row.map(|row| case_of(&self.database, &row)).transpose()
            }

            async fn put(
                &mut self,
                case: &Case,
                replaces: Option<&Case>,
                seq: i64,
            ) -> Result<(), StoreError> {
                self.put_version(case, replaces, seq).await
            }

            async fn rebuild_index(&mut self) -> Result<u64, StoreError> {
                self.reindex().await
            }

            async fn head(&mut self) -> Result<Option<(i64, String)>, StoreError> {
                let fault = self.fault("read the head of the chain");
                let row = sqlx::query(common::HEAD)
                    .fetch_optional(&mut *self.inner)
                    .await
                    .map_err(&fault)?;
                row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
                    .transpose()
                    .map_err(fault)
            }

            async fn append(&mut self, event: &Event) -> Result<(), StoreError> {
                let fault = self.fault("append an audit row");
                let json = |error: serde_json::Error| sqlx::Error::Encode(Box::new(error));
                let fields = serde_json::to_string(&event.fields)
                    .map_err(json)
                    .map_err(&fault)?;
                let attachments = serde_json::to_string(&event.attachments)
                    .map_err(json)
                    .map_err(&fault)?;
                sqlx::query(common::APPEND)
                    .bind(event.seq)
                    .bind(&event.case_id)
                    .bind(event.from_state.as_deref())
                    .bind(&event.to_state)
                    .bind(event.case_version)
                    .bind(&event.action)
                    .bind(&event.actor)
                    .bind(event.actor_certificate.as_deref())
                    .bind(&event.role)
                    .bind(event.org_code.as_deref())
                    .bind(event.at)
                    .bind(event.effective_at)
                    .bind(event.reason_code.as_deref())
                    .bind(event.note.as_deref())
                    .bind(fields)
                    .bind(attachments)
                    .bind(&event.client)
                    .bind(event.rule_version)
                    .bind(&event.policy_version)
                    .bind(&event.case_sha256)
                    .bind(&event.prev_hash)
                    .bind(&event.hash)
                    .execute(&mut *self.inner)
                    .await
                    .map_err(fault)?;
                Ok(())
            }

            async fn put_file(&mut self, file: &FileRow) -> Result<(), StoreError> {
                let fault = self.fault("note a file");
                sqlx::query(common::PUT_FILE)
                    .bind(file.seq)
                    .bind(file.position)
                    .bind(&file.case_id)
                    .bind(&file.name)
                    .bind(&file.sha256)
                    .bind(file.picture.as_deref())
                    .bind(file.kind.as_deref())
                    .bind(file.at)
                    .execute(&mut *self.inner)
                    .await
                    .map_err(fault)?;
                Ok(())
            }

            async fn answer_of(
                &mut self,
                user: &str,
                key: &str,
            ) -> Result<Option<Answered>, StoreError> {
                let fault = self.fault("look a request up");
                let row = sqlx::query(common::ANSWER_OF)
                    .bind(user)
                    .bind(key)
                    .fetch_optional(&mut *self.inner)
                    .await
                    .map_err(&fault)?;
                row.map(|row| stored::answered(&row))
                    .transpose()
                    .map_err(fault)
            }

            async fn put_answer(&mut self, answered: &Answered) -> Result<(), StoreError> {
                let fault = self.fault("note a request");
                sqlx::query(common::PUT_ANSWER)
                    .bind(&answered.user)
                    .bind(&answered.key)
                    .bind(&answered.fingerprint)
                    .bind(answered.document.as_deref())
                    .bind(answered.at)
                    .execute(&mut *self.inner)
                    .await
                    .map_err(fault)?;
                Ok(())
            }

            async fn forget_answers(&mut self, before: i64) -> Result<u64, StoreError> {
                let fault = self.fault("forget requests");
                let done = sqlx::query(common::FORGET_ANSWERS)
                    .bind(before)
                    .execute(&mut *self.inner)
                    .await
                    .map_err(fault)?;
                Ok(done.rows_affected())
            }

            async fn commit(self: Box<Self>) -> Result<(), StoreError> {
                let Self { inner, database } = *self;
                inner
                    .commit()
                    .await
                    .map_err(|source| fault(&database, "commit", source))
            }
        }

        fn case_of(database: &str, row: &$row) -> Result<Case, StoreError> {
            let (id, document) = stored::case_document(row)
                .map_err(|error| fault(database, "read a case", error))?;
            stored::case(database, id, &document)
        }

        fn cases_of(database: &str, rows: &[$row]) -> Result<Vec<Case>, StoreError> {
            rows.iter().map(|row| case_of(database, row)).collect()
        }

        fn event_of(database: &str, row: &$row) -> Result<Event, StoreError> {
            stored::event(row).map_err(|error| stored::bad_event(database, row, &error))
        }

        fn acts_from(rows: &[$row]) -> Result<Vec<ActRow>, sqlx::Error> {
            rows.iter().map(stored::act).collect()
        }

        impl $store {
            fn fault(&self, what: &'static str) -> impl Fn(sqlx::Error) -> StoreError + '_ {
                move |source| fault(&self.database, what, source)
            }
        }

        #[async_trait::async_trait]
        impl Store for $store {
            async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
                let inner = self.lock().await?;
                let database = self.database.clone();
                Ok(Box::new($tx { inner, database }))
            }

            async fn case(&self, case_id: &str) -> Result<Option<Case>, StoreError> {
                let row = sqlx::query(common::CASE)
                    .bind(case_id)
                    .fetch_optional(self.reader())
                    .await
                    .map_err(self.fault("read a case"))?;
                row.map(|row| case_of(&self.database, &row)).transpose()
            }

            async fn ids_like(&self, prefix: &str, limit: u32) -> Result<Vec<String>, StoreError> {
                sqlx::query_scalar(common::IDS_LIKE)
                    .bind(prefix)
                    .bind(i64::from(limit))
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("look an id up"))
            }

            async fn cases(&self, filter: &Filter) -> Result<Vec<Case>, StoreError> {
                // No limit is more than there will ever be.
                let limit = match filter.limit {
                    0 => i64::from(u32::MAX),
                    limit => i64::from(limit),
                };
                let statement = match filter.order {
                    Order::Urgency => sql::CASES,
                    Order::Opened => sql::CASES_OPENED,
                };
                let severities: Vec<String> = filter
                    .severities
                    .iter()
                    .map(|severity| severity.code().to_owned())
                    .collect();
                let after = filter.after.as_ref();
                let rows = sqlx::query(statement)
                    .bind(json_list(&filter.states))
                    .bind(filter.org_code.as_deref())
                    .bind(filter.assignee.as_deref())
                    .bind(filter.open_only)
                    .bind(limit)
                    .bind(i64::from(filter.offset))
                    .bind(filter.scope.org_prefix())
                    .bind(permits(&filter.scope))
                    .bind(json_list(&severities))
                    .bind(filter.permit_no.as_deref())
                    .bind(filter.subject.as_deref())
                    .bind(filter.rule_id.as_deref())
                    .bind(filter.due_before)
                    .bind(after.map(|place| i64::from(!place.is_open)))
                    .bind(after.map(|place| place.severity.as_str()))
                    .bind(after.map(|place| i64::from(place.due_at.is_none())))
                    .bind(after.map(|place| place.due_at.unwrap_or(0)))
                    .bind(after.map(|place| place.opened_at))
                    .bind(after.map(|place| place.case_id.as_str()))
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("list cases"))?;
                cases_of(&self.database, &rows)
            }

            async fn cases_of_unit(
                &self,
                permit_no: &str,
                since: i64,
            ) -> Result<Vec<Case>, StoreError> {
                let rows = sqlx::query(sql::OF_UNIT)
                    .bind(permit_no)
                    .bind(since)
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("list the cases of a unit"))?;
                cases_of(&self.database, &rows)
            }

            async fn counts(&self, scope: &Scope) -> Result<Vec<(String, i64)>, StoreError> {
                let rows = sqlx::query(sql::COUNTS)
                    .bind(scope.org_prefix())
                    .bind(permits(scope))
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("count cases"))?;
                rows.iter()
                    .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
                    .collect::<Result<_, sqlx::Error>>()
                    .map_err(self.fault("count cases"))
            }

            async fn events_of(&self, case_id: &str) -> Result<Vec<Event>, StoreError> {
                let rows = sqlx::query(common::EVENTS_OF)
                    .bind(case_id)
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("read the audit rows of a case"))?;
                rows.iter()
                    .map(|row| event_of(&self.database, row))
                    .collect()
            }

            async fn events(&self, after: i64, limit: u32) -> Result<Vec<Event>, StoreError> {
                let rows = sqlx::query(common::EVENTS)
                    .bind(after)
                    .bind(i64::from(limit))
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("read the audit chain"))?;
                rows.iter()
                    .map(|row| event_of(&self.database, row))
                    .collect()
            }

            async fn files_before(
                &self,
                seq: i64,
                position: i64,
                sha256: &str,
                pictures: bool,
            ) -> Result<Vec<FileRow>, StoreError> {
                let rows = sqlx::query(common::FILES_BEFORE)
                    .bind(seq)
                    .bind(position)
                    .bind(sha256)
                    .bind(pictures)
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("look for earlier files"))?;
                rows.iter()
                    .map(stored::file)
                    .collect::<Result<_, sqlx::Error>>()
                    .map_err(self.fault("look for earlier files"))
            }

            async fn acts_waiting(&self, after: i64) -> Result<Vec<ActRow>, StoreError> {
                let rows = sqlx::query(common::ACTS_WAITING)
                    .bind(after)
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("read acts"))?;
                acts_from(&rows).map_err(self.fault("read acts"))
            }

            async fn acts_of(&self, case_id: &str) -> Result<Vec<ActRow>, StoreError> {
                let rows = sqlx::query(common::ACTS_OF)
                    .bind(case_id)
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("read acts"))?;
                acts_from(&rows).map_err(self.fault("read acts"))
            }

            async fn marks_waiting(&self, after: i64) -> Result<Vec<Event>, StoreError> {
                let rows = sqlx::query(common::MARKS_WAITING)
                    .bind(after)
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("read marks"))?;
                rows.iter()
                    .map(|row| event_of(&self.database, row))
                    .collect()
            }

            async fn version(
                &self,
                case_id: &str,
                version: i64,
            ) -> Result<Option<VersionRow>, StoreError> {
                self.kept(case_id, version).await
            }

            async fn versions_between(
                &self,
                after: i64,
                until: i64,
            ) -> Result<Vec<VersionRow>, StoreError> {
                self.kept_between(after, until).await
            }

            async fn fingerprints(&self) -> Result<Vec<Fingerprint>, StoreError> {
                let rows = sqlx::query(common::FINGERPRINTS)
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("read the cases"))?;
                rows.iter()
                    .map(|row| {
                        let (case_id, document) = stored::case_document(row)?;
                        // A document that cannot be read is altered, and the hash says so, too.
                        let case = stored::case(&self.database, case_id.clone(), &document).ok();
                        let columns_agree = match &case {
                            Some(case) => stored::columns_agree(row, case, is_open(case))?,
                            None => false,
                        };
                        Ok(Fingerprint {
                            version: row.try_get("version")?,
                            sha256: sha256_of(&document),
                            columns_agree,
                            case_id,
                        })
                    })
                    .collect::<Result<_, sqlx::Error>>()
                    .map_err(self.fault("read the cases"))
            }

            async fn acts_between(
                &self,
                after: i64,
                until: i64,
            ) -> Result<Vec<ActRow>, StoreError> {
                let rows = sqlx::query(common::ACTS_BETWEEN)
                    .bind(after)
                    .bind(until)
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("read acts"))?;
                acts_from(&rows).map_err(self.fault("read acts"))
            }

            async fn files_between(
                &self,
                after: i64,
                until: i64,
            ) -> Result<Vec<FileRow>, StoreError> {
                let rows = sqlx::query(common::FILES_BETWEEN)
                    .bind(after)
                    .bind(until)
                    .fetch_all(self.reader())
                    .await
                    .map_err(self.fault("read the index of files"))?;
                rows.iter()
                    .map(stored::file)
                    .collect::<Result<_, sqlx::Error>>()
                    .map_err(self.fault("read the index of files"))
            }

            async fn note_read(&self, read: &Read) -> Result<(), StoreError> {
                self.append_read(read).await
            }

            async fn reads(&self, wanted: &ReadsWanted) -> Result<Vec<Read>, StoreError> {
                self.find_reads(wanted).await
            }
        }
    };
}
pub(super) use read_log::reads;
pub(super) use relational;
pub(super) use version::versions;
