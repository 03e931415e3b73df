use proptest::prelude::*;

use super::*;

fn list(weights: &[u32]) -> Vec<Listed> {
    weights
        .iter()
        .enumerate()
        .map(|(at, &weight)| Listed {
            id: format!("U{at:03}"),
            name: format!("Unit {at}"),
            weight,
            why: Vec::new(),
        })
        .collect()
}

fn request(list: Vec<Listed>, seed: &str, count: u32) -> Request {
    Request {
        kind: Kind::Draw,
        basis: "test".to_owned(),
        seed: seed.to_owned(),
        count,
        unweighted: 0,
        list,
        officers: Vec::new(),
        officers_each: 0,
    }
}

fn officer(id: &str, avoids: &[&str]) -> Officer {
    Officer {
        officer_id: id.to_owned(),
        certificate_no: format!("c-{id}"),
        avoids: avoids.iter().map(|id| (*id).to_owned()).collect(),
    }
}

#[test]
fn a_ticket_is_what_sha256sum_says() {
    // printf 'nonsite-draw-1\n2026-ssq-045\ndraw\nU000\n1' | sha256sum
    assert_eq!(
        ticket("2026-ssq-045", "draw", "U000", 1),
        "80cbd283f9f783e5fa4d289a9fd54db2270a972d094e1290d8f734009ad73266"
    );
}

#[test]
fn the_smallest_tickets_win_in_any_order_of_the_list() {
    let units = list(&[1; 20]);
    let drawn = draw(request(units.clone(), "s", 5)).unwrap();
    let mut reversed = units.clone();
    reversed.reverse();
    assert_eq!(draw(request(reversed, "s", 5)).unwrap(), drawn);
    let mut tickets: Vec<(String, &str)> = units
        .iter()
        .map(|unit| (ticket("s", "draw", &unit.id, 1), unit.id.as_str()))
        .collect();
    tickets.sort();
    let expected: Vec<&str> = tickets.iter().take(5).map(|(_, id)| *id).collect();
    let ids: Vec<&str> = drawn
        .chosen
        .iter()
        .map(|chosen| chosen.id.as_str())
        .collect();
    assert_eq!(ids, expected);
    assert_ne!(draw(request(units, "t", 5)).unwrap().chosen, drawn.chosen);
}

#[test]
fn weights_make_more_likely_and_not_certain() {
    let units = list(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 9]);
    let first = |seed: u32| {
        let drawn = draw(request(units.clone(), &seed.to_string(), 1)).unwrap();
        drawn.chosen[0].id.clone()
    };
    let heavy = (0..2_000).filter(|&seed| first(seed) == "U009").count();
    // 9 of 18 tickets: half of the draws, within five standard deviations.
    assert!((888..=1_112).contains(&heavy), "{heavy}");
}

#[test]
fn officers_avoid_their_units_and_share_the_work() {
    let units = list(&[1; 6]);
    let everywhere: Vec<&str> = units.iter().map(|unit| unit.id.as_str()).collect();
    let mut asked = request(units.clone(), "s", 6);
    asked.officers_each = 2;
    asked.officers = vec![
        officer("a", &["U000", "U001"]),
        officer("b", &[]),
        officer("c", &[]),
        officer("d", &[]),
    ];
    let drawn = draw(asked.clone()).unwrap();
    let mut load: BTreeMap<&str, u32> = BTreeMap::new();
    for unit in &drawn.chosen {
        assert_eq!(unit.officers.len(), 2);
        assert_ne!(unit.officers[0], unit.officers[1]);
        let avoided = ["U000", "U001"].contains(&unit.id.as_str());
        assert!(
            !(avoided && unit.officers.contains(&"a".to_owned())),
            "{unit:?}"
        );
        for officer in &unit.officers {
            *load.entry(officer).or_default() += 1;
        }
    }
    assert!(
        load.values().all(|units| (2..=4).contains(units)),
        "{load:?}"
    );
    assert!(drawn.verify().unwrap().is_empty());

    asked.officers = vec![officer("a", &everywhere), officer("b", &[])];
    let refused = draw(asked).unwrap_err().to_string();
    assert!(refused.contains("needs 2 officers and 1 may"), "{refused}");
}

#[test]
fn what_was_changed_afterwards_is_named() {
    let drawn = draw(request(list(&[1; 9]), "s", 3)).unwrap();
    assert!(drawn.verify().unwrap().is_empty());
    let text = drawn.document();
    assert_eq!(serde_json::from_str::<Draw>(&text).unwrap(), drawn);
    let mut swapped = drawn.clone();
    let outsider = drawn
        .list
        .iter()
        .find(|unit| drawn.chosen.iter().all(|chosen| chosen.id != unit.id))
        .unwrap();
    swapped.chosen[1].id.clone_from(&outsider.id);
    let found = swapped.verify().unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("place 2"), "{found:?}");
    assert_ne!(swapped.id(), drawn.id());
    let mut shorter = drawn.clone();
    shorter.chosen.pop();
    assert!(!shorter.verify().unwrap().is_empty());
    let mut other_list = drawn.clone();
    other_list.list.remove(0);
    assert_ne!(other_list.list_sha256(), drawn.list_sha256());
}

#[test]
fn what_cannot_be_drawn_is_refused_with_the_reason() {
    let said = |request: Request| draw(request).unwrap_err().to_string();
    assert!(said(request(list(&[1, 1]), " ", 1)).contains("seed"));
    assert!(said(request(vec![], "s", 1)).contains("empty"));
    assert!(said(request(list(&[1, 1]), "s", 3)).contains("list of 2"));
    assert!(said(request(list(&[1, 0]), "s", 1)).contains("weight 0"));
    let twice = [list(&[1]), list(&[1])].concat();
    assert!(said(request(twice, "s", 1)).contains("twice"));
}

proptest! {
    #[test]
    fn nobody_is_drawn_twice_and_every_drawing_repeats(
        weights in proptest::collection::vec(1_u32..20, 1..40),
        seed in "[a-z0-9]{1,12}",
        part in 0_u32..100,
        plain in 0_u32..100,
    ) {
        let mut asked = request(list(&weights), &seed, 1 + part % weights.len() as u32);
        asked.unweighted = plain % (asked.count + 1);
        let drawn = draw(asked.clone()).unwrap();
        let ids: BTreeSet<&str> = drawn.chosen.iter().map(|one| one.id.as_str()).collect();
        prop_assert_eq!(ids.len(), asked.count as usize);
        prop_assert!(drawn.verify().unwrap().is_empty());
    }
}
