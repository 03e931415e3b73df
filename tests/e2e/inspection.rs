//! From the drawing of lots to an act that counts: what an inspector and an auditor type.

use std::io::Write as _;
use std::process::{Command, Stdio};

use nonsite_generator::Scale;
use nonsite_schemas::time::{Clock, SystemClock};
use serde_json::{Value as Json, json};

use crate::harness::sandbox::Sandbox;
use crate::harness::topics;
use crate::pipeline::province;

const SEED: &str = "2026-065 03 11 17 22 28 31 + 09";

/// What `sha256sum` says of a text.
fn sha256sum(text: &str) -> String {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

/// So many minutes from now, RFC 3339 in UTC.
fn in_minutes(minutes: i64) -> String {
    let at = SystemClock.now_micros() + minutes * 60_000_000;
    chrono::DateTime::from_timestamp_micros(at)
        .unwrap()
        .to_rfc3339()
}

#[test]
fn units_are_drawn_checked_recorded_and_counted() {
    let mut sandbox = Sandbox::new("inspection");
    let alerts = sandbox.topic_name("alerts");
    topics::create(&alerts, 1);
    sandbox.set("alerts.topic", alerts.as_str());
    let scale = Scale {
        points: 16,
        days: 2,
        factors: 6,
        ..Scale::default()
    };
    let (summary, _) = province(&mut sandbox, scale);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    let end = summary.end.as_str();
    sandbox.run(&["detect", "--once", "--as-of", end]).done();

    let draw_id = lots_are_drawn_and_drawn_again(&sandbox, end);
    let unit = first_of(&sandbox, &draw_id);
    let act = a_record_answers_the_checklist(&sandbox, &unit, &draw_id, end);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    answers_are_summed_by_item(&sandbox, &act);
    a_correction_has_a_higher_version(&sandbox);
    targets_lead_to_their_rows(&mut sandbox, &unit, &act);
}

fn lots_are_drawn_and_drawn_again(sandbox: &Sandbox, end: &str) -> String {
    sandbox.write(
        "officers.csv",
        "officer_id,certificate_no\no1,c1\no2,c2\no3,c3\no4,c4\n",
    );
    let from = [
        "inspection",
        "draw",
        "--industry",
        "4411",
        "--industry",
        "4430",
        "--as-of",
        end,
    ];
    let fixed = sandbox.run(&[&from[..], &["--fix-list"]].concat()).done();
    let first_units = sandbox.query("SELECT permit_no FROM permits ORDER BY permit_no LIMIT 1");
    let unit = first_units[0]["permit_no"].as_str().unwrap();
    sandbox.write("conflicts.csv", format!("officer_id,unit_id\no1,{unit}\n"));
    let asked = [
        &from[..],
        &[
            "--seed",
            SEED,
            "--count",
            "2",
            "--basis",
            "火电、热力单位；双色球第2026065期",
        ],
    ]
    .concat();
    let plain = [&asked[..], &["--dry-run", "--format", "json"]].concat();
    let plain = sandbox.run(&plain).done().json();
    assert!(
        fixed
            .stdout
            .starts_with(plain["list_sha256"].as_str().unwrap())
    );
    for chosen in plain["chosen"].as_array().unwrap() {
        let id = chosen["id"].as_str().unwrap();
        let text = format!("nonsite-draw-1\n{SEED}\ndraw\n{id}\n1");
        assert_eq!(chosen["ticket"], sha256sum(&text), "{chosen}");
    }

    let people = [
        "--officers",
        "officers.csv",
        "--conflicts",
        "conflicts.csv",
        "--save",
        "draw.json",
    ];
    let kept = [&asked[..], &people, &["--format", "json"]].concat();
    let kept = sandbox.run(&kept).done();
    let drawn = kept.json();
    let draw_id = drawn["draw_id"].as_str().unwrap().to_owned();
    assert!(kept.stderr.contains(&draw_id), "{}", kept.stderr);
    for chosen in drawn["chosen"].as_array().unwrap() {
        let officers = chosen["officers"].as_array().unwrap();
        assert_eq!(officers.len(), 2);
        assert!(
            !(chosen["id"] == unit && officers.contains(&json!("o1"))),
            "{chosen}"
        );
    }
    // The same once more is the same drawing.
    let again = sandbox.run(&[&asked[..], &people].concat()).done();
    assert!(again.stderr.contains("before"), "{}", again.stderr);
    assert_eq!(
        sandbox.count("SELECT count(*) FROM inspection_draws WHERE place = 0"),
        1
    );

    for name in [draw_id.as_str(), "draw.json"] {
        let verified = sandbox
            .run(&["inspection", "draw", "--verify", name])
            .done();
        assert!(verified.stdout.contains("the same"), "{}", verified.stdout);
    }
    let text = std::fs::read_to_string(sandbox.file("draw.json")).unwrap();
    let mut forged: Json = serde_json::from_str(&text).unwrap();
    forged["chosen"][0]["officers"] = json!(["o1", "o1"]);
    sandbox.write("forged.json", forged.to_string());
    sandbox
        .run(&["inspection", "draw", "--verify", "forged.json"])
        .exits(1);
    sandbox
        .run(&["inspection", "draw", "--verify", "d0000000000000000"])
        .exits(2)
        .complains(&["no drawing", "inspection draws"]);
    let listed = sandbox.run(&["inspection", "draws"]).done();
    assert!(listed.stdout.contains(&draw_id), "{}", listed.stdout);
    draw_id
}

fn first_of(sandbox: &Sandbox, draw_id: &str) -> Json {
    let sql =
        format!("SELECT document FROM inspection_draws WHERE draw_id = '{draw_id}' AND place = 0");
    let document = sandbox.query(&sql)[0]["document"]
        .as_str()
        .unwrap()
        .to_owned();
    let draw: Json = serde_json::from_str(&document).unwrap();
    draw["chosen"][0].clone()
}

fn a_record_answers_the_checklist(
    sandbox: &Sandbox,
    unit: &Json,
    draw_id: &str,
    end: &str,
) -> String {
    let permit = unit["id"].as_str().unwrap();
    let asked = [
        "inspection",
        "checklist",
        permit,
        "--as-of",
        end,
        "--days",
        "3",
    ];
    let form = sandbox
        .run(&[&asked[..], &["--format", "json"]].concat())
        .done()
        .json();
    let questions = form["questions"].as_array().unwrap();
    let of = |item: &str| -> Vec<&Json> {
        questions
            .iter()
            .filter(|question| question["item_id"].as_str().unwrap().starts_with(item))
            .collect()
    };
    for item in [
        "permit-valid",
        "limit:DA001/a21026/hour",
        "transmission:DA001/",
        "mass:",
        "report:",
        "desulphurisation",
    ] {
        assert!(!of(item).is_empty(), "no `{item}` in {form}");
    }
    assert_eq!(of("permit-valid")[0]["fact"]["suggests"], "pass");
    let limit = of("limit:DA001/a21026/hour")[0];
    let over = sandbox.count(&format!(
        "SELECT count(*) FROM hourly h JOIN mn_limits l ON l.mn = h.mn AND l.factor = h.factor \
         AND l.averaging = 'hour' AND h.hour >= l.in_force_from AND h.hour < l.in_force_to \
         WHERE h.valid AND h.factor = 'a21026' AND l.outlet_uid = '{permit}DA001' \
         AND (CASE WHEN l.basis = 'converted' THEN h.converted ELSE h.value END) > l.limit_value"
    ));
    let suggested = if over == 0 { "pass" } else { "fail" };
    assert_eq!(limit["fact"]["suggests"], suggested, "{limit}");
    assert!(limit["fact"]["rows"].as_i64().unwrap() > 20, "{limit}");
    // What no table answers is not answered.
    assert_eq!(of("desulphurisation")[0]["fact"], Json::Null);

    let draft = sandbox.run(&[&asked[..], &["--draft"]].concat()).done();
    let mut act: Json = serde_json::from_str(&draft.stdout).unwrap();
    complete(&mut act, unit, draw_id);
    sandbox.write("act.json", act.to_string());
    let record = ["inspection", "record", "act.json"];
    // The checklist has to be answered.
    let open = sandbox.run(&record).exits(1);
    assert!(open.stdout.contains("not sent"), "{}", open.stdout);
    for answer in act["checklist"].as_array_mut().unwrap() {
        let given = answer["suggested"].as_str().unwrap_or("pass").to_owned();
        if given == "fail" {
            answer["remark"] = json!("见数据，已要求说明");
        }
        answer["answer"] = json!(given);
    }
    let whole = act.clone();
    act["checklist"].as_array_mut().unwrap().pop();
    sandbox.write("act.json", act.to_string());
    let missing = sandbox.run(&record).exits(1);
    assert!(
        missing.stdout.contains("not answered"),
        "{}",
        missing.stdout
    );
    let mut other = whole.clone();
    other["checklist"][0]["item_id"] = json!("weather");
    sandbox.write("act.json", other.to_string());
    let unasked = sandbox.run(&record).exits(1);
    assert!(
        unasked.stdout.contains("not asked of this permit"),
        "{}",
        unasked.stdout
    );

    sandbox.write("act.json", whole.to_string());
    let seen = sandbox
        .run(&["inspection", "record", "act.json", "--dry-run"])
        .done();
    assert!(seen.stdout.contains("--dry-run"), "{}", seen.stdout);
    let sent = sandbox
        .run(&[&record[..], &["--format", "json"]].concat())
        .done()
        .json();
    assert_eq!(sent["lacks"], json!([]), "{sent}");
    assert_eq!(sent["asked"], questions.len());
    assert!(sent["sent_to"].as_str().unwrap().ends_with("inspections"));
    whole["act_id"].as_str().unwrap().to_owned()
}

/// What people add to a draft, except the answers.
fn complete(act: &mut Json, unit: &Json, draw_id: &str) {
    let officers: Vec<Json> = unit["officers"]
        .as_array()
        .unwrap()
        .iter()
        .map(
            |id| json!({"officer_id": id, "certificate_no": format!("c-{}", id.as_str().unwrap())}),
        )
        .collect();
    // Today, after the drawing; the data that were looked at are older.
    let at = |minutes: i64| in_minutes(minutes);
    // As times are shown: Beijing, to the minute.
    let shown = |minutes: i64| in_minutes(minutes + 8 * 60)[..16].replace('T', " ");
    for (key, value) in [
        ("act_id", json!("ACT-CHECKLIST-1")),
        ("draw_id", json!(draw_id)),
        ("task_id", json!("TASK-CHECKLIST-1")),
        ("plan_item", json!("P-1")),
        ("class", json!("daily")),
        ("status", json!("closed")),
        (
            "approval",
            json!({"approval_id": "A-1", "approved_by": "支队长", "approved_at": at(-600)}),
        ),
        ("officers", json!(officers)),
        ("team_id", json!("T-1")),
        (
            "evidence",
            json!([{"evidence_id": "e1", "kind": "query_result", "sha256": "ab".repeat(32)}]),
        ),
        (
            "findings",
            json!([{"finding_id": "f1", "text": "核对完毕", "evidence_ids": ["e1"]}]),
        ),
        ("conclusion", json!("no_problem")),
        (
            "notice",
            json!({"channel": "client", "notified_at": at(35)}),
        ),
        ("started_at", json!(at(1))),
        ("ended_at", json!(shown(31))),
        ("completed_at", json!(shown(40))),
        ("signed_by", json!("复核人")),
        ("policy_id", json!("nonsite-default-1")),
    ] {
        act[key] = value;
    }
}

/// What the record of the act says, item by item.
fn answers_are_summed_by_item(sandbox: &Sandbox, act: &str) {
    let words = ["inspection", "answers", "--format", "json"];
    let items = sandbox
        .run(&[&words[..], &["--checklist", "thermal-power"]].concat())
        .done()
        .json();
    let items = items.as_array().unwrap();
    let of = |item: &str| items.iter().find(|one| one["item"] == item).unwrap();
    assert_eq!(of("permit-valid")["acts"], 1, "{items:?}");
    assert_eq!(of("permit-valid")["passed"], 1);
    let rows = sandbox
        .run(&[&words[..], &["--item", "limit"]].concat())
        .done()
        .json();
    let rows = rows.as_array().unwrap();
    let own = rows.iter().filter(|row| row["act_id"] == act).count() as u64;
    let limit = of("limit");
    let sum = ["passed", "failed", "not_applicable", "open"]
        .map(|answer| limit[answer].as_u64().unwrap())
        .iter()
        .sum::<u64>();
    assert_eq!(sum, own);
    assert!(rows.iter().all(|row| row["subject"].is_string()));
    // The answers followed the suggestions.
    let otherwise = sandbox.run(&[&words[..], &["--otherwise"]].concat());
    assert_eq!(otherwise.done().json(), json!([]));
}

/// The record that was sent is stored by now.
fn a_correction_has_a_higher_version(sandbox: &Sandbox) {
    for more in [&["--dry-run"][..], &[]] {
        let again = [&["inspection", "record", "act.json"][..], more].concat();
        let refused = sandbox.run(&again).exits(1);
        assert!(
            refused.stdout.contains("wrong: act_version"),
            "{}",
            refused.stdout
        );
    }
    let text = std::fs::read_to_string(sandbox.file("act.json")).unwrap();
    let mut act: Json = serde_json::from_str(&text).unwrap();
    act["act_version"] = json!(act["act_version"].as_i64().unwrap() + 1);
    sandbox.write("corrected.json", act.to_string());
    let looked = sandbox
        .run(&["inspection", "record", "corrected.json", "--dry-run"])
        .done();
    assert!(!looked.stdout.contains("wrong:"), "{}", looked.stdout);
}

/// What is not finished does not count; what is said last holds.
fn an_audit_is_begun_and_finished(sandbox: &Sandbox, bureau: &str) {
    let today = in_minutes(8 * 60)[..10].to_owned();
    let told = [
        "inspection",
        "audit",
        "add",
        "--org",
        bureau,
        "--team",
        "稽查一组",
        "--cross-region",
        "--by",
        "李工",
        "--format",
        "json",
    ];
    let begun = sandbox.run(&told).done().json();
    assert_eq!(begun["completed_on"], Json::Null);
    let id = begun["audit_id"].as_str().unwrap();
    let finish = ["--audit", id, "--completed-on", &today];
    let finished = sandbox.run(&[&told[..], &finish].concat()).done().json();
    assert_eq!(
        (&finished["audit_id"], &finished["fresh"]),
        (&json!(id), &json!(true))
    );
    let again = sandbox.run(&[&told[..], &finish].concat()).done().json();
    assert_eq!(again["fresh"], false);
    let list = ["inspection", "audit", "list", "--format", "json"];
    let standing = sandbox.run(&list).done().json();
    assert_eq!(standing.as_array().unwrap().len(), 1);
    assert_eq!(standing[0]["completed_on"], json!(today));
    let history = sandbox.run(&[&list[..], &["--history"]].concat()).done();
    assert_eq!(history.json().as_array().unwrap().len(), 2);
    sandbox
        .run(&[&told[..], &["--draw", "d0000000000000000"]].concat())
        .exits(2)
        .complains(&["no sample"]);
}

fn targets_lead_to_their_rows(sandbox: &mut Sandbox, unit: &Json, act: &str) {
    let id = unit["id"].as_str().unwrap();
    // The act is signed forty minutes after it was sent.
    let later = in_minutes(120);
    let rows = |sandbox: &Sandbox, target: &str| -> Vec<Json> {
        let words = [
            "stats", "--as-of", &later, "--rows", target, "--format", "json",
        ];
        let rows = sandbox.run(&words).done().json();
        rows.as_array().unwrap().clone()
    };
    let figures = |sandbox: &Sandbox| -> Vec<Json> {
        let words = ["stats", "--as-of", &later, "--format", "json"];
        let figures = sandbox.run(&words).done().json();
        figures.as_array().unwrap().clone()
    };
    let of = |figures: &[Json], code: &str| -> Json {
        let found = figures.iter().find(|figure| figure["code"] == code);
        found.unwrap_or_else(|| panic!("no {code}")).clone()
    };
    let all = figures(sandbox);
    let units = of(&all, "checklist_units");
    assert_eq!(units["hits"], 1.0, "{units}");
    let checked = rows(sandbox, "checklist_units");
    assert_eq!(units["of"].as_f64().unwrap() as usize, checked.len());
    let own = checked.iter().find(|row| row["unit"] == id).unwrap();
    assert_eq!(
        (own["act"].as_str(), own["drawn"].as_str()),
        (Some(act), Some("true"))
    );
    assert_eq!(of(&all, "checklist_industries")["hits"], 1.0);

    // Masses: the sum of the rows is the figure, and each pollutant's shares add up.
    let nox = of(&all, "checklist_emission_nox");
    let industries = rows(sandbox, "checklist_emission_nox");
    let mass = |rows: &[Json], listed: bool| -> f64 {
        rows.iter()
            .filter(|row| !listed || row["checklist"] == "yes")
            .map(|row| row["mass t"].as_str().unwrap().parse::<f64>().unwrap())
            .sum()
    };
    assert!(
        (nox["of"].as_f64().unwrap() - mass(&industries, false)).abs() < 0.01,
        "{nox}"
    );
    assert!(
        (nox["hits"].as_f64().unwrap() - mass(&industries, true)).abs() < 0.01,
        "{nox}"
    );
    let permitted = sandbox.query(
        "SELECT permit_no, sum(mass_t) AS m FROM permit_mass_limits WHERE factor = 'a21002' \
         AND period = 'year' AND year_no = 1 AND doc_valid GROUP BY permit_no",
    );
    assert!(!permitted.is_empty() && !industries.is_empty());

    let bureaus = of(&all, "bureaus_audited");
    assert_eq!(bureaus["hits"], 0.0);
    let bureau = rows(sandbox, "bureaus_audited")[0]["sub-bureau"]
        .as_str()
        .unwrap()
        .to_owned();
    an_audit_is_begun_and_finished(sandbox, &bureau);
    sandbox.write(
        "targets.toml",
        format!(
            "sub_bureaus = [\"{bureau}\"]\n\
             [[statistic]]\nindustry = \"4411\"\npollutant = \"SO2\"\nmass_t = 95\n\
             [[statistic]]\nindustry = \"1713\"\npollutant = \"SO2\"\nmass_t = 5\n"
        ),
    );
    sandbox.set("inspection.targets", "targets.toml");
    sandbox.set("inspection.emission_basis", "statistics");
    let all = figures(sandbox);
    assert_eq!(of(&all, "bureaus_audited")["percent"], "100.00");
    let headline = of(&all, "checklist_emission");
    assert_eq!(
        (headline["percent"].as_str(), headline["reached"].as_bool()),
        (Some("95.00"), Some(true))
    );
    assert!(
        headline["note"]
            .as_str()
            .unwrap()
            .contains("add industry 1713 next")
    );

    let stages = rows(sandbox, "stages_online");
    let own = |stages: &[Json]| stages.iter().find(|row| row["act"] == act).unwrap().clone();
    assert_eq!(own(&stages)["inspection"], "yes");
    assert_eq!(
        own(&stages)["statistics"],
        "no",
        "no figure was published yet"
    );
    sandbox
        .run(&["ratio", "--as-of", &later, "--publish"])
        .done();
    assert_eq!(own(&rows(sandbox, "stages_online"))["statistics"], "yes");
    sandbox
        .run(&["stats", "--rows", "weather"])
        .exits(2)
        .complains(&["no target", "checklist_units", "clue_precision"]);
}
