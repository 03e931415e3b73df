//! The writing transaction of the PostgreSQL queue.

use sqlx::{Postgres, Row, Transaction};

use super::super::case::Case;
use super::super::event::Event;
use super::super::machine::Machine;
use super::super::store::{StoreError, Tx};
use super::{case_of, cases_of, fault, sql};

/// Holds the queue's lock; dropped without commit it rolls back.
pub(super) struct PostgresTx {
    pub(super) inner: Transaction<'static, Postgres>,
    pub(super) database: String,
}

impl PostgresTx {
    fn fault(&self, what: &'static str) -> impl Fn(sqlx::Error) -> StoreError + use<> {
        let database = self.database.clone();
        move |source| fault(&database, what, source)
    }
}

#[async_trait::async_trait]
impl Tx for PostgresTx {
    async fn case(&mut self, case_id: &str) -> Result<Option<Case>, StoreError> {
        let fault = self.fault("read a case");
        let row = sqlx::query(sql::CASE)
            .bind(case_id)
            .fetch_optional(&mut *self.inner)
            .await
            .map_err(fault)?;
        row.map(|row| case_of(&self.database, &row)).transpose()
    }

    async fn open_case_on(
        &mut self,
        subject: &str,
        rule_group: &str,
        except: &str,
    ) -> Result<Option<Case>, StoreError> {
        let fault = self.fault("look for an open case");
        let row = sqlx::query(sql::OPEN_ON)
            .bind(subject)
            .bind(rule_group)
            .bind(except)
            .fetch_optional(&mut *self.inner)
            .await
            .map_err(fault)?;
        row.map(|row| case_of(&self.database, &row)).transpose()
    }

    async fn looked_back_on(
        &mut self,
        subject: &str,
        rule_group: &str,
        at: i64,
    ) -> Result<Option<Case>, StoreError> {
        let fault = self.fault("look for a finished look-back");
        let row = sqlx::query(sql::LOOKED_BACK_ON)
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
            .bind(states)
            .bind(org_code)
            .bind(now)
            .bind(i64::from(limit))
            .bind(i64::from(offset))
            .fetch_all(&mut *self.inner)
            .await
            .map_err(fault)?;
        cases_of(&self.database, &rows)
    }

    async fn next_timer(&mut self, now: i64) -> Result<Option<Case>, StoreError> {
        let fault = self.fault("look for the next timer");
        let row = sqlx::query(sql::NEXT_TIMER)
            .bind(now)
            .fetch_optional(&mut *self.inner)
            .await
            .map_err(fault)?;
        row.map(|row| case_of(&self.database, &row)).transpose()
    }

    async fn put(&mut self, case: &Case, replaces: Option<&Case>) -> Result<(), StoreError> {
        let fault = self.fault("store a case");
        let is_open = Machine::built_in()
            .state(&case.state)
            .is_none_or(|state| !state.is_final);
        let statement = if replaces.is_some() {
            sql::UPDATE
        } else {
            sql::INSERT
        };
        let mut query = sqlx::query(statement)
            .bind(&case.case_id)
            .bind(&case.anomaly_id)
            .bind(case.version)
            .bind(&case.state)
            .bind(is_open)
            .bind(case.severity.code())
            .bind(&case.subject)
            .bind(&case.rule_group)
            .bind(case.org_code.as_deref())
            .bind(case.assignee.as_deref())
            .bind(case.claimed_until)
            .bind(case.due_at)
            .bind(case.timer_at)
            .bind(case.opened_at)
            .bind(case.document())
            .bind(case.look_back_until);
        if let Some(before) = replaces {
            query = query.bind(before.version).bind(&before.state);
        }
        let done = query.execute(&mut *self.inner).await.map_err(fault)?;
        match (done.rows_affected(), replaces) {
            (0, Some(before)) => Err(StoreError::Conflict {
                case_id: case.case_id.clone(),
                version: before.version,
            }),
            _ => Ok(()),
        }
    }

    async fn head(&mut self) -> Result<Option<(i64, String)>, StoreError> {
        let fault = self.fault("read the head of the chain");
        let row = sqlx::query(sql::HEAD)
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
        sqlx::query(sql::APPEND)
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

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { inner, database } = *self;
        inner
            .commit()
            .await
            .map_err(|source| fault(&database, "commit", source))
    }
}
