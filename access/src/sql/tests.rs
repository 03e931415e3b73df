//! The whole way of a question, over a store without data.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use nonsite_analytics::detect;
use nonsite_analytics::ratio::RatioPolicies;
use nonsite_analytics::review::{Read, ReadsWanted};
use nonsite_schemas::time::SystemClock;

use super::catalogue::rules;
use super::guard::Step;
use super::log::Asked;
use super::run::{Answer, Run, Stop};
use super::*;

mod limits;
mod reading;
mod scope;
mod shut;
mod stopping;
mod tools;

/// What two people read.
#[derive(Debug)]
struct TwoReaders;

impl ReadLog for TwoReaders {
    fn reads(&self, wanted: ReadsWanted) -> BoxFuture<'_, Result<Vec<Read>, String>> {
        let read = |actor: &str| Read {
            seq: 1,
            actor: actor.to_owned(),
            kind: "case".to_owned(),
            subject: Some("c1".to_owned()),
            status: 200,
            ..Read::default()
        };
        let all = ["ana", "carol"].map(read).into_iter();
        let own = all.filter(|read| {
            wanted
                .actor
                .as_ref()
                .is_none_or(|actor| *actor == read.actor)
        });
        std::future::ready(Ok(own.collect())).boxed()
    }
}

/// An engine over an empty folder.
fn engine(change: impl FnOnce(&mut Config)) -> (tempfile::TempDir, Arc<Engine>) {
    let folder = tempfile::tempdir().expect("folder");
    let mut config = Config {
        threads: 2,
        ..Config::default()
    };
    change(&mut config);
    let known = detect::Catalogue::load(&detect::Config::default()).expect("built-in rules");
    let engine = Engine::start(Setup {
        store: folder.path().to_owned(),
        session: nonsite_analytics::session::Config::default(),
        config,
        policies: RatioPolicies::default(),
        rules: rules(&known).expect("rows"),
        users: Users::none(),
        reads: Some(Arc::new(TwoReaders)),
        clock: Arc::new(SystemClock),
    })
    .expect("threads");
    (folder, engine)
}

async fn ask(engine: &Arc<Engine>, user: &User, text: &str) -> Result<Answer, Fault> {
    ask_until(engine, user, text, Stop::default()).await
}

async fn ask_until(
    engine: &Arc<Engine>,
    user: &User,
    text: &str,
    stop: Stop,
) -> Result<Answer, Fault> {
    let Some(Step::Query(query)) = guard::steps(text)?.pop() else {
        panic!("{text} is no query");
    };
    let catalogue = engine.catalogue(user).await?;
    let state = catalogue.state();
    let plan = guard::plan(&state, &query).await?;
    engine
        .run(Run {
            asked: Asked {
                user: user.name.clone(),
                via: "test",
                client: String::new(),
                application: String::new(),
                text: text.to_owned(),
            },
            state,
            plan,
            timeout: None,
            stop,
        })
        .await
}

/// Rows as CSV lines, the heading first.
async fn rows(engine: &Arc<Engine>, text: &str) -> Vec<String> {
    let answer = ask(engine, &User::local(), text).await;
    let batches = answer.unwrap_or_else(|fault| panic!("{text}: {fault}"));
    let batches = batches.collect().await.expect(text);
    let csv = nonsite_analytics::session::render::csv(&batches).expect("csv");
    csv.lines().map(str::to_owned).collect()
}

fn restricted() -> User {
    User {
        name: "carol".to_owned(),
        orgs: Some(["330106".to_owned()].into()),
        admin: false,
    }
}

/// A query that would run for hours.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 4000000) a, generate_series(1, 4000000) b \
     WHERE a.value % 7 = b.value % 11";
