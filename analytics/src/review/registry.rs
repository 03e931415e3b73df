//! What the permit in force says of a unit, for the acts that are written about it.
//!
//! A case holds a unit's permit code and name as its finding gave them. Whether the unit is on the
//! positive list, and in which division its site lies, stands in the permit, and figures are broken
//! down by both. What was looked up is written into the audit row of the action, under names that
//! people cannot write.
//!
//! Failure modes: tables that cannot be read do not hold an action up, because its deadlines run; the
//! row says that the unit could not be looked up, and the act states neither.

use std::path::PathBuf;

use nonsite_schemas::wire::inspection::Mode;

use super::error::Error;
use super::service::Service;
use super::step::{Actor, Input};
use crate::inspection;
use crate::inspection::permit::in_force;
use crate::session;

/// Field with the administrative division of the site.
pub(super) const ADMIN_CODE: &str = "unit_admin_code";
/// Field with `true` or `false`: on the positive list.
pub(super) const POSITIVE_LIST: &str = "unit_positive_list";
/// Field with the version of the permit that says so.
pub(super) const PERMIT_VERSION: &str = "unit_permit_version";
/// Field with why it is not known.
pub(super) const NOT_KNOWN: &str = "unit_not_known";

/// What the permit in force says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Version of the permit.
    pub permit_version: i32,
    /// Administrative division of the site, 6 digits (GB/T 2260).
    pub admin_code: Option<String>,
    /// On the enforcement positive list.
    pub positive_list: bool,
}

impl Registered {
    /// The input with what was looked up.
    fn written(&self, input: Input) -> Input {
        let input = input
            .with(POSITIVE_LIST, &self.positive_list.to_string())
            .with(PERMIT_VERSION, &self.permit_version.to_string());
        match &self.admin_code {
            Some(code) => input.with(ADMIN_CODE, code),
            None => input,
        }
    }
}

/// Who knows the permits.
#[async_trait::async_trait]
pub trait Registry: Send + Sync + std::fmt::Debug {
    /// The permit in force at an instant (microseconds UTC), if one is known.
    ///
    /// # Errors
    /// [`Error::Tables`] or [`Error::Permits`] when the permits cannot be read.
    async fn look_up(&self, permit_no: &str, at: i64) -> Result<Option<Registered>, Error>;
}

/// For a queue that stands alone: no permit is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct WithoutPermits;

#[async_trait::async_trait]
impl Registry for WithoutPermits {
    async fn look_up(&self, _permit_no: &str, _at: i64) -> Result<Option<Registered>, Error> {
        Ok(None)
    }
}

/// The permits in the tables of a store, opened anew for every look.
#[derive(Debug, Clone)]
pub struct TableRegistry {
    /// Folder of the tables.
    pub store: PathBuf,
    /// How sessions are opened.
    pub session: session::Config,
}

#[async_trait::async_trait]
impl Registry for TableRegistry {
    async fn look_up(&self, permit_no: &str, at: i64) -> Result<Option<Registered>, Error> {
        let session = session::open_tables(&self.store, &self.session).await?;
        let found = in_force(&session, at, Some(permit_no)).await;
        let found = found.map_err(|error| match error {
            inspection::Error::Tables(error) => Error::Tables(error),
            inspection::Error::Asked(what) => Error::Permits(what),
        })?;
        Ok(found.into_iter().next().map(|one| Registered {
            permit_version: one.permit.version,
            admin_code: one.permit.admin_code,
            positive_list: one.permit.positive_list,
        }))
    }
}

impl Service {
    /// The input of a person, with what the permit in force says of the unit when the action writes an
    /// act. It is looked up before the transaction, which it would otherwise hold up.
    pub(super) async fn with_unit(
        &self,
        case_id: &str,
        action: &str,
        actor: &Actor,
        input: Input,
    ) -> Result<Input, Error> {
        let case = self.visible(self.store.case(case_id).await?, case_id)?;
        let Some(permit_no) = case.permit_no.as_deref() else {
            return Ok(input);
        };
        if !self.writes_act(&case.state, action, actor, &input) {
            return Ok(input);
        }
        Ok(
            match self
                .registry
                .look_up(permit_no, self.clock.now_micros())
                .await
            {
                Ok(Some(unit)) => unit.written(input),
                Ok(None) => input,
                Err(error) => {
                    tracing::warn!(case = case.case_id, %error, "the permit could not be looked up");
                    input.with(NOT_KNOWN, &error.to_string())
                }
            },
        )
    }

    /// Whether an action that the person may take ends an off-site check or comes back from a visit,
    /// without naming an act of another system.
    fn writes_act(&self, state: &str, action: &str, actor: &Actor, input: &Input) -> bool {
        let mode = |state: &str| self.machine().state(state)?.act;
        let way = self.machine().way(state, action);
        let Some(way) = way.filter(|way| way.roles.contains(&actor.role)) else {
            return false;
        };
        let writes = mode(state) == Some(Mode::Offsite) || mode(&way.to) == Some(Mode::Onsite);
        writes && input.get("act").is_none()
    }
}
