use super::*;
use crate::detect::Config;
use crate::detect::rule::Rule;

fn row(layer: Layer, key: &str, value: f64, recorded_at: i64) -> Override {
    Override {
        rule_id: "E01".to_owned(),
        parameter: "factor".to_owned(),
        layer,
        key: key.to_owned(),
        value,
        reason: "r".to_owned(),
        author: "a".to_owned(),
        from_time: 100,
        expires_at: 200,
        recorded_at,
        revoked: false,
    }
}

fn e01() -> Configured {
    let catalogue = Catalogue::load(&Config::default()).expect("rules");
    catalogue.get("E01").expect("rule").clone()
}

fn value(configured: &Configured, rows: Vec<Override>, subject: &Subject<'_>, at: i64) -> f64 {
    let layers = Layers::of(rows);
    let outlets = Outlets::none();
    let Some(layers) = layers.of_rule(configured, &outlets) else {
        return configured.values["factor"].real();
    };
    let values = layers.effective(subject, at).expect("within bounds");
    values.map_or(configured.values["factor"].real(), |v| v["factor"].real())
}

#[test]
fn the_outlet_goes_before_the_industry_and_the_latest_before_the_earlier() {
    let subject = Subject {
        outlet: Some("O1"),
        industries: "4417,3120",
        cadence: None,
    };
    let of = |rows: Vec<Override>, at| value(&e01(), rows, &subject, at);
    assert_eq!(of(vec![], 150), 1.0);
    let wide = row(Layer::Industry, "44", 2.0, 1);
    let narrow = row(Layer::Industry, "4417", 3.0, 2);
    let own = row(Layer::Outlet, "O1", 4.0, 3);
    assert_eq!(of(vec![wide.clone()], 150), 2.0);
    assert_eq!(of(vec![wide.clone(), narrow.clone()], 150), 3.0);
    assert_eq!(of(vec![wide.clone(), narrow, own.clone()], 150), 4.0);
    // Before its time, and from its end on, exclusive.
    assert_eq!(of(vec![own.clone()], 99), 1.0);
    assert_eq!(of(vec![own.clone()], 199), 4.0);
    assert_eq!(of(vec![own.clone()], 200), 1.0);
    let later = row(Layer::Outlet, "O1", 0.5, 4);
    assert_eq!(of(vec![own.clone(), later], 150), 0.5);
    let other = row(Layer::Outlet, "O2", 0.5, 4);
    assert_eq!(of(vec![other], 150), 1.0);
    // A revocation ends its slot from its own time on; what another layer says comes forth.
    let end = Override {
        from_time: 160,
        revoked: true,
        ..row(Layer::Outlet, "O1", 4.0, 9)
    };
    let rows = vec![wide, own, end];
    assert_eq!(of(rows.clone(), 159), 4.0);
    assert_eq!(of(rows, 160), 2.0);
}

#[test]
fn a_cadence_has_the_value_of_the_rules_file_unless_the_operator_says_otherwise() {
    let text = e01().rule.text.replace(
        "[params.factor]\n",
        "[params.factor]\nby_cadence = { \"14400\" = 1.5 }\n",
    );
    let rule = Rule::parse("E01", &text).expect("rule");
    let configured = Configured::defaults(rule).expect("values");
    let subject = |cadence: &str| Subject {
        outlet: Some("O1"),
        industries: "",
        cadence: Some(cadence.to_owned()),
    };
    assert_eq!(value(&configured, vec![], &subject("14400"), 150), 1.5);
    assert_eq!(value(&configured, vec![], &subject("3600"), 150), 1.0);
    let own = row(Layer::Outlet, "O1", 4.0, 3);
    assert_eq!(value(&configured, vec![own], &subject("14400"), 150), 4.0);
    let given = BTreeMap::from([("factor".to_owned(), Number::Real(2.0))]);
    let configured = configured.with(&given).expect("values");
    assert_eq!(value(&configured, vec![], &subject("14400"), 150), 2.0);
    for wrong in ["{ \"4h\" = 1.5 }", "{ \"14400\" = 9.0 }"] {
        let text = text.replace("{ \"14400\" = 1.5 }", wrong);
        assert!(Rule::parse("E01", &text).is_err(), "{wrong}");
    }
}

#[test]
fn without_overrides_a_rule_has_no_layers() {
    let outlets = Outlets::none();
    assert!(Layers::default().of_rule(&e01(), &outlets).is_none());
    assert!(Layers::default().asked(&e01()).is_empty());
}
