//! Parameters of one outlet: set, used, told in the evidence, computed again, revoked.

use nonsite_generator::Scale;

use crate::harness::sandbox::Sandbox;
use crate::pipeline::province;

#[test]
fn a_parameter_of_one_outlet_is_used_and_recorded() {
    let mut sandbox = Sandbox::new("params");
    let scale = Scale {
        points: 10,
        days: 2,
        factors: 6,
        ..Scale::default()
    };
    let (summary, _) = province(&mut sandbox, scale);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    let detect = [
        "detect",
        "--once",
        "--no-alerts",
        "--as-of",
        summary.end.as_str(),
    ];
    sandbox.run(&detect).done();
    let open = "SELECT anomaly_id, outlet_uid FROM anomalies
                WHERE rule_id = 'E01' AND status = 'open' ORDER BY anomaly_id";
    let before = sandbox.query(open);
    let outlet = before[0]["outlet_uid"]
        .as_str()
        .expect("an outlet")
        .to_owned();

    let what = ["E01", "factor", "--outlet", &outlet, "--author", "张三"];
    let set = |reason: &str, value: &str| {
        let mut args = vec!["rules", "params", "set"];
        args.extend(what);
        args.extend(["--reason", reason, "--value", value]);
        args.extend([
            "--from",
            "2000-01-01 00:00",
            "--expires",
            "2099-01-01 00:00",
        ]);
        sandbox.run(&args)
    };
    set("", "0.5").exits(2).complains(&["reason"]);
    set("复核", "50").exits(2).complains(&["factor", "outside"]);
    set("复核", "0.5").done();
    let listed = sandbox
        .run(&["rules", "params", "list", "--format", "json"])
        .done()
        .json();
    assert_eq!(listed[0]["key"], outlet.as_str());

    let report = sandbox
        .run(&[&detect[..], &["--json"]].concat())
        .done()
        .json();
    assert_eq!(report["full"], false);
    let tight = sandbox.query(&format!(
        "SELECT anomaly_id FROM anomalies WHERE rule_id = 'E01' AND status = 'open'
         AND outlet_uid = '{outlet}' AND evidence LIKE '%\"author\":\"张三\"%' ORDER BY anomaly_id"
    ));
    assert!(!tight.is_empty(), "the override is in no evidence");
    let id = tight[0]["anomaly_id"].as_str().expect("id");
    sandbox.run(&["anomaly", "replay", id]).done();

    let mut args = vec!["rules", "params", "revoke"];
    args.extend(what);
    args.extend(["--reason", "完成", "--from", "2000-01-01 00:00"]);
    sandbox.run(&args).done();
    sandbox.run(&detect).done();
    assert_eq!(sandbox.query(open), before);
    let history = sandbox
        .run(&["rules", "params", "history", "E01", "--format", "json"])
        .done()
        .json();
    assert_eq!(history[1]["revoked"], true);
}
