//! Answers are what the description says they are: the real ones, part by part.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::document;
use super::super::testing::{Bench, case};
use super::stored::with_acts;

/// What differs between a value and its schema; the keywords that the description uses.
fn differences(api: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(place) = schema["$ref"].as_str() {
        let name = place.rsplit('/').next().unwrap();
        let part = &api["components"]["schemas"][name];
        assert!(part.is_object(), "{at}: `{place}` leads nowhere");
        return differences(api, part, value, at, found);
    }
    let fits = |schema: &Value| {
        let mut found = Vec::new();
        differences(api, schema, value, at, &mut found);
        found.is_empty()
    };
    for any in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[any].as_array()
            && !choices.iter().any(fits)
        {
            found.push(format!("{at}: {value} is none of {any}"));
        }
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        differences(api, part, value, at, found);
    }
    if let Some(codes) = schema["enum"].as_array()
        && !codes.contains(value)
    {
        found.push(format!("{at}: {value} is none of {codes:?}"));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => value.is_number(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind)) {
        found.push(format!("{at}: {value} is no {kinds:?}"));
    }
    match value {
        Value::Object(fields) => {
            for name in schema["required"].as_array().into_iter().flatten() {
                if !fields.contains_key(name.as_str().unwrap()) {
                    found.push(format!("{at}: {name} is missing"));
                }
            }
            for (name, field) in fields {
                let at = format!("{at}/{name}");
                match (
                    schema["properties"].get(name),
                    &schema["additionalProperties"],
                ) {
                    (Some(part), _) => differences(api, part, field, &at, found),
                    (None, Value::Object(_)) => {
                        differences(api, &schema["additionalProperties"], field, &at, found);
                    }
                    _ => {}
                }
            }
        }
        Value::Array(values) => {
            for (place, one) in values.iter().enumerate() {
                differences(api, &schema["items"], one, &format!("{at}/{place}"), found);
            }
        }
        _ => {}
    }
}

/// A case in filing with a package, a published figure, and a drawing; ids of what there is.
async fn with_everything(bench: &Bench) -> BTreeMap<&'static str, String> {
    let id = case(1);
    let act = async |who: &str, action: &str, papers: Value| {
        bench.clock.advance(60_000_000);
        let path = format!("/cases/{id}/actions/{action}");
        bench
            .post(who, &path, Some("*"), None, &papers)
            .await
            .done(200);
    };
    act("ana", "verify", json!({"reason": "R1"})).await;
    let filed = json!({"officers": ["o-1", "o-2"], "facts": "监测数据超标",
                       "evidence_list": "小时数据"});
    act("o-1", "file", filed).await;
    super::files::hand_in(bench, "o-1", &id).await.done(201);
    let papers = json!({"kind": "filing", "receiver": "法制科"});
    let path = format!("/cases/{id}/packages");
    bench
        .post("law", &path, Some("*"), None, &papers)
        .await
        .done(201);
    let figure = json!({"year": 2026, "as_of": "2026-02-25"});
    let figure = bench.post("sup", "/ratio/snapshots", None, None, &figure);
    let figure = figure.await.done(201);
    let wanted = json!({"seed": "3 14 15", "count": 1,
        "officers": [{"officer_id": "o-1", "certificate_no": "c-1"},
                     {"officer_id": "o-2", "certificate_no": "c-2"}],
        "from": {"list": [{"id": "unit-1"}, {"id": "unit-2", "weight": 2}]}});
    let drawn = bench
        .post("sup", "/draws", None, None, &wanted)
        .await
        .done(201);
    let audit = json!({"org_code": "370502", "team": "稽查一组"});
    bench
        .post("sup", "/bureau-audits", None, None, &audit)
        .await
        .done(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    BTreeMap::from([
        ("{case_id}", id),
        ("{kind}", "four_notices".to_owned()),
        ("{act_id}", "a".to_owned()),
        ("{code}", "stages_online".to_owned()),
        ("{checklist_id}", "cement".to_owned()),
        ("{snapshot_id}", text(&figure["snapshot_id"])),
        ("{draw_id}", text(&drawn["draw_id"])),
    ])
}

#[tokio::test]
async fn answers_are_what_the_description_says() {
    let bench = with_acts().await;
    let ids = with_everything(&bench).await;
    let api: Value = serde_json::from_str(&document()).unwrap();
    let mut compared = 0;
    for (path, item) in api["paths"].as_object().unwrap() {
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            continue;
        }
        let mut asked = path.clone();
        for (name, id) in &ids {
            asked = asked.replace(name, id);
        }
        // The decisions of the work have codes of their own.
        let asked = match path.as_str() {
            "/stats/{code}/rows" => "/stats/clue_precision/rows".to_owned(),
            "/ratio" => "/ratio?year=2026&by=org".to_owned(),
            _ => asked,
        };
        if asked.contains('{') {
            continue;
        }
        let answer = bench.get("sup", &asked).await;
        if answer.status != 200 {
            let refused = answer.json();
            assert!(
                matches!(answer.status.as_u16(), 403 | 404),
                "{asked}: {refused}"
            );
            continue;
        }
        compared += 1;
        let mut found = Vec::new();
        differences(&api, schema, &answer.json(), "", &mut found);
        assert!(found.is_empty(), "{asked}: {found:#?}");
    }
    assert!(compared >= 25, "only {compared} answers were compared");
}

#[test]
fn what_differs_is_noticed() {
    let api = json!({"components": {"schemas": {"Word": {"type": "string"}}}});
    let schema = json!({
        "type": "object",
        "required": ["word"],
        "properties": {
            "word": {"$ref": "#/components/schemas/Word"},
            "count": {"type": ["integer", "null"]},
            "kind": {"enum": ["a", "b"]},
            "either": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "boolean"}}]},
        },
        "additionalProperties": {"type": "number"},
    });
    let wrong = |value: Value| {
        let mut found = Vec::new();
        differences(&api, &schema, &value, "", &mut found);
        found.len()
    };
    let sound = json!({"word": "w", "count": null, "kind": "a", "either": [true], "more": 1.5});
    assert_eq!(wrong(sound), 0);
    for value in [
        json!({}),
        json!({"word": 1}),
        json!({"word": "w", "count": 1.5}),
        json!({"word": "w", "kind": "c"}),
        json!({"word": "w", "either": [1]}),
        json!({"word": "w", "more": "x"}),
        json!([]),
    ] {
        assert_eq!(wrong(value.clone()), 1, "{value}");
    }
}
