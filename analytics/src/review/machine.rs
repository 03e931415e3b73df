//! The workflow as data: states, transitions and fields of `machine.toml`, checked when loaded.
//!
//! A machine that was loaded is sound: every name it mentions exists, every state can be reached,
//! every state that is not final can reach a final one, and a timer always names an action that the
//! engine may take there. So the code that moves cases never meets a missing state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde::Deserialize;

use super::parts::{ClockDef, FieldDef, ItemDef, Role, State, Transition};
use super::terms;

const BUILT_IN: &str = include_str!("machine.toml");

/// What reopens a case whose trouble is back.
pub(super) const RELAPSE: &str = "relapse";

/// Why a machine's text is not a machine.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MachineError {
    /// Not TOML, or an unknown key, guard or role.
    #[error("workflow: {0}")]
    Syntax(String),
    /// The parts do not fit together.
    #[error("workflow, {place}: {problem}")]
    Unsound {
        /// Which state or transition.
        place: String,
        /// What is wrong.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: String,
    initial: String,
    state: Vec<State>,
    transition: Vec<Transition>,
    field: Vec<FieldDef>,
    item: Vec<ItemDef>,
    clock: Vec<ClockDef>,
}

/// A sound machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    version: String,
    initial: String,
    states: Vec<State>,
    transitions: Vec<Transition>,
    fields: Vec<FieldDef>,
    items: Vec<ItemDef>,
    clocks: Vec<ClockDef>,
    by_name: BTreeMap<String, usize>,
    /// Version and SHA-256 of the set of lengths.
    lengths: (String, String),
}

