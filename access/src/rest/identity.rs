//! Who calls: bearer tokens, looked up by their SHA-256.
//!
//! A token is 256 bits of randomness, so a fast hash is enough to keep it from being read out of a
//! configuration file, and the time a look-up takes tells nothing about a token.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{HeaderMap, header, request::Parts};
use nonsite_analytics::review::{Actor, Role, Scope};
use nonsite_schemas::time::beijing_day;
use sha2::{Digest, Sha256};

use super::app::App;
use super::config::User;
use super::problem::{BAD_HEADER, FORBIDDEN_ROLE, OUT_OF_SCOPE, Problem, UNAUTHENTICATED};

/// Header that picks one of a caller's roles.
pub(super) const ROLE: &str = "nonsite-role";
/// How every token begins, so that one that leaked is recognised.
const PREFIX: &str = "nst_";

/// Configured users by the hash of their token.
#[derive(Debug, Clone, Default)]
pub(super) struct Users(BTreeMap<String, User>);

/// A caller in one of their roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) roles: Vec<Role>,
    pub(super) org: Option<String>,
    pub(super) permits: BTreeSet<String>,
    pub(super) certificate: Option<String>,
}

/// A new token, which is shown once, and its hash, which is kept.
pub fn new_token() -> (String, String) {
    let (one, two) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let token = format!("{PREFIX}{}{}", one.simple(), two.simple());
    let hash = hash(&token);
    (token, hash)
}

fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

impl Users {
    pub(super) fn new(users: &[User]) -> Self {
        let by_hash = |user: &User| (user.token_sha256.to_ascii_lowercase(), user.clone());
        Self(users.iter().map(by_hash).collect())
    }

    /// `now` in microseconds UTC.
    fn authenticate(&self, headers: &HeaderMap, now: i64) -> Result<Principal, Problem> {
        let refuse = |why: &str| Problem::new(&UNAUTHENTICATED, why);
        let given = headers
            .get(header::AUTHORIZATION)
            .ok_or_else(|| refuse("the request has no Authorization header"))?;
        let token = given
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| refuse("the Authorization header is not `Bearer TOKEN`"))?;
        let user = self
            .0
            .get(&hash(token))
            .ok_or_else(|| refuse("the token is not known"))?;
        let today = i64::from(beijing_day(now));
        let last = |day: chrono::NaiveDate| {
            day.signed_duration_since(chrono::NaiveDate::default())
                .num_days()
        };
        if user.expires.is_some_and(|day| last(day) < today) {
            return Err(refuse("the token has expired"));
        }
        let role = role_of(user, headers)?;
        Ok(Principal {
            name: user.name.clone(),
            role,
            roles: user.roles.clone(),
            org: user.org.clone(),
            permits: user.permits.clone(),
            certificate: user.certificate.clone(),
        })
    }
}

fn role_of(user: &User, headers: &HeaderMap) -> Result<Role, Problem> {
    let own: Vec<&str> = user.roles.iter().map(|role| role.code()).collect();
    let Some(given) = headers.get(ROLE) else {
        // A configured user has a role.
        return user
            .roles
            .first()
            .copied()
            .ok_or_else(|| Problem::new(&FORBIDDEN_ROLE, "no role is configured for this user"));
    };
    let asked = given
        .to_str()
        .ok()
        .and_then(Role::from_code)
        .ok_or_else(|| {
            let why = format!("Nonsite-Role is none of your roles: {}", own.join(", "));
            Problem::new(&BAD_HEADER, why)
        })?;
    match user.roles.contains(&asked) {
        true => Ok(asked),
        false => Err(Problem::new(
            &FORBIDDEN_ROLE,
            format!("you have no role `{asked}`; yours: {}", own.join(", ")),
        )),
    }
}

impl Principal {
    /// Whoever sends these headers.
    pub(super) fn of(app: &App, headers: &HeaderMap) -> Result<Self, Problem> {
        app.users().authenticate(headers, app.now())
    }

    /// As audit rows have it.
    pub(super) fn actor(&self) -> Actor {
        Actor {
            name: self.name.clone(),
            role: self.role,
            certificate: self.certificate.clone(),
            org: self.org.clone(),
            client: "api".to_owned(),
        }
    }

