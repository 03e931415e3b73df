//! The workflow as pictures and tables, drawn from the machine so that they cannot drift from it.

use std::fmt::Write as _;

use super::machine::Machine;
use super::parts::{Counts, DeadlineRule, FourEyes, Role, State, Transition, UnitKind};

/// The state diagram in Mermaid.
pub fn mermaid(machine: &Machine) -> String {
    let mut text = String::from("stateDiagram-v2\n");
    // Writing into a String cannot fail.
    let _ = writeln!(text, "    [*] --> {}", machine.initial());
    for way in machine.transitions() {
        for from in &way.from {
            let _ = writeln!(text, "    {from} --> {}: {}", way.to, way.action);
        }
    }
    for state in machine.states().iter().filter(|state| state.is_final) {
        let _ = writeln!(text, "    {} --> [*]", state.name);
    }
    text
}

/// The generated part of `docs/review.md`: diagram, states, transitions and fields.
pub fn document(machine: &Machine) -> String {
    let mut text = format!(
        "### Diagram\n\n```mermaid\n{}```\n\n### States\n\n\
         | code | state | 中文 | holder | deadline | meaning |\n|---|---|---|---|---|---|\n",
        mermaid(machine)
    );
    for state in machine.states() {
        let _ = writeln!(
            text,
            "| {} | `{}`{} | {} | {} | {} | {} |",
            state.code,
            state.name,
            if state.is_final { " (final)" } else { "" },
            state.zh,
            state.holder,
            deadlines(state),
            state.text
        );
    }
    text.push_str(
        "\n### Transitions\n\n\
         | from | action | to | roles | needs | conditions |\n|---|---|---|---|---|---|\n",
    );
    for way in machine.transitions() {
        let _ = writeln!(
            text,
            "| {} | `{}` | {} | {} | {} | {} |",
            way.from.join(", "),
            way.action,
            way.to,
            way.roles
                .iter()
                .map(|role| role.code())
                .collect::<Vec<_>>()
                .join(", "),
            way.requires.join(", "),
            conditions(way)
        );
    }
    clocks(&mut text, machine);
    text.push_str("\n### Fields\n\n| field | holds |\n|---|---|\n");
    for field in machine.fields() {
        let _ = writeln!(text, "| `{}` | {} |", field.name, field.meaning());
    }
    text.push_str("\n### Checklist of a review\n\n| item | 中文 | passes when |\n|---|---|---|\n");
    for item in machine.items() {
        let _ = writeln!(text, "| `{}` | {} | {} |", item.name, item.zh, item.text);
    }
    text
}

fn clocks(text: &mut String, machine: &Machine) {
    text.push_str(
        "\n### Clocks of the penalty procedure\n\n\
         | clock | 中文 | in | met by | from | until | ends | by then |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for clock in machine.clocks() {
        let holder = clock
            .holder
            .or_else(|| machine.state(&clock.state).map(|state| state.holder));
        let mut ends = match (clock.days, clock.working_days, &clock.before) {
            (_, Some(days), Some(field)) => format!("{days} working days before `{field}`"),
            (Some(days), ..) => format!("{days} d"),
            (_, days, _) => format!("{} working days", days.unwrap_or(0)),
        };
        for days in &clock.extensions {
            let _ = write!(ends, " +{days}");
        }
        if clock.lapses {
            ends.push_str(", lapses");
        }
        if let Some(hours) = clock.remind_hours {
            let _ = write!(ends, " (reminded {hours} h before)");
        }
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} | {ends} | {} |",
            clock.name,
            clock.zh,
            clock.state,
            holder.map_or("", Role::code),
            clock.from.join(", "),
            clock.until.join(", "),
            clock.text
        );
    }
}

fn deadlines(state: &State) -> String {
    let mut parts: Vec<String> = state.deadline.iter().map(deadline).collect();
    if !state.checks.is_empty() {
        let days: Vec<String> = state.checks.iter().map(u32::to_string).collect();
        parts.push(format!("checked after {} d", days.join(" and ")));
    }
    parts.join("; ")
}

