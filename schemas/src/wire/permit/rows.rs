//! The rows a permit document becomes: one in `permits`, and one per outlet, limit, mass,
//! binding and period in their tables.
//!
//! Rows say what the document says; which version is in force at a time is decided by views.
//! Only two things are worked out here, since every reader needs them the same way: the row's own
//! validity, and the calendar span of the permit years.
//!
//! Of a faulty document every item is written whose identifying columns could be read, marked
//! `doc_valid = false`; the document itself is in `permits` as received.

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::context::{Context, Period};
use super::{Basis, Limit, MassLimit, Medium, Outlet, Permit, SpecialPeriod};
use crate::tables::{self, Cell, Rows};
use crate::wire::code::outlet_medium;
use crate::wire::document::Document;
use crate::wire::{Instant, Origin, fault};

/// Rows of permit documents, collected over any number of messages.
#[derive(Debug)]
pub struct PermitRows {
    permits: Rows,
    outlets: Rows,
    limits: Rows,
    masses: Rows,
    bindings: Rows,
    periods: Rows,
}

/// Permit years the document can hold.
const YEARS: i32 = 5;

impl PermitRows {
    /// No rows yet.
    ///
    /// # Errors
    /// When a table definition has a column type that no builder exists for.
    pub fn new() -> Result<Self, ArrowError> {
        Ok(Self {
            permits: Rows::new(tables::permits())?,
            outlets: Rows::new(tables::permit_outlets())?,
            limits: Rows::new(tables::permit_limits())?,
            masses: Rows::new(tables::permit_mass_limits())?,
            bindings: Rows::new(tables::permit_bindings())?,
            periods: Rows::new(tables::permit_periods())?,
        })
    }

    /// The tables fed, in the order of [`PermitRows::finish`].
    pub fn tables() -> [&'static str; 6] {
        [
            "permits",
            "permit_outlets",
            "permit_limits",
            "permit_mass_limits",
            "permit_bindings",
            "permit_periods",
        ]
    }

    /// Number of rows collected over all tables.
    pub fn len(&self) -> usize {
        [
            &self.permits,
            &self.outlets,
            &self.limits,
            &self.masses,
            &self.bindings,
            &self.periods,
        ]
        .iter()
        .map(|rows| rows.len())
        .sum()
    }

    /// Whether nothing was collected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the rows of one document.
    pub fn push(&mut self, document: &Document<Permit>, origin: &Origin<'_>) {
        let context = Context::new(document, origin);
        self.push_permit(document, &context);
        for outlet in &document.value.outlets {
            self.push_outlet(outlet, &context);
        }
        for mass in &document.value.mass_limits {
            self.push_masses(mass, &context);
        }
        self.push_bindings(&context);
        for period in &document.value.special_periods {
            self.push_period(period, &context);
        }
    }

    /// The collected rows, one batch per table that has any; empty afterwards.
    ///
    /// # Errors
    /// When a row does not fit its table: a fault of the program.
    pub fn finish(&mut self) -> Result<Vec<(&'static str, RecordBatch)>, ArrowError> {
        let all = [
            &mut self.permits,
            &mut self.outlets,
            &mut self.limits,
            &mut self.masses,
            &mut self.bindings,
            &mut self.periods,
        ];
        let mut batches = Vec::new();
        for rows in all {
            if !rows.is_empty() {
                batches.push((rows.table().name, rows.finish()?));
            }
        }
        Ok(batches)
    }

    fn push_permit(&mut self, document: &Document<Permit>, context: &Context<'_>) {
        let permit = context.permit;
        let industries = permit.industry_codes.join(",");
        let elements: Vec<&str> = permit
            .key_elements
            .iter()
            .map(|element| element.as_str())
            .collect();
        let elements = elements.join(",");
        let faults = fault::to_json(&document.faults);
        let [topic, partition, offset, received_at] = context.origin();
        self.permits.append(&[
            ("permit_no", (&permit.permit_no).into()),
            ("version", permit.version.into()),
            ("issued_at", permit.issued_at.into()),
            ("uscc", given(&permit.uscc)),
            ("unit_name", given(&permit.unit_name)),
            ("legal_person", (&permit.legal_person).into()),
            ("tech_contact", (&permit.tech_contact).into()),
            ("address", (&permit.address).into()),
            ("longitude", permit.longitude.into()),
            ("latitude", permit.latitude.into()),
            ("admin_code", (&permit.admin_code).into()),
            ("org_code", (&permit.org_code).into()),
            ("industry_codes", given(&industries)),
            (
                "mgmt_class",
                permit.mgmt_class.map(|class| class.as_str()).into(),
            ),
            ("issue_authority", (&permit.issue_authority).into()),
            ("first_issued_on", permit.first_issued_on.into()),
            ("valid_from", permit.valid_from.into()),
            ("valid_to", permit.valid_to.into()),
            ("status", permit.status.map(|status| status.as_str()).into()),
            ("is_key_unit", permit.is_key_unit.into()),
            ("key_elements", given(&elements)),
            (
                "emergency_grade",
                permit.emergency_grade.map(|grade| grade.as_str()).into(),
            ),
            ("positive_list", permit.positive_list.into()),
            (
                "has_special_period",
                (!permit.special_periods.is_empty()).into(),
            ),
            ("doc_valid", context.valid.into()),
            ("doc_faults", (&faults).into()),
            ("document", document.text.as_str().into()),
            ("received_at", received_at),
            ("kafka_topic", topic),
            ("kafka_partition", partition),
            ("kafka_offset", offset),
        ]);
    }

