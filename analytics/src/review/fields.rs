//! What an action carries: that nothing it needs is missing, and that days, codes and records can be read.

use nonsite_schemas::time::{beijing_day, beijing_day_start};

use super::act::Record;
use super::calendar::parse_day;
use super::case::Case;
use super::desk::Desk;
use super::error::{Error, Refusal};
use super::evidence::misnamed;
use super::parts::Transition;
use super::penalty::fen;
use super::step::Input;

/// Fields that hold a day.
const DAYS: [&str; 6] = [
    "due",
    "measure_date",
    "hearing_day",
    "plan_due",
    "violation_end",
    "paid_on",
];
/// Of them those on which something was done.
const DONE: [&str; 2] = ["measure_date", "paid_on"];

impl Desk {
    /// Whether an action carries what its way asks for, in a form that can be kept and read.
    pub(super) fn check_fields(
        &self,
        case: &Case,
        way: &Transition,
        input: &Input,
        effective_at: i64,
    ) -> Result<(), Error> {
        let missing: Vec<String> = way
            .requires
            .iter()
            .filter(|field| input.get(field).is_none())
            .map(|field| {
                let text = self
                    .machine
                    .fields()
                    .iter()
                    .find(|known| &known.name == field);
                format!(
                    "`{field}` ({})",
                    text.map_or("", |known| known.text.as_str())
                )
            })
            .collect();
        if !missing.is_empty() {
            let why = format!("missing: {}", missing.join("; "));
            return Err(self.refused_as(Refusal::Missing, case, &way.action, why));
        }
        let wrong = |why: String| Err(self.refused_as(Refusal::Field, case, &way.action, why));
        if let Some(name) = input.unwritable() {
            return wrong(format!("`{name}` holds control characters"));
        }
        if let Some(why) = misnamed(&input.attachments) {
            return wrong(why);
        }
        for day in DAYS {
            if let Some(text) = input.get(day)
                && parse_day(text).is_none()
            {
                return wrong(format!(
                    "field `{day}`: `{text}` is no day, write YYYY-MM-DD"
                ));
            }
        }
        for day in DONE {
            if let Some(text) = input.get(day)
                && parse_day(text).is_some_and(|day| day > beijing_day(effective_at))
            {
                return wrong(format!("field `{day}`: {text} lies in the future"));
            }
        }
        if let Some(text) = input.get("fine")
            && fen(text).is_none()
        {
            return wrong(format!(
                "field `fine`: `{text}` is no amount in yuan, write 12000 or 12000.50"
            ));
        }
        if let Some(text) = input.get("record")
            && let Err(why) = Record::from_json(text)
        {
            return Err(self.refused(case, &way.action, why));
        }
        if let Some(text) = input.get("approved_at")
            && let Err(error) = crate::ratio::parse_as_of(text)
        {
            let why = format!("field `approved_at`: {error}");
            return Err(self.refused(case, &way.action, why));
        }
        for field in self.machine.fields() {
            if let Some(text) = input.get(&field.name)
                && !field.values.is_empty()
                && !field.values.iter().any(|value| value == text)
            {
                return wrong(format!(
                    "field `{}`: `{text}` is not one of {}",
                    field.name,
                    field.values.join(", ")
                ));
            }
        }
        for (field, codes) in &way.codes {
            if let Some(text) = input.get(field)
                && !codes.iter().any(|code| code == text)
            {
                return wrong(format!(
                    "field `{field}`: `{text}` does not fit here, write one of {}",
                    codes.join(", ")
                ));
            }
        }
        let plans = way.requires.iter().any(|field| field == "plan_due");
        if let (true, Some(text), Some(due)) = (plans, input.get("plan_due"), case.due_at)
            && parse_day(text).is_some_and(|day| beijing_day_start(day) >= due)
        {
            return wrong(format!(
                "field `plan_due`: {text} lies after the end of the order; ask for an extension first"
            ));
        }
        Ok(())
    }
}
