//! Who is there, and who may cancel what.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::api::auth::sasl::SASLAuthStartupHandler;
use datafusion_postgres::pgwire::api::auth::sasl::scram::ScramAuth;
use datafusion_postgres::pgwire::api::auth::{
    AuthSource, DefaultServerParameterProvider, LoginInfo, Password, StartupHandler,
};
use datafusion_postgres::pgwire::api::cancel::CancelHandler;
use datafusion_postgres::pgwire::api::{
    METADATA_DATABASE, METADATA_USER, PgWireConnectionState, RandomPidSecretKeyGenerator,
};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::cancel::CancelRequest;
use datafusion_postgres::pgwire::messages::startup::SecretKey;
use datafusion_postgres::pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use futures::Sink;
use parking_lot::Mutex;

use super::connection::Connection;
use crate::sql::catalogue::{DATABASE, SERVER_VERSION, TABLES};
use crate::sql::run::Stop;
use crate::sql::users::{ITERATIONS, Users};

/// Connections by the number and the key only their client knows.
#[derive(Debug, Clone, Default)]
pub(super) struct Cancels {
    known: Arc<Mutex<BTreeMap<i32, (SecretKey, Stop)>>>,
    /// Shared by all connections, so that their numbers differ.
    numbers: Arc<RandomPidSecretKeyGenerator>,
}

impl Cancels {
    fn note(&self, pid: i32, key: SecretKey, stop: Stop) {
        self.known.lock().insert(pid, (key, stop));
    }

    /// Forgets a connection that has ended.
    pub(super) fn forget(&self, connection: &Connection) {
        if let Some(pid) = connection.pid() {
            self.known.lock().remove(&pid);
            connection.engine().connections().closed(pid);
        }
    }
}

#[async_trait]
impl CancelHandler for Cancels {
    async fn on_cancel_request(&self, request: CancelRequest) {
        let stop = {
            let known = self.known.lock();
            known
                .get(&request.pid)
                .filter(|(key, _)| *key == request.secret_key)
                .map(|(_, stop)| stop.clone())
        };
        if let Some(stop) = stop {
            stop.now();
        }
    }
}

/// Verifiers of passwords, for the handshake.
#[derive(Debug)]
struct Verifiers(Users);

#[async_trait]
impl AuthSource for Verifiers {
    async fn get_password(&self, login: &LoginInfo) -> PgWireResult<Password> {
        let verifier = self.0.verifier(login.user().unwrap_or_default());
        Ok(Password::new(Some(verifier.salt), verifier.salted))
    }
}

/// The start of one connection.
pub(super) struct Login {
    scram: SASLAuthStartupHandler<DefaultServerParameterProvider>,
    connection: Arc<Connection>,
    cancels: Cancels,
    encrypted_only: bool,
}

impl Login {
    pub(super) fn new(
        connection: &Arc<Connection>,
        certificate: Option<&[u8]>,
        cancels: &Cancels,
    ) -> Arc<Self> {
        let mut parameters = DefaultServerParameterProvider::default();
        parameters.server_version = SERVER_VERSION.to_owned();
        parameters.search_path = TABLES.to_owned();
        parameters.is_superuser = false;
        parameters.default_transaction_read_only = true;
        parameters.scram_iterations = ITERATIONS;
        parameters.time_zone = "UTC".to_owned();
        let users = connection.engine().users().clone();
        let mut scram = ScramAuth::new(Arc::new(Verifiers(users)));
        scram.set_iterations(ITERATIONS);
        if let Some(pem) = certificate
            && let Err(error) = scram.configure_certificate(pem)
        {
            // Clients then prove their password without tying it to this certificate.
            tracing::debug!(%error, "postgresql: no channel binding with this certificate");
        }
        Arc::new(Self {
            scram: SASLAuthStartupHandler::new(Arc::new(parameters))
                .with_pid_secret_key_generator(Arc::clone(&cancels.numbers) as _)
                .with_scram(scram),
            connection: Arc::clone(connection),
            cancels: cancels.clone(),
            encrypted_only: certificate.is_some(),
        })
    }
}

fn fatal(code: &str, what: impl Into<String>) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new(
        "FATAL".to_owned(),
        code.to_owned(),
        what.into(),
    )))
}

#[async_trait]
impl StartupHandler for Login {
    async fn on_startup<C>(
        &self,
        client: &mut C,
        message: PgWireFrontendMessage,
    ) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if let PgWireFrontendMessage::Startup(startup) = &message {
            if self.encrypted_only && !client.is_secure() {
                return Err(fatal(
                    "28000",
                    "this server takes encrypted connections only: use sslmode=require or stricter",
                ));
            }
            let database = startup.parameters.get(METADATA_DATABASE);
            let user = startup.parameters.get(METADATA_USER);
            // Drivers name the user's own database when none is given.
            if let Some(database) = database
                && database != DATABASE
                && Some(database) != user
            {
                return Err(fatal(
                    "3D000",
                    format!(
                        "database \"{database}\" does not exist; the database here is \"{DATABASE}\""
                    ),
                ));
            }
        }
        let failed = self.scram.on_startup(client, message).await;
        if let Err(error) = failed {
            let error = match error {
                PgWireError::InvalidPassword(_) | PgWireError::InvalidScramMessage(_) => {
                    let user = client.metadata().get(METADATA_USER).cloned();
                    let user = user.unwrap_or_default();
                    tracing::warn!(user, client = %client.socket_addr(), "postgresql: login failed");
                    fatal(
                        "28P01",
                        format!("password authentication failed for user \"{user}\""),
                    )
                }
                other => other,
            };
            return Err(error);
        }
        if matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            let (pid, key) = client.pid_and_secret_key();
            self.cancels.note(pid, key, self.connection.stop());
            let metadata = client.metadata();
            let name = metadata.get(METADATA_USER).cloned().unwrap_or_default();
            let Some(user) = self.connection.engine().users().get(&name) else {
                return Err(fatal(
                    "28000",
                    format!("user \"{name}\" does not exist any more"),
                ));
            };
            let connections = self.connection.engine().connections();
            let address = client.socket_addr().to_string();
            connections.opened(pid, &user.name, address, self.connection.stop());
            self.connection.logged_in(user, pid, metadata);
        }
        Ok(())
    }
}