    fn push_outlet(&mut self, outlet: &Outlet, context: &Context<'_>) {
        let Some(medium) = outlet.medium() else {
            return;
        };
        let uid = context.uid(&outlet.code);
        let required = outlet.required_auto.join(",");
        let [topic, partition, offset, received_at] = context.origin();
        let [permit_no, version, issued_at, doc_valid] = context.document();
        self.outlets.append(&[
            ("permit_no", permit_no),
            ("version", version),
            ("issued_at", issued_at),
            ("doc_valid", doc_valid),
            ("outlet_uid", (&uid).into()),
            ("outlet_code", (&outlet.code).into()),
            ("kind", outlet.kind.map(|kind| kind.as_str()).into()),
            ("medium", medium.as_str().into()),
            ("name", (&outlet.name).into()),
            ("longitude", outlet.longitude.into()),
            ("latitude", outlet.latitude.into()),
            ("height_m", outlet.height_m.into()),
            ("inner_diameter_m", outlet.inner_diameter_m.into()),
            (
                "discharge_mode",
                outlet.discharge_mode.map(|mode| mode.as_str()).into(),
            ),
            ("direction", (&outlet.direction).into()),
            ("required_auto", given(&required)),
            ("auto_exempt_reason", (&outlet.auto_exempt_reason).into()),
            ("standard", (&outlet.standard).into()),
            ("valid_from", context.from.into()),
            ("valid_to", context.to.into()),
            ("received_at", received_at),
            ("kafka_topic", topic),
            ("kafka_partition", partition),
            ("kafka_offset", offset),
        ]);
        for limit in &outlet.limits {
            self.push_limit(limit, &outlet.code, &uid, medium, context);
        }
    }

    fn push_limit(
        &mut self,
        limit: &Limit,
        code: &str,
        uid: &str,
        medium: Medium,
        context: &Context<'_>,
    ) {
        if limit.factor.is_empty() {
            return;
        }
        let period = limit.period_id.as_deref().and_then(|id| context.period(id));
        let from = limit
            .valid_from
            .or(period.and_then(|period| period.starts_at));
        let to = limit
            .valid_to
            .or(period.and_then(|period| period.ends_at))
            .or(context.to);
        let [topic, partition, offset, received_at] = context.origin();
        let [permit_no, version, issued_at, doc_valid] = context.document();
        self.limits.append(&[
            ("permit_no", permit_no),
            ("version", version),
            ("issued_at", issued_at),
            ("doc_valid", doc_valid),
            ("outlet_uid", uid.into()),
            ("outlet_code", code.into()),
            ("medium", medium.as_str().into()),
            ("factor", (&limit.factor).into()),
            ("pollutant", (&limit.pollutant).into()),
            ("limit_value", limit.conc_limit.into()),
            ("limit_low", limit.low_limit.into()),
            ("unit", (&limit.unit).into()),
            ("basis", limit.basis.unwrap_or(Basis::Raw).as_str().into()),
            ("ref_o2", limit.ref_o2.into()),
            ("averaging", limit.averaging().as_str().into()),
            ("standard", (&limit.standard).into()),
            ("rate_limit_kg_h", limit.rate_limit_kg_h.into()),
            ("special", limit.period_id.is_some().into()),
            ("period_id", (&limit.period_id).into()),
            ("valid_from", from.unwrap_or(context.from).into()),
            ("valid_to", to.into()),
            ("received_at", received_at),
            ("kafka_topic", topic),
            ("kafka_partition", partition),
            ("kafka_offset", offset),
        ]);
    }

