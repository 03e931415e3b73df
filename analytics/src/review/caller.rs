//! On whose behalf the queue works: whose cases they may see, which version they decided on, and
//! which of their requests was answered before.
//!
//! A program on the same machine as the database works without bounds ([`Caller::default`]). A server
//! that lets people in gives the service each one's [`Caller`] ([`Service::on_behalf`]); from there on
//! every call keeps to it, so no screen and no handler can forget to.
//!
//! A request that carries a key is done once: the change and its answer are written in one
//! transaction, and the same key gives the same answer again. A refusal changes nothing and is not
//! remembered. Keys are forgotten on request ([`Service::forget_requests`]), never by themselves.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::case::Case;
use super::error::{Error, Refusal};
use super::service::Service;
use super::step::Actor;
use super::store::{Answered, Filter, Tx};

/// Whose cases somebody may see and touch; empty means everybody's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Code of a body: its own cases and those of the bodies below it. A six-digit code that ends in
    /// zeros stands for its city or province (`370500` covers `370522`).
    pub org: Option<String>,
    /// Permits of an enterprise's units.
    pub permits: Option<BTreeSet<String>>,
}

impl Scope {
    /// No bounds.
    pub fn is_everything(&self) -> bool {
        self.org.is_none() && self.permits.is_none()
    }

    /// How the codes of the bodies inside begin.
    pub fn org_prefix(&self) -> Option<&str> {
        let code = self.org.as_deref()?;
        let division = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
        let kept = match code {
            _ if !division => code.len(),
            _ if code.ends_with("0000") => 2,
            _ if code.ends_with("00") => 4,
            _ => 6,
        };
        code.get(..kept)
    }

    /// Whether something of this body and permit lies inside. What has no body or no permit lies
    /// inside only where that does not matter.
    pub fn covers(&self, org_code: Option<&str>, permit_no: Option<&str>) -> bool {
        let body = match self.org_prefix() {
            Some(prefix) => org_code.is_some_and(|code| code.starts_with(prefix)),
            None => true,
        };
        let unit = match &self.permits {
            Some(permits) => permit_no.is_some_and(|permit| permits.contains(permit)),
            None => true,
        };
        body && unit
    }

    pub(super) fn covers_case(&self, case: &Case) -> bool {
        self.covers(case.org_code.as_deref(), case.permit_no.as_deref())
    }
}

/// A request that is to be done once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose key it is: two people's keys have nothing to do with each other.
    pub user: String,
    /// The key.
    pub key: String,
    /// Hash of what was asked, to notice a key that is used for something else.
    pub fingerprint: String,
}

/// On whose behalf the service works.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    /// Whose cases they may see.
    pub scope: Scope,
    /// The version of the case that was decided on; anything else has it refused.
    pub expects: Option<i64>,
    /// The request behind a change.
    pub request: Option<Request>,
}

/// A request outside the cases that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// When it was begun first: what is done again after a crash is done as of then.
    pub at: i64,
    /// The answer, if it was answered.
    pub answer: Option<String>,
}

impl Service {
    /// The service for somebody.
    pub fn on_behalf(&self, caller: Caller) -> Self {
        Self {
            caller: Arc::new(caller),
            ..self.clone()
        }
    }

    /// What became of a request that was begun before; nothing when it is new or has no key.
    ///
    /// # Errors
    /// [`Error::KeyReused`], [`Error::Store`].
    pub async fn known_request(&self) -> Result<Option<Begun>, Error> {
        if self.caller.request.is_none() {
            return Ok(None);
        }
        let mut tx = self.store.begin().await?;
        let known = self.answered(tx.as_mut()).await?;
        Ok(known.map(|known| Begun {
            at: known.at,
            answer: known.document,
        }))
    }

    /// Begins a request that changes something else than a case. Without a key it is new every time.
    ///
    /// # Errors
    /// [`Error::KeyReused`], [`Error::Store`].
    pub async fn begin_request(&self) -> Result<Begun, Error> {
        let now = self.clock.now_micros();
        let new = Begun {
            at: now,
            answer: None,
        };
        let Some(request) = &self.caller.request else {
            return Ok(new);
        };
        let mut tx = self.store.begin().await?;
        if let Some(known) = self.answered(tx.as_mut()).await? {
            return Ok(Begun {
                at: known.at,
                answer: known.document,
            });
        }
        tx.put_answer(&request.answer(None, now)).await?;
        tx.commit().await?;
        Ok(new)
    }