    pub(super) fn scope(&self) -> Scope {
        Scope {
            org: self.org.clone(),
            permits: (self.role == Role::Enterprise).then(|| self.permits.clone()),
        }
    }

    /// Refuses a role that is not among these.
    pub(super) fn one_of(&self, roles: &[Role], what: &str) -> Result<(), Problem> {
        if roles.contains(&self.role) {
            return Ok(());
        }
        let may: Vec<&str> = roles.iter().map(|role| role.code()).collect();
        Err(Problem::new(
            &FORBIDDEN_ROLE,
            format!(
                "role `{}` may not {what}; it belongs to: {}",
                self.role,
                may.join(", ")
            ),
        ))
    }

    /// Refuses a body below the city, for what concerns the whole of it.
    pub(super) fn of_the_city(&self, why: &str) -> Result<(), Problem> {
        match self.org.as_deref() {
            Some(org) if !org.ends_with("00") => Err(Problem::new(
                &OUT_OF_SCOPE,
                format!("{why}; yours is a body below it"),
            )),
            _ => Ok(()),
        }
    }

    /// Refuses an enterprise.
    pub(super) fn of_a_body(&self, what: &str) -> Result<(), Problem> {
        let bodies: Vec<Role> = Role::ALL
            .into_iter()
            .filter(|role| !matches!(role, Role::Engine | Role::Enterprise))
            .collect();
        self.one_of(&bodies, what)
    }
}

impl axum::extract::FromRequestParts<App> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // Around an operation it was found out before; see `surround`.
        match parts.extensions.get::<Self>() {
            Some(known) => Ok(known.clone()),
            None => Self::of(app, &parts.headers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(expires: Option<&str>) -> (Users, String) {
        let (token, token_sha256) = new_token();
        let user = User {
            name: "ana".to_owned(),
            roles: vec![Role::Analyst, Role::Supervisor],
            org: Some("370500".to_owned()),
            permits: BTreeSet::new(),
            certificate: None,
            token_sha256: token_sha256.to_uppercase(),
            expires: expires.map(|day| day.parse().unwrap()),
        };
        (Users::new(&[user]), token)
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                let name = axum::http::HeaderName::from_static(name);
                (name, value.parse().unwrap())
            })
            .collect()
    }

    /// Noon in Beijing on 2 March 2026.
    const NOW: i64 = 1_772_424_000_000_000;

    #[test]
    fn a_token_is_random_and_its_hash_is_what_is_kept() {
        let (one, hash_one) = new_token();
        let (two, _) = new_token();
        assert_ne!(one, two);
        assert!(one.starts_with("nst_") && one.len() == 68);
        assert_eq!(hash(&one), hash_one);
    }

    #[test]
    fn tokens_are_checked_with_scheme_role_and_day() {
        let (known, token) = users(Some("2026-03-02"));
        let bearer = format!("bearer {token}");
        let ask = |pairs: &[(&'static str, &str)]| known.authenticate(&headers(pairs), NOW);
        assert_eq!(
            ask(&[("authorization", &bearer)]).unwrap().role,
            Role::Analyst
        );
        let chosen = [("authorization", bearer.as_str()), (ROLE, "supervisor")];
        assert_eq!(ask(&chosen).unwrap().role, Role::Supervisor);
        let status = |pairs: &[(&'static str, &str)]| {
            serde_json::to_value(ask(pairs).unwrap_err()).unwrap()["status"]
                .as_u64()
                .unwrap()
        };
        assert_eq!(status(&[]), 401);
        assert_eq!(status(&[("authorization", "Basic YTpi")]), 401);
        assert_eq!(status(&[("authorization", "Bearer nst_0")]), 401);
        assert_eq!(status(&[("authorization", &bearer), (ROLE, "legal")]), 403);
        assert_eq!(status(&[("authorization", &bearer), (ROLE, "king")]), 400);

        let (late, token) = users(Some("2026-03-01"));
        let bearer = format!("Bearer {token}");
        let refused = late.authenticate(&headers(&[("authorization", &bearer)]), NOW);
        assert!(refused.is_err());
    }
}
