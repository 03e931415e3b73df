//! Workers that are killed in the middle of anything: nothing is claimed twice, nothing is lost.
//!
//! A worker is this very test program, started again with [`WORKER`] set; it claims and dispatches
//! until nothing is left. The test kills workers at random moments (SIGKILL) and starts them again
//! under the same name, as a person who logs in again.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::concurrency::{Place, all_dispatched_once, fill, open, work};

/// Name and place of a worker; only the workers have it set.
const WORKER: &str = "NONSITE_TEST_REVIEW_WORKER";
const WORKERS: usize = 16;
const KILLS: usize = 40;

fn start(test: &str, name: usize, place: &Place) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(WORKER, format!("worker-{name}\n{}", place.words()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// In a worker: works to the end. Otherwise does nothing.
async fn work_if_worker() -> bool {
    let Ok(task) = std::env::var(WORKER) else {
        return false;
    };
    let (name, place) = task.split_once('\n').unwrap();
    work(open(place).await, name.to_owned()).await;
    true
}

async fn kill_and_restart(test: &str, place: &Place, cases: usize) {
    let service = place.open().await;
    fill(&service, cases).await;
    let mut workers: Vec<Child> = (0..WORKERS).map(|name| start(test, name, place)).collect();
    let mut dice = 1_u64;
    let mut killed = 0;
    for _ in 0..KILLS {
        // Knuth's multiplier: any sequence will do, as long as it hits different moments.
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        tokio::time::sleep(Duration::from_millis(20 + (dice >> 40) % 150)).await;
        let victim = usize::try_from(dice >> 33).unwrap() % WORKERS;
        if workers[victim].try_wait().unwrap().is_none() {
            workers[victim].kill().unwrap();
            killed += 1;
        }
        workers[victim].wait().unwrap();
        workers[victim] = start(test, victim, place);
    }
    assert!(killed > 0, "the work was over before anybody was killed");
    for mut worker in workers {
        assert!(worker.wait().unwrap().success());
    }
    all_dispatched_once(&service, cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    if !work_if_worker().await {
        let place = Place::postgres().await;
        kill_and_restart("review::killed::on_postgres", &place, 2_000).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    if !work_if_worker().await {
        let place = Place::sqlite();
        kill_and_restart("review::killed::on_sqlite", &place, 2_000).await;
    }
}