    /// Keeps the answer of a request that was begun.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn answer_request(&self, begun: &Begun, answer: &str) -> Result<(), Error> {
        let Some(request) = &self.caller.request else {
            return Ok(());
        };
        let mut tx = self.store.begin().await?;
        let row = request.answer(Some(answer.to_owned()), begun.at);
        tx.put_answer(&row).await?;
        Ok(tx.commit().await?)
    }

    /// Forgets the requests that were begun before an instant (microseconds UTC); how many.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn forget_requests(&self, before: i64) -> Result<u64, Error> {
        let mut tx = self.store.begin().await?;
        let forgotten = tx.forget_answers(before).await?;
        tx.commit().await?;
        Ok(forgotten)
    }

    /// What is known of the caller's request.
    async fn answered(&self, tx: &mut dyn Tx) -> Result<Option<Answered>, Error> {
        let Some(request) = &self.caller.request else {
            return Ok(None);
        };
        match tx.answer_of(&request.user, &request.key).await? {
            Some(known) if known.fingerprint != request.fingerprint => {
                Err(Error::KeyReused(request.key.clone()))
            }
            known => Ok(known),
        }
    }

    /// The case as the caller's request left it, when it was done before.
    pub(super) async fn done_before(&self, tx: &mut dyn Tx) -> Result<Option<Case>, Error> {
        let Some(document) = self.answered(tx).await?.and_then(|known| known.document) else {
            return Ok(None);
        };
        // What is there was written by `remember`; a text nobody can read is as good as none.
        Ok(serde_json::from_str(&document).ok())
    }

    /// Keeps the case as the caller's request leaves it.
    pub(super) async fn remember(
        &self,
        tx: &mut dyn Tx,
        case: &Case,
        now: i64,
    ) -> Result<(), Error> {
        if let Some(request) = &self.caller.request {
            let row = request.answer(Some(case.document()), now);
            tx.put_answer(&row).await?;
        }
        Ok(())
    }

    /// A case outside the caller's scope is as if it were not there.
    pub(super) fn visible(&self, case: Option<Case>, case_id: &str) -> Result<Case, Error> {
        case.filter(|case| self.caller.scope.covers_case(case))
            .ok_or_else(|| Error::NotFound(case_id.to_owned()))
    }

    /// A person of a body acts on its cases and on those of the bodies below, whatever the caller may
    /// see. Who names no body is bound by the caller's scope alone.
    pub(super) fn of_body(&self, case: &Case, action: &str, actor: &Actor) -> Result<(), Error> {
        if reaches(actor, case) {
            return Ok(());
        }
        let why = format!(
            "body `{}` may not: the case is in the charge of {}",
            actor.org.as_deref().unwrap_or_default(),
            case.org_code.as_deref().unwrap_or("no body")
        );
        Err(self.desk.refused_as(Refusal::Role, case, action, why))
    }

    /// Refuses an enterprise what is for those who judge, whatever case it is about.
    ///
    /// # Errors
    /// [`Error::ForBodies`], which says what it may not.
    pub fn for_bodies(&self, what: &'static str) -> Result<(), Error> {
        match &self.caller.scope.permits {
            Some(_) => Err(Error::ForBodies(what)),
            None => Ok(()),
        }
    }

    pub(super) fn check_version(&self, case: &Case) -> Result<(), Error> {
        match self.caller.expects {
            Some(expected) if expected != case.version => Err(Error::Stale {
                case_id: case.case_id.clone(),
                expected,
                found: case.version,
            }),
            _ => Ok(()),
        }
    }

    /// The filter with the caller's bounds.
    pub(super) fn bounded(&self, filter: &Filter) -> Filter {
        Filter {
            scope: self.caller.scope.clone(),
            ..filter.clone()
        }
    }
}

/// Whether the body of a person, if they name one, is in charge of a case or above who is.
pub(super) fn reaches(actor: &Actor, case: &Case) -> bool {
    let body = actor.org.as_deref().map(str::trim);
    let Some(body) = body.filter(|body| !body.is_empty()) else {
        return true;
    };
    let scope = Scope {
        org: Some(body.to_owned()),
        permits: None,
    };
    scope.covers_case(case)
}

impl Request {
    fn answer(&self, document: Option<String>, at: i64) -> Answered {
        Answered {
            user: self.user.clone(),
            key: self.key.clone(),
            fingerprint: self.fingerprint.clone(),
            document,
            at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(code: &str) -> Scope {
        Scope {
            org: Some(code.to_owned()),
            permits: None,
        }
    }

    #[test]
    fn a_body_covers_itself_and_those_below() {
        assert!(body("370500").covers(Some("370522"), None));
        assert!(body("370000").covers(Some("370522"), None));
        assert!(body("370522").covers(Some("370522"), None));
        assert!(body("370522").covers(Some("370522003"), None));
        assert!(!body("370522").covers(Some("370500"), None));
        assert!(!body("370500").covers(Some("370601"), None));
        assert!(!body("370522").covers(None, None));
        assert!(body("brigade-00").covers(Some("brigade-00"), None));
        assert!(!body("brigade-00").covers(Some("brigade-01"), None));
        assert!(Scope::default().covers(None, None));
    }

    #[test]
    fn an_enterprise_covers_its_permits() {
        let own = Scope {
            org: None,
            permits: Some(BTreeSet::from(["A".to_owned()])),
        };
        assert!(own.covers(Some("370522"), Some("A")));
        assert!(!own.covers(Some("370522"), Some("B")));
        assert!(!own.covers(Some("370522"), None));
    }
}