    fn push_masses(&mut self, mass: &MassLimit, context: &Context<'_>) {
        let years = [
            mass.year_1,
            mass.year_2,
            mass.year_3,
            mass.year_4,
            mass.year_5,
        ];
        for (year, amount) in (1..=YEARS).zip(years) {
            let span = context.permit.year_span(year);
            let what = Period {
                name: "year",
                year: Some(year),
                span,
                ..Period::default()
            };
            self.push_mass(mass, amount, &what, context);
        }
        for (month, amount) in (1..=12).zip(&mass.months) {
            let what = Period {
                name: "month",
                month: Some(month),
                ..Period::default()
            };
            self.push_mass(mass, *amount, &what, context);
        }
        let period = mass.period_id.as_deref().and_then(|id| context.period(id));
        let span = period.and_then(|period| {
            // The end is exclusive: the last day is that of the microsecond before it.
            Some((
                period.starts_at?.day(),
                Instant(period.ends_at?.0 - 1).day(),
            ))
        });
        for (name, amount) in [("special_day", mass.daily), ("special_total", mass.total)] {
            self.push_mass(
                mass,
                amount,
                &Period {
                    name,
                    span,
                    ..Period::default()
                },
                context,
            );
        }
    }

    fn push_mass(
        &mut self,
        mass: &MassLimit,
        amount: Option<f64>,
        period: &Period,
        context: &Context<'_>,
    ) {
        let (Some(amount), Some(level)) = (amount, mass.level) else {
            return;
        };
        if mass.factor.is_empty() {
            return;
        }
        let uid = mass.outlet.as_deref().map(|code| context.uid(code));
        let [topic, partition, offset, received_at] = context.origin();
        let [permit_no, version, issued_at, doc_valid] = context.document();
        self.masses.append(&[
            ("permit_no", permit_no),
            ("version", version),
            ("issued_at", issued_at),
            ("doc_valid", doc_valid),
            ("level", level.as_str().into()),
            ("outlet_uid", (&uid).into()),
            ("outlet_code", (&mass.outlet).into()),
            ("factor", (&mass.factor).into()),
            ("pollutant", (&mass.pollutant).into()),
            ("period", period.name.into()),
            ("year_no", period.year.into()),
            ("month", period.month.into()),
            ("period_id", (&mass.period_id).into()),
            ("starts_on", period.span.map(|span| span.0).into()),
            ("ends_on", period.span.map(|span| span.1).into()),
            ("mass_t", amount.into()),
            ("received_at", received_at),
            ("kafka_topic", topic),
            ("kafka_partition", partition),
            ("kafka_offset", offset),
        ]);
    }

    fn push_bindings(&mut self, context: &Context<'_>) {
        for binding in &context.permit.bindings {
            let listed = context
                .permit
                .outlets
                .iter()
                .find(|outlet| outlet.code == binding.outlet);
            let medium = listed.map_or_else(|| outlet_medium(&binding.outlet), Outlet::medium);
            let Some(medium) = medium.filter(|_| !binding.mn.is_empty()) else {
                continue;
            };
            let uid = context.uid(&binding.outlet);
            let factors = binding.factors.join(",");
            let [topic, partition, offset, received_at] = context.origin();
            let [permit_no, version, issued_at, doc_valid] = context.document();
            self.bindings.append(&[
                ("permit_no", permit_no),
                ("version", version),
                ("issued_at", issued_at),
                ("doc_valid", doc_valid),
                ("mn", (&binding.mn).into()),
                ("outlet_uid", (&uid).into()),
                ("outlet_code", (&binding.outlet).into()),
                ("medium", medium.as_str().into()),
                ("factors", factors.as_str().into()),
                ("cadence_s", binding.cadence_s.into()),
                (
                    "valid_from",
                    binding.valid_from.unwrap_or(context.from).into(),
                ),
                ("valid_to", binding.valid_to.or(context.to).into()),
                ("source", (&binding.source).into()),
                ("received_at", received_at),
                ("kafka_topic", topic),
                ("kafka_partition", partition),
                ("kafka_offset", offset),
            ]);
        }
    }

    fn push_period(&mut self, period: &SpecialPeriod, context: &Context<'_>) {
        let (Some(kind), Some(starts_at), Some(ends_at)) =
            (period.kind, period.starts_at, period.ends_at)
        else {
            return;
        };
        let [topic, partition, offset, received_at] = context.origin();
        let [permit_no, version, issued_at, doc_valid] = context.document();
        self.periods.append(&[
            ("permit_no", permit_no),
            ("version", version),
            ("issued_at", issued_at),
            ("doc_valid", doc_valid),
            ("period_id", (&period.period_id).into()),
            ("kind", kind.as_str().into()),
            ("level", period.level.map(|level| level.as_str()).into()),
            ("starts_at", starts_at.into()),
            ("ends_at", ends_at.into()),
            ("measures", (&period.measures).into()),
            ("received_at", received_at),
            ("kafka_topic", topic),
            ("kafka_partition", partition),
            ("kafka_offset", offset),
        ]);
    }
}

/// A text that is null when blank.
fn given(text: &str) -> Cell<'_> {
    if text.is_empty() {
        Cell::Null
    } else {
        Cell::Text(text)
    }
}
