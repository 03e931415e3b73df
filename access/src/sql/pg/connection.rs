//! What one connection remembers: its user, its settings, its transaction, its prepared statements.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::Statement;
use parking_lot::Mutex;

use super::NAME;
use super::cursor::Cursor;
use crate::sql::catalogue::{Catalogue, META, Own, TABLES};
use crate::sql::guard::{Setting, canonical};
use crate::sql::log::Asked;
use crate::sql::run::{Answer, Run, Stop};
use crate::sql::users::User;
use crate::sql::{Engine, Fault, FaultKind};

/// A connection after its login.
#[derive(Debug)]
pub(super) struct Connection {
    engine: Arc<Engine>,
    peer: SocketAddr,
    stop: Stop,
    /// What stops the statement it is at.
    current: Mutex<Stop>,
    user: OnceLock<(User, i32)>,
    settings: Mutex<BTreeMap<&'static str, String>>,
    timeout: Mutex<Option<Duration>>,
    /// The catalogue of the transaction that is open.
    pinned: Mutex<Option<(User, Arc<Catalogue>)>>,
    kept: Mutex<BTreeMap<String, Statement>>,
    cursors: Mutex<BTreeMap<String, Cursor>>,
}

impl Connection {
    pub(super) fn new(engine: Arc<Engine>, peer: SocketAddr) -> Self {
        let stop = Stop::default();
        Self {
            engine,
            peer,
            current: Mutex::new(stop.begin()),
            stop,
            user: OnceLock::new(),
            settings: Mutex::default(),
            timeout: Mutex::default(),
            pinned: Mutex::default(),
            kept: Mutex::default(),
            cursors: Mutex::default(),
        }
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What stops the queries of this connection.
    pub(super) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// A message came; a stop told from here on is for what it asks.
    pub(super) fn begin(&self) {
        *self.current.lock() = self.stop.begin();
    }

    /// Number clients cancel by, once logged in.
    pub(super) fn pid(&self) -> Option<i32> {
        self.user.get().map(|(_, pid)| *pid)
    }

    /// Notes who it is, and the settings sent along with the login.
    pub(super) fn logged_in(&self, user: User, pid: i32, sent: &HashMap<String, String>) {
        let _ = self.user.set((user, pid));
        let options = sent.get("options").map(|text| options(text));
        let sent = sent
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .chain(options.into_iter().flatten());
        for (name, value) in sent {
            if canonical(&name).is_some()
                && let Ok(setting) = crate::sql::guard::assign(&name, &value)
            {
                self.set(&setting);
            }
        }
    }

    pub(super) fn user(&self) -> Result<&User, Fault> {
        self.user
            .get()
            .map(|(user, _)| user)
            .ok_or_else(|| Fault::new(FaultKind::Denied, "not logged in"))
    }

    /// Changes a setting.
    pub(super) fn set(&self, setting: &Setting) {
        if setting.name == "statement_timeout" {
            *self.timeout.lock() = setting.timeout;
        }
        let mut settings = self.settings.lock();
        match &setting.value {
            Some(value) => settings.insert(setting.name, value.clone()),
            None => settings.remove(setting.name),
        };
    }

    /// Value of a setting that was set.
    pub(super) fn setting(&self, name: &str) -> Option<String> {
        self.settings.lock().get(name).cloned()
    }

    /// All settings that were set.
    pub(super) fn settings(&self) -> BTreeMap<&'static str, String> {
        self.settings.lock().clone()
    }

    /// Puts all settings back to their defaults.
    pub(super) fn reset(&self) {
        self.settings.lock().clear();
        *self.timeout.lock() = None;
    }

    /// The catalogue a statement is planned in. A user that was removed finds none, and one whose bodies
    /// were changed finds those it has now.
    pub(super) async fn catalogue(&self, query: &Statement) -> Result<Arc<Catalogue>, Fault> {
        let user = self.user_now()?;
        match self.pinned_for(&user) {
            Some(pinned) => Ok(pinned),
            None => self.engine.catalogue_for(&user, query).await,
        }
    }

    fn user_now(&self) -> Result<User, Fault> {
        let name = &self.user()?.name;
        self.engine.users().get(name).ok_or_else(|| {
            Fault::new(
                FaultKind::Denied,
                format!("user \"{name}\" does not exist any more"),
            )
        })
    }

