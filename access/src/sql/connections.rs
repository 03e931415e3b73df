//! The open connections of the PostgreSQL wire, as tools see and stop them with SQL.
//!
//! Cancelling by the protocol needs a key that only the client has ([`super::pg`]). Reporting tools
//! that run a query in one process and stop it from another know the connection's number only, and ask
//! `pg_cancel_backend(number)`. A user stops its own queries that way, an administrator anybody's.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use parking_lot::Mutex;

use super::run::Stop;
use super::users::User;

/// One connection.
#[derive(Debug, Clone)]
struct Open {
    user: String,
    client: String,
    stop: Stop,
}

/// All of them, by number.
#[derive(Debug, Clone, Default)]
pub struct Connections(Arc<Mutex<BTreeMap<i32, Open>>>);

impl Connections {
    /// Notes a connection that has logged in.
    pub fn opened(&self, number: i32, user: &str, client: String, stop: Stop) {
        let open = Open {
            user: user.to_owned(),
            client,
            stop,
        };
        self.0.lock().insert(number, open);
    }

    /// Forgets a connection that has ended.
    pub fn closed(&self, number: i32) {
        self.0.lock().remove(&number);
    }

    /// Stops what a connection runs; whether there was one that this user may stop.
    pub fn cancel(&self, number: i32, by: &User) -> bool {
        let stop = {
            let open = self.0.lock();
            open.get(&number)
                .filter(|open| sees(by, open))
                .map(|open| open.stop.clone())
        };
        if let Some(stop) = &stop {
            stop.now();
        }
        stop.is_some()
    }

    /// Columns of [`Connections::rows`], a part of PostgreSQL's `pg_stat_activity`.
    pub fn schema() -> SchemaRef {
        let text = |name: &str| Field::new(name, DataType::Utf8, true);
        Arc::new(Schema::new(vec![
            Field::new("pid", DataType::Int32, false),
            text("datname"),
            text("usename"),
            text("client_addr"),
            text("backend_type"),
            text("application_name"),
            text("state"),
            text("query"),
        ]))
    }

    /// The connections a user sees: its own, an administrator's all.
    ///
    /// # Errors
    /// Never in practice: the columns are those of the schema.
    pub fn rows(&self, user: &User, database: &str) -> Result<RecordBatch, ArrowError> {
        let open: Vec<(i32, Open)> = {
            let open = self.0.lock();
            let seen = open.iter().filter(|(_, open)| sees(user, open));
            seen.map(|(number, open)| (*number, open.clone())).collect()
        };
        let texts = |text: &dyn Fn(&Open) -> Option<String>| -> ArrayRef {
            Arc::new(
                open.iter()
                    .map(|(_, open)| text(open))
                    .collect::<StringArray>(),
            )
        };
        let numbers = Int32Array::from_iter_values(open.iter().map(|(number, _)| *number));
        RecordBatch::try_new(
            Self::schema(),
            vec![
                Arc::new(numbers),
                texts(&|_| Some(database.to_owned())),
                texts(&|open| Some(open.user.clone())),
                texts(&|open| Some(open.client.clone())),
                texts(&|_| Some("client backend".to_owned())),
                // What a connection asks stands in the query log.
                texts(&|_| None),
                texts(&|_| None),
                texts(&|_| None),
            ],
        )
    }
}

fn sees(user: &User, open: &Open) -> bool {
    user.admin || user.name == open.user
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, admin: bool) -> User {
        User {
            name: name.to_owned(),
            orgs: None,
            admin,
        }
    }

    #[test]
    fn a_user_stops_its_own_connections_and_an_administrator_all() {
        let connections = Connections::default();
        let stop = Stop::default();
        let watched = stop.watch();
        connections.opened(7, "ana", "127.0.0.1:1".to_owned(), stop);
        let told = || watched.has_changed().expect("the connection is there");
        assert!(!connections.cancel(7, &user("ben", false)));
        assert!(!connections.cancel(8, &user("ana", false)));
        assert!(!told());
        let seen = |user: &User| connections.rows(user, "nonsite").expect("rows").num_rows();
        assert_eq!(seen(&user("ben", false)), 0);
        assert_eq!(seen(&user("ana", false)), 1);
        assert_eq!(seen(&user("root", true)), 1);
        assert!(connections.cancel(7, &user("ana", false)));
        assert!(told());
        connections.closed(7);
        assert!(!connections.cancel(7, &user("root", true)));
    }
}