fn deadline(rule: &DeadlineRule) -> String {
    let lengths = [
        (rule.minutes, "min"),
        (rule.hours, "h"),
        (rule.days, "d"),
        (rule.working_days, "working days"),
    ];
    let given = lengths
        .into_iter()
        .find_map(|(count, unit)| Some((count?, unit)));
    let length = match given {
        Some((count, unit)) => format!("{count} {unit}"),
        None => "the same day".to_owned(),
    };
    let mut text = String::new();
    if !rule.severity.is_empty() {
        let codes: Vec<&str> = rule
            .severity
            .iter()
            .map(|severity| severity.code())
            .collect();
        let _ = write!(text, "{}: ", codes.join(", "));
    }
    match rule.unit {
        Some(UnitKind::Key) => text.push_str("key unit: "),
        Some(UnitKind::Incineration) => text.push_str("incineration: "),
        Some(UnitKind::General) => text.push_str("general: "),
        None => {}
    }
    if rule.order {
        text.push_str("as ordered, else ");
    }
    text.push_str(&length);
    if let Some(timer) = &rule.timer {
        let _ = write!(text, ", then `{timer}`");
    }
    if let Some(hours) = rule.remind_hours {
        let _ = write!(text, " (reminded {hours} h before)");
    }
    if let Some(minutes) = rule.remind_minutes {
        let _ = write!(text, " (reminded {minutes} min before)");
    }
    if rule.remind_first {
        text.push_str(" (reminded at once)");
    }
    text
}

fn conditions(way: &Transition) -> String {
    let mut parts: Vec<String> = way
        .guards
        .iter()
        .map(|guard| guard.text().to_owned())
        .collect();
    match way.four_eyes {
        Some(FourEyes::Always) => parts.push("two persons sign".to_owned()),
        Some(FourEyes::FromS2) => parts.push("S1 and S2: two persons sign".to_owned()),
        None => {}
    }
    match way.counts {
        Some(Counts::Return) => parts.push("counts a return".to_owned()),
        Some(Counts::Extension) => parts.push("counts an extension".to_owned()),
        None => {}
    }
    if let Some(conclusion) = way.conclusion {
        parts.push(format!("conclusion `{}`", conclusion.as_str()));
    }
    if let Some(clock) = &way.extends {
        parts.push(format!("prolongs `{clock}`"));
    }
    if let Some(clock) = &way.during {
        parts.push(format!("while `{clock}` runs"));
    }
    if way.automatic {
        parts.push("at once".to_owned());
    }
    if way.keeps_deadline || way.resumes_deadline {
        parts.push("the deadline goes on".to_owned());
    }
    if way.holds_deadline {
        parts.push("the deadline waits".to_owned());
    }
    for (field, codes) in &way.codes {
        parts.push(format!("`{field}`: {}", codes.join(", ")));
    }
    if let Some(kind) = way.tells {
        parts.push(format!("message `{}`", kind.code()));
    }
    if let Some(feedback) = &way.rule_match {
        parts.push(format!("rule feedback `{feedback}`"));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `NONSITE_BLESS=1` writes the part anew.
    #[test]
    fn the_documentation_shows_this_machine() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/review.md");
        let (begin, end) = ("<!-- machine: begin -->\n", "<!-- machine: end -->");
        let text = std::fs::read_to_string(path).unwrap();
        let (head, rest) = text
            .split_once(begin)
            .expect("docs/review.md has lost its begin mark");
        let (part, tail) = rest
            .split_once(end)
            .expect("docs/review.md has lost its end mark");
        let current = document(Machine::built_in());
        if part != current && std::env::var_os("NONSITE_BLESS").is_some() {
            std::fs::write(path, format!("{head}{begin}{current}{end}{tail}")).unwrap();
            return;
        }
        assert!(
            part == current,
            "docs/review.md does not show the machine: run this test with NONSITE_BLESS=1"
        );
    }

    #[test]
    fn the_diagram_draws_every_way() {
        let text = mermaid(Machine::built_in());
        assert!(text.starts_with("stateDiagram-v2\n    [*] --> detected\n"));
        assert!(text.contains("    self_check --> no_answer: no_answer\n"));
        assert!(text.contains("    closed --> [*]\n"));
        let ways: usize = Machine::built_in()
            .transitions()
            .iter()
            .map(|way| way.from.len())
            .sum();
        assert_eq!(text.lines().count(), 1 + 1 + ways + 2);
    }
}