    /// The catalogue of the open transaction, if it is still that of this user.
    fn pinned_for(&self, user: &User) -> Option<Arc<Catalogue>> {
        let pinned = self.pinned.lock();
        let (of, catalogue) = pinned.as_ref()?;
        (of == user).then(|| Arc::clone(catalogue))
    }

    /// From here on the tables stay as they are.
    pub(super) async fn pin(&self) -> Result<(), Fault> {
        let user = self.user_now()?;
        let now = match self.pinned_for(&user) {
            Some(pinned) => pinned,
            None => self.engine.catalogue(&user).await?,
        };
        *self.pinned.lock() = Some((user, now));
        Ok(())
    }

    /// The transaction is over; so are its cursors.
    pub(super) fn unpin(&self) {
        *self.pinned.lock() = None;
        self.cursors.lock().clear();
    }

    /// The state of a catalogue with this connection's search path, settings and number.
    pub(super) fn state(&self, catalogue: &Catalogue) -> Result<SessionState, Fault> {
        let mut state = catalogue.state();
        let path = self.setting("search_path");
        let schema = path.as_deref().and_then(|path| {
            path.split(',')
                .map(|name| name.trim().trim_matches(['"', '\'']))
                .find(|name| [TABLES, META].contains(name))
        });
        if let Some(schema) = schema {
            schema.clone_into(&mut state.config_mut().options_mut().catalog.default_schema);
        }
        let own = Own {
            number: self.pid(),
            schema: schema.map(str::to_owned),
            settings: self.settings(),
        };
        own.register(&mut state)?;
        Ok(state)
    }

    /// Plans a query in a catalogue.
    pub(super) async fn plan(
        &self,
        catalogue: &Catalogue,
        query: &Statement,
    ) -> Result<LogicalPlan, Fault> {
        let timeout = *self.timeout.lock();
        let state = self.state(catalogue)?;
        let user = &catalogue.user().name;
        let stop = self.current.lock().clone();
        let planned = self.engine.plan(user, state, query.clone(), timeout, &stop);
        planned.await
    }

    /// Who asks this.
    pub(super) fn asked(&self, text: &str) -> Asked {
        Asked {
            user: self
                .user
                .get()
                .map(|(user, _)| user.name.clone())
                .unwrap_or_default(),
            via: NAME,
            client: self.peer.to_string(),
            application: self.setting("application_name").unwrap_or_default(),
            text: text.to_owned(),
        }
    }

    /// Runs a plan.
    pub(super) async fn run(
        &self,
        text: &str,
        state: SessionState,
        plan: LogicalPlan,
    ) -> Result<Answer, Fault> {
        let timeout = *self.timeout.lock();
        let stop = self.current.lock().clone();
        self.engine
            .run(Run {
                asked: self.asked(text),
                state,
                plan,
                timeout,
                stop,
            })
            .await
    }

    pub(super) fn keep(&self, name: String, query: Statement) {
        self.kept.lock().insert(name, query);
    }

    pub(super) fn kept(&self, name: &str) -> Option<Statement> {
        self.kept.lock().get(name).cloned()
    }

    /// Forgets one kept statement, or all; whether there was one.
    pub(super) fn forget(&self, name: Option<&str>) -> bool {
        let mut kept = self.kept.lock();
        match name {
            Some(name) => kept.remove(name).is_some(),
            None => {
                kept.clear();
                true
            }
        }
    }

    pub(super) fn put_cursor(&self, name: String, cursor: Cursor) {
        self.cursors.lock().insert(name, cursor);
    }

    pub(super) fn take_cursor(&self, name: &str) -> Option<Cursor> {
        self.cursors.lock().remove(name)
    }

    /// Columns of a cursor.
    pub(super) fn cursor_schema(&self, name: &str) -> Option<SchemaRef> {
        let cursors = self.cursors.lock();
        cursors.get(name).map(Cursor::schema)
    }

    /// Closes one cursor, or all.
    pub(super) fn close_cursor(&self, name: Option<&str>) {
        let mut cursors = self.cursors.lock();
        match name {
            Some(name) => {
                cursors.remove(name);
            }
            None => cursors.clear(),
        }
    }
}

/// `-c name=value -c name=value`, as drivers send it.
fn options(text: &str) -> Vec<(String, String)> {
    let mut words = text.split_whitespace().peekable();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let pair = match word.strip_prefix("-c").or_else(|| word.strip_prefix("--")) {
            Some("") => words.next(),
            Some(pair) => Some(pair),
            None => None,
        };
        if let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) {
            found.push((name.to_owned(), value.to_owned()));
        }
    }
    found
}
