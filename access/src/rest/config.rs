//! `[serve.rest]`: who may call the API, and how long it remembers.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use chrono::NaiveDate;
use nonsite_analytics::review::Role;
use serde::{Deserialize, Serialize};

/// Settings of the REST API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A proxy in front ends TLS: tokens are taken over plain HTTP on any address. Default false.
    pub behind_proxy: bool,
    /// How old the tables may be that ratio, findings and dossiers are read from, seconds; 0 to
    /// 3600, default 10.
    pub refresh_s: u32,
    /// How long the answers to requests with an `Idempotency-Key` are kept, days; 1 to 365,
    /// default 30.
    pub keep_answers_days: u32,
    /// Requests worked on at the same time; 1 to 1024, default 64.
    pub concurrency: u32,
    /// Who may call; without anybody there is no API.
    pub callers: Vec<User>,
}

/// Somebody who may call the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Id of the person, as audit rows have it.
    pub name: String,
    /// What they may act as; the first one unless a request names another.
    pub roles: Vec<Role>,
    /// Their body. They see its cases and those of the bodies below; without it, all.
    #[serde(default)]
    pub org: Option<String>,
    /// Permits of the units that an enterprise answers for.
    #[serde(default)]
    pub permits: BTreeSet<String>,
    /// Number of the enforcement certificate.
    #[serde(default)]
    pub certificate: Option<String>,
    /// SHA-256 of the token, hex; `nonsite token` makes both.
    pub token_sha256: String,
    /// Last Beijing day on which the token is good.
    #[serde(default)]
    pub expires: Option<NaiveDate>,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[serve.rest] {key}: {problem}")]
pub struct ConfigError {
    /// The key.
    pub key: String,
    /// What to change.
    pub problem: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            behind_proxy: false,
            refresh_s: 10,
            keep_answers_days: 30,
            concurrency: 64,
            callers: Vec::new(),
        }
    }
}

impl Config {
    /// Checks ranges and contradictions, given the address of `[serve] http` and whether it has TLS.
    ///
    /// # Errors
    /// [`ConfigError`], naming the key.
    pub fn validate(&self, address: &str, tls: bool) -> Result<(), ConfigError> {
        // A name that is not an address can be any machine.
        let local = address
            .parse::<SocketAddr>()
            .is_ok_and(|address| address.ip().is_loopback())
            || address.starts_with("localhost:");
        if !self.callers.is_empty() && !local && !tls && !self.behind_proxy {
            return Err(fault(
                "behind_proxy",
                format!(
                    "`{address}` can be reached from other machines, and tokens would travel in the \
                     clear: give `serve.tls_cert` and `serve.tls_key`, or set behind_proxy = true \
                     when a proxy ends TLS"
                ),
            ));
        }
        within("refresh_s", self.refresh_s, 0, 3_600)?;
        within("keep_answers_days", self.keep_answers_days, 1, 365)?;
        within("concurrency", self.concurrency, 1, 1_024)?;
        let mut tokens = BTreeSet::new();
        for user in &self.callers {
            user.validate()?;
            if !tokens.insert(&user.token_sha256) {
                return Err(user.fault("token_sha256", "another caller has the same token"));
            }
        }
        Ok(())
    }
}

impl User {
    fn fault(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        fault(&format!("callers, `{}`, {key}", self.name), problem)
    }

    fn validate(&self) -> Result<(), ConfigError> {
        if self.name.trim().is_empty() || self.name.chars().any(char::is_control) {
            return Err(self.fault("name", "give the id of the person"));
        }
        if self.roles.is_empty() {
            return Err(self.fault("roles", "give at least one role"));
        }
        if self.roles.contains(&Role::Engine) {
            return Err(self.fault("roles", "`engine` is the program itself"));
        }
        let hex = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !hex(&self.token_sha256) {
            return Err(self.fault(
                "token_sha256",
                "64 hexadecimal digits, not the token itself",
            ));
        }
        let enterprise = self.roles.contains(&Role::Enterprise);
        if enterprise && self.roles.len() > 1 {
            return Err(self.fault("roles", "an enterprise has no other role"));
        }
        if enterprise && self.permits.is_empty() {
            return Err(self.fault("permits", "give the permits of the enterprise's units"));
        }
        if !enterprise && !self.permits.is_empty() {
            return Err(self.fault("permits", "only an enterprise has permits"));
        }
        Ok(())
    }
}

fn fault(key: &str, problem: impl Into<String>) -> ConfigError {
    ConfigError {
        key: key.to_owned(),
        problem: problem.into(),
    }
}

fn within(key: &str, value: u32, least: u32, most: u32) -> Result<(), ConfigError> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err(fault(
            key,
            format!("{value} is out of range: {least} to {most}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(roles: &[Role]) -> User {
        User {
            name: "ana".to_owned(),
            roles: roles.to_vec(),
            org: None,
            permits: BTreeSet::new(),
            certificate: None,
            token_sha256: "ab".repeat(32),
            expires: None,
        }
    }

    fn with(callers: Vec<User>) -> Config {
        Config {
            callers,
            ..Config::default()
        }
    }

    fn refused(config: &Config) -> String {
        config
            .validate("127.0.0.1:8080", false)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn what_cannot_work_is_refused_by_key() {
        let sound = with(vec![user(&[Role::Analyst])]);
        sound.validate("127.0.0.1:8080", false).unwrap();
        sound.validate("0.0.0.0:8080", true).unwrap();
        with(vec![]).validate("0.0.0.0:8080", false).unwrap();
        let open = sound.validate("0.0.0.0:8080", false).unwrap_err();
        assert!(open.to_string().contains("in the clear"));
        Config {
            behind_proxy: true,
            ..sound
        }
        .validate("0.0.0.0:8080", false)
        .unwrap();
        assert!(refused(&with(vec![user(&[Role::Engine])])).contains("`ana`, roles"));
        assert!(refused(&with(vec![user(&[Role::Enterprise])])).contains("permits"));
        assert!(refused(&with(vec![user(&[])])).contains("roles"));
        let twins = with(vec![user(&[Role::Officer]), user(&[Role::Officer])]);
        assert!(refused(&twins).contains("same token"));
        let clear = User {
            token_sha256: "nst_secret".to_owned(),
            ..user(&[Role::Officer])
        };
        let text = refused(&with(vec![clear]));
        assert!(text.contains("token_sha256") && !text.contains("nst_secret"));
    }
}