impl Machine {
    /// The workflow that ships with the program.
    pub fn built_in() -> &'static Self {
        static MACHINE: OnceLock<Machine> = OnceLock::new();
        MACHINE.get_or_init(|| match Self::parse(BUILT_IN) {
            Ok(machine) => machine,
            // The text is compiled in and a test of this module parses it.
            Err(error) => unreachable!("the built-in workflow is unsound: {error}"),
        })
    }

    /// Reads and checks a machine.
    ///
    /// # Errors
    /// [`MachineError`], naming the state or transition at fault.
    pub fn parse(text: &str) -> Result<Self, MachineError> {
        let text: Text =
            toml::from_str(text).map_err(|error| MachineError::Syntax(error.to_string()))?;
        let by_name = text
            .state
            .iter()
            .enumerate()
            .map(|(index, state)| (state.name.clone(), index))
            .collect();
        let sha256 = terms::sha256_of(&text.version, &text.state, &text.clock);
        let machine = Self {
            lengths: (text.version.clone(), sha256),
            version: text.version,
            initial: text.initial,
            states: text.state,
            transitions: text.transition,
            fields: text.field,
            items: text.item,
            clocks: text.clock,
            by_name,
        };
        machine.check()?;
        Ok(machine)
    }

    /// Version written into every audit row.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Version and SHA-256 (hex) of the set of lengths its clocks have: the workflow's own, or those of
    /// an operator's file.
    pub fn lengths(&self) -> (&str, &str) {
        (&self.lengths.0, &self.lengths.1)
    }

    /// The same workflow with other lengths, under a version of their own.
    ///
    /// # Errors
    /// [`MachineError`] when they do not fit together.
    pub(super) fn with_lengths(
        &self,
        version: &str,
        change: impl FnOnce(&mut [State], &mut [ClockDef]),
    ) -> Result<Self, MachineError> {
        let mut machine = self.clone();
        change(&mut machine.states, &mut machine.clocks);
        machine.check()?;
        let sha256 = terms::sha256_of(version, &machine.states, &machine.clocks);
        machine.lengths = (version.to_owned(), sha256);
        Ok(machine)
    }

    /// State a case begins in.
    pub fn initial(&self) -> &str {
        &self.initial
    }

    /// All states in the order of the file.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// All transitions in the order of the file.
    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// All fields.
    pub fn fields(&self) -> &[FieldDef] {
        &self.fields
    }

    /// What a reviewer answers for, in the order of the file.
    pub fn items(&self) -> &[ItemDef] {
        &self.items
    }

    /// Clocks that run side by side inside states.
    pub fn clocks(&self) -> &[ClockDef] {
        &self.clocks
    }

    /// The state of this name.
    pub fn state(&self, name: &str) -> Option<&State> {
        self.by_name.get(name).map(|&index| &self.states[index])
    }

    /// The ways out of a state.
    pub fn from<'m>(&'m self, state: &'m str) -> impl Iterator<Item = &'m Transition> + 'm {
        self.transitions
            .iter()
            .filter(move |way| way.from.iter().any(|from| from == state))
    }

    /// The way that an action takes out of a state; an action has at most one per state.
    pub fn way(&self, state: &str, action: &str) -> Option<&Transition> {
        self.transitions
            .iter()
            .find(|way| way.action == action && way.from.iter().any(|from| from == state))
    }

    /// Every action's name, sorted.
    pub fn actions(&self) -> BTreeSet<&str> {
        self.transitions
            .iter()
            .map(|way| way.action.as_str())
            .collect()
    }

    fn check(&self) -> Result<(), MachineError> {
        let unsound =
            |place: String, problem: String| Err(MachineError::Unsound { place, problem });
        if self.by_name.len() != self.states.len() {
            return unsound(
                "states".to_owned(),
                "two states have the same name".to_owned(),
            );
        }
        let mut ways = BTreeSet::new();
        for way in &self.transitions {
            let place = format!("action `{}` to `{}`", way.action, way.to);
            for name in way.from.iter().chain([&way.to, &self.initial]) {
                if !self.by_name.contains_key(name) {
                    return unsound(place, format!("state `{name}` does not exist"));
                }
            }
            for from in &way.from {
                if !ways.insert((from.as_str(), way.action.as_str())) {
                    return unsound(
                        place,
                        format!("a second way out of `{from}` by this action"),
                    );
                }
            }
            if way.roles.is_empty() || way.from.is_empty() {
                return unsound(place, "nobody could ever take it".to_owned());
            }
            if way.automatic && way.roles != [Role::Engine] {
                return unsound(
                    place,
                    "what is automatic belongs to the engine alone".to_owned(),
                );
            }
            for field in &way.requires {
                if !self.fields.iter().any(|known| &known.name == field) {
                    return unsound(place, format!("field `{field}` is not described"));
                }
            }
            for (field, codes) in &way.codes {
                let known = self.fields.iter().find(|known| &known.name == field);
                if known.is_none_or(|known| codes.iter().any(|code| !known.values.contains(code))) {
                    return unsound(place, format!("field `{field}` has no such codes"));
                }
            }
        }
        for state in &self.states {
            self.check_deadlines(state)?;
        }
        self.check_clocks()?;
        let reachable = self.closure(&[self.initial.as_str()], |way, known| {
            way.from
                .iter()
                .any(|from| known.contains(from.as_str()))
                .then_some(&way.to)
        });
        if let Some(state) = self
            .states
            .iter()
            .find(|state| !reachable.contains(state.name.as_str()))
        {
            return unsound(
                format!("state `{}`", state.name),
                "no way leads there".to_owned(),
            );
        }
        self.check_exits()
    }

    fn check_deadlines(&self, state: &State) -> Result<(), MachineError> {
        let unsound = |problem: String| {
            Err(MachineError::Unsound {
                place: format!("state `{}`", state.name),
                problem,
            })
        };
        for rule in &state.deadline {
            let lengths = [
                rule.minutes.is_some(),
                rule.hours.is_some(),
                rule.days.is_some(),
                rule.working_days.is_some(),
                rule.same_day,
            ];
            if lengths.iter().filter(|given| **given).count() != 1 {
                return unsound("a deadline has exactly one length".to_owned());
            }
            let reminders = [
                rule.remind_first,
                rule.remind_hours.is_some(),
                rule.remind_minutes.is_some(),
            ];
            if reminders.iter().filter(|given| **given).count() > 1 {
                return unsound("a deadline is reminded of once".to_owned());
            }
            if let Some(timer) = &rule.timer {
                match self.way(&state.name, timer) {
                    Some(way) if way.roles.contains(&Role::Engine) => {}
                    _ => return unsound(format!("timer `{timer}` is no way of the engine here")),
                }
            }
        }
        if !state.checks.is_empty() {
            // A check that finds the trouble again has somewhere to go, and the last one goes before
            // the end of the state.
            if self.way(&state.name, RELAPSE).is_none() {
                return unsound(format!("its checks need the action `{RELAPSE}`"));
            }
            let last = state.checks.last().copied();
            if state.deadline.iter().any(|rule| rule.days != last) {
                return unsound("its last check and its deadline are on the same day".to_owned());
            }
            if !state.checks.is_sorted_by(|one, next| one < next) {
                return unsound("its checks are not in order".to_owned());
            }
        }
        if let Some(last) = state.deadline.last()
            && (!last.severity.is_empty() || last.unit.is_some())
        {
            return unsound("the last deadline must fit every case".to_owned());
        }
        Ok(())
    }

    /// A clock has one length, runs in a state without a deadline of its own, and is started and
    /// stopped by actions that exist; what prolongs or needs a clock names one.
    fn check_clocks(&self) -> Result<(), MachineError> {
        let unsound = |place: String, problem: &str| {
            Err(MachineError::Unsound {
                place,
                problem: problem.to_owned(),
            })
        };
        let actions = self.actions();
        for clock in &self.clocks {
            let place = || format!("clock `{}`", clock.name);
            match self.state(&clock.state) {
                Some(state) if state.deadline.is_empty() => {}
                Some(_) => return unsound(place(), "its state has a deadline of its own"),
                None => return unsound(place(), "its state does not exist"),
            }
            if clock.days.is_some() == clock.working_days.is_some() {
                return unsound(place(), "a clock has exactly one length");
            }
            if clock.before.is_some() && clock.working_days.is_none() {
                return unsound(place(), "`before` is counted in working days");
            }
            let named = clock.from.iter().chain(&clock.until);
            if !named
                .clone()
                .all(|action| actions.contains(action.as_str()))
            {
                return unsound(place(), "an action that starts or stops it does not exist");
            }
        }
        let known = |name: &String| self.clocks.iter().any(|clock| &clock.name == name);
        for way in &self.transitions {
            let mut named = way.extends.iter().chain(&way.during);
            let mut guarded = way.guards.iter().flat_map(|guard| guard.clocks());
            if !named.all(known) || !guarded.all(|name| known(&(*name).to_owned())) {
                let place = format!("action `{}` to `{}`", way.action, way.to);
                return unsound(place, "it names a clock that does not exist");
            }
        }
        Ok(())
    }

    /// No dead ends: from every state some way leads to a final one, and a state that is not final
    /// has a way out.
    fn check_exits(&self) -> Result<(), MachineError> {
        let finals: Vec<&str> = self
            .states
            .iter()
            .filter(|state| state.is_final)
            .map(|state| state.name.as_str())
            .collect();
        let mut ending: BTreeSet<&str> = finals.into_iter().collect();
        loop {
            let before = ending.len();
            for way in &self.transitions {
                if ending.contains(way.to.as_str()) {
                    ending.extend(way.from.iter().map(String::as_str));
                }
            }
            if ending.len() == before {
                break;
            }
        }
        match self
            .states
            .iter()
            .find(|state| !ending.contains(state.name.as_str()))
        {
            Some(state) => Err(MachineError::Unsound {
                place: format!("state `{}`", state.name),
                problem: "a dead end: no way leads on to a final state".to_owned(),
            }),
            None => Ok(()),
        }
    }

    fn closure<'m>(
        &'m self,
        start: &[&'m str],
        next: impl Fn(&'m Transition, &BTreeSet<&'m str>) -> Option<&'m String>,
    ) -> BTreeSet<&'m str> {
        let mut known: BTreeSet<&str> = start.iter().copied().collect();
        loop {
            let found: Vec<&str> = self
                .transitions
                .iter()
                .filter_map(|way| next(way, &known))
                .map(String::as_str)
                .filter(|name| !known.contains(name))
                .collect();
            if found.is_empty() {
                return known;
            }
            known.extend(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(change: impl Fn(&str) -> String) -> String {
        let text = change(BUILT_IN);
        assert_ne!(text, BUILT_IN, "the change did not apply");
        Machine::parse(&text).unwrap_err().to_string()
    }

    #[test]
    fn the_built_in_machine_has_every_state_of_the_reference() {
        let machine = Machine::parse(BUILT_IN).unwrap();
        for number in 0..=22 {
            let code = format!("S{number:02}");
            assert!(
                machine.states().iter().any(|state| state.code == code),
                "{code} is missing"
            );
        }
        assert_eq!(machine.initial(), "detected");
    }

    #[test]
    fn the_forbidden_ways_do_not_exist() {
        let machine = Machine::built_in();
        let reaches = |from: &str, to: &str| machine.from(from).any(|way| way.to == to);
        assert!(!reaches("dispatched", "closed"));
        assert!(!reaches("submitted", "closed"));
        assert!(!reaches("submitted", "look_back"));
        assert!(!reaches("triage", "closed"));
        assert!(reaches("submitted", "approved"));
    }

    #[test]
    fn an_unsound_machine_is_refused_by_name() {
        let unknown = broken(|text| text.replacen("to = \"merged\"", "to = \"nowhere\"", 1));
        assert!(unknown.contains("`nowhere` does not exist"), "{unknown}");
        let guard = broken(|text| text.replacen("\"not_rule_owner\"", "\"full_moon\"", 1));
        assert!(guard.contains("full_moon"), "{guard}");
        let lonely = broken(|text| text.replace("to = \"no_penalty\"", "to = \"closed\""));
        assert!(
            lonely.contains("no_penalty") && lonely.contains("no way leads there"),
            "{lonely}"
        );
        let stuck = broken(|text| text.replace("from = [\"no_penalty\"]", "from = [\"returned\"]"));
        assert!(
            stuck.contains("no_penalty") && stuck.contains("dead end"),
            "{stuck}"
        );
        let timer =
            broken(|text| text.replace("timer = \"still_no_answer\"", "timer = \"answer\""));
        assert!(timer.contains("timer `answer`"), "{timer}");
        let field = broken(|text| text.replace("name = \"promise\"", "name = \"oath\""));
        assert!(field.contains("`promise` is not described"), "{field}");
        let unending = broken(|text| text.replace("checks = [7, 30]", "checks = [7]"));
        assert!(unending.contains("on the same day"), "{unending}");
        let lengthless = broken(|text| text.replacen("{ working_days = 1, ", "{ ", 1));
        assert!(lengthless.contains("exactly one length"), "{lengthless}");
        let clock = broken(|text| text.replacen("extends = \"decision\"", "extends = \"nap\"", 1));
        assert!(clock.contains("a clock that does not exist"), "{clock}");
        let guarded = broken(|text| text.replacen("name = \"archive\"", "name = \"drawer\"", 1));
        assert!(guarded.contains("a clock that does not exist"), "{guarded}");
        let code = broken(|text| text.replacen("closing = [\"taken_over\"", "closing = [\"x\"", 1));
        assert!(code.contains("`closing` has no such codes"), "{code}");
        let reminded = broken(|text| {
            text.replacen(
                "remind_first = true",
                "remind_first = true, remind_hours = 1",
                1,
            )
        });
        assert!(reminded.contains("reminded of once"), "{reminded}");
        let twice = broken(|text| {
            text.replacen(
                "text = \"the penalty case runs; its clocks run side by side\"",
                "text = \"\"\ndeadline = [{ days = 90 }]",
                1,
            )
        });
        assert!(twice.contains("a deadline of its own"), "{twice}");
    }
}
