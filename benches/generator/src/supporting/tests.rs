use std::collections::BTreeSet;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use nonsite_schemas::wire::Origin;
use nonsite_schemas::wire::documents::{DocumentTables, decode};

use super::*;
use crate::plan::Kind;

fn province() -> (Scale, Layout, Plan) {
    let scale = Scale {
        points: 120,
        days: 4,
        factors: 8,
        ..Scale::default()
    };
    let layout = Layout::new(&scale);
    let plan = Plan::new(&scale, &layout);
    (scale, layout, plan)
}

#[test]
fn every_document_is_read_and_only_one_is_faulty() {
    let (scale, layout, plan) = province();
    let (papers, counts) = documents(&scale, &layout, &plan);
    let mut tables = DocumentTables::new().unwrap();
    for (offset, paper) in (0..).zip(&papers) {
        let origin = Origin {
            topic: "d",
            partition: 0,
            offset,
            received_at: paper.arrival,
        };
        let read = decode(&paper.body.json, &origin, &mut tables);
        assert_eq!(
            read,
            Ok(()),
            "{}",
            String::from_utf8_lossy(&paper.body.json)
        );
    }
    let mut faulty = BTreeSet::new();
    for (_, batch) in tables.finish().unwrap() {
        let valid = batch.column_by_name("doc_valid").unwrap();
        let valid = valid.as_boolean();
        let offsets = batch.column_by_name("kafka_offset").unwrap();
        let offsets = offsets.as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            if !valid.value(row) {
                faulty.insert(offsets.value(row));
            }
        }
    }
    assert_eq!(faulty.len() as u64, counts.faulty);
    assert_eq!(papers.len() as u64, counts.documents.values().sum::<u64>());
    for kind in nonsite_schemas::wire::documents::TYPES {
        assert!(counts.documents.contains_key(*kind), "no {kind}");
    }
    assert!(counts.late > 2, "{counts:?}");
}

#[test]
fn what_is_marked_in_packets_has_a_mark_and_what_is_hidden_has_no_ticket() {
    let (scale, layout, plan) = province();
    let (papers, _) = documents(&scale, &layout, &plan);
    let has = |id: &str| papers.iter().any(|paper| paper.body.key == id);
    let mut seen = BTreeSet::new();
    for episode in plan.episodes.iter().flatten() {
        let mn = &layout.points[episode.point].mn;
        let mark = has(&format!("MK-{mn}-{:05}-0", episode.first_hour));
        let ticket = has(&format!("WO-{mn}-{:05}", episode.first_hour));
        let expected = match episode.kind {
            Kind::Maintained | Kind::MarkedExceed | Kind::FaultRepaired | Kind::LevelShift => {
                (true, true)
            }
            Kind::Stopped | Kind::FalseStop | Kind::FalseMark | Kind::GapBackfilled => {
                (true, false)
            }
            Kind::FiledChange => (false, true),
            _ => (false, false),
        };
        assert_eq!((mark, ticket), expected, "{episode:?}");
        seen.insert(episode.kind);
    }
    for kind in [
        Kind::FalseMark,
        Kind::FalseStop,
        Kind::FiledChange,
        Kind::ParameterChange,
    ] {
        assert!(seen.contains(&kind), "{kind:?} is missing");
    }
}
