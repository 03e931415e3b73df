//! Files that are taken, and what is refused with its line.

use proptest::prelude::*;

use super::*;

fn refused(text: &str) -> String {
    parse(&format!("version = \"t\"\n{text}")).unwrap_err()
}

#[test]
fn the_example_is_a_file_that_is_taken() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/deadlines.toml");
    let machine = load(&path).unwrap();
    let (version, sha256) = machine.lengths();
    assert_eq!((version, sha256.len()), ("2026-12", 64));
    let own = Machine::built_in();
    assert_ne!(sha256, own.lengths().1);
    assert_eq!(own.lengths().0, own.version());
    let triage = &machine.state("triage").unwrap().deadline;
    assert_eq!((triage[0].minutes, triage[0].hours), (Some(90), None));
    assert_eq!(triage[0].remind_minutes, Some(30));
    assert_eq!(triage[0].remind_hours, None);
    assert_eq!(triage[0].timer.as_deref(), Some("escalate_s1"));
    assert_eq!(triage[1], own.state("triage").unwrap().deadline[1]);
    let look_back = machine.state("look_back").unwrap();
    assert_eq!(look_back.checks, [7, 30, 60]);
    assert_eq!(look_back.deadline[0].days, Some(60));
    let visit = &machine.state("to_onsite").unwrap().deadline[0];
    assert_eq!((visit.hours, visit.same_day), (Some(12), false));
    let clock = |name: &str| machine.clocks().iter().find(|clock| clock.name == name);
    assert_eq!(clock("filing").unwrap().days, Some(10));
    assert_eq!(clock("decision").unwrap().extensions, [30]);
}

#[test]
fn the_hash_is_that_of_the_lengths() {
    let one = "version = \"t\"\n[[deadline]]\nclock = \"filing\"\ndays = 10\n";
    let other = "version = 't' # the same\n[[deadline]]\ndays = 10\nclock = 'filing'";
    let sha256 = |text: &str| parse(text).unwrap().lengths().1.to_owned();
    assert_eq!(sha256(one), sha256(other));
    assert_ne!(sha256(one), sha256(&one.replace("10", "11")));
    assert_ne!(sha256(one), sha256(&one.replace("\"t\"", "\"u\"")));
}

#[test]
fn what_does_not_fit_is_refused_with_its_line() {
    for (text, line, names) in [
        (
            "[[deadline]]\nstate = \"triag\"\nhours = 1",
            3,
            "`triag` is no state",
        ),
        (
            "[[deadline]]\nstate = \"case\"\ndays = 1",
            3,
            "`case` is no state with a deadline",
        ),
        (
            "\n[[deadline]]\nclock = \"nap\"\ndays = 1",
            4,
            "there are: filing, decision",
        ),
        (
            "[[deadline]]\nstate = \"triage\"\nhours = -3",
            4,
            "hours = -3 is out of range",
        ),
        (
            "[[deadline]]\nstate = \"triage\"\nhours = 0",
            4,
            "hours = 0",
        ),
        (
            "[[deadline]]\nstate = \"submitted\"\ndays = 400",
            4,
            "days = 400",
        ),
        (
            "[[deadline]]\nstate = \"submitted\"\ndays = 4\nhours = 1",
            4,
            "has one length",
        ),
        (
            "[[deadline]]\nstate = \"triage\"\nseverity = \"S2\"\nhours = 3",
            3,
            "S1, every other case",
        ),
        (
            "[[deadline]]\nstate = \"triage\"\nseverity = \"S9\"\nhours = 3",
            4,
            "S1, S2, S3, S4",
        ),
        (
            "[[deadline]]\nstate = \"self_check\"\nunit = \"big\"\nhours = 3",
            4,
            "key, incineration",
        ),
        (
            "[[deadline]]\nclock = \"filing\"\ndays = 16",
            4,
            "lets 15 at most (生态环境行政处罚办法)",
        ),
        (
            "[[deadline]]\nclock = \"hearing_request\"\nworking_days = 4",
            4,
            "gives 5 at least",
        ),
        ("[[deadline]]\nclock = \"payment\"\ndays = 20", 4, "sets 15"),
        (
            "[[deadline]]\nclock = \"service\"\ndays = 7",
            4,
            "counted in `working_days`",
        ),
        (
            "[[deadline]]\nclock = \"decision\"\nextensions = [30, 31]",
            4,
            "1 to 30, then 1 to 30",
        ),
        (
            "[[deadline]]\nclock = \"filing\"\nextensions = [5, 5]",
            4,
            "prolonged 1 times at most",
        ),
        (
            "[[deadline]]\nclock = \"filing\"\nseverity = \"S1\"\ndays = 9",
            4,
            "alike for every",
        ),
        (
            "[[deadline]]\nclock = \"filing\"\ndays = 3",
            4,
            "before it begins",
        ),
        (
            "[[deadline]]\nstate = \"self_check\"\nunit = \"incineration\"\nhours = 7",
            5,
            "lets 6 at most (生态环境部公告2019年第50号)",
        ),
        (
            "[[deadline]]\nstate = \"self_check\"\nunit = \"incineration\"\nminutes = 60",
            5,
            "the law counts it in `hours`",
        ),
        (
            "[[deadline]]\nstate = \"triage\"\nseverity = \"S1\"\nhours = 1",
            5,
            "before the deadline begins",
        ),
        (
            "[[deadline]]\nstate = \"no_answer\"\nremind_hours = 2",
            4,
            "reminded of at once",
        ),
        (
            "[[deadline]]\nstate = \"look_back\"\ndays = 20",
            4,
            "give `checks`",
        ),
        (
            "[[deadline]]\nstate = \"look_back\"\ndays = 20\nchecks = [7, 21]",
            4,
            "the last check is on day 21",
        ),
        (
            "[[deadline]]\nstate = \"look_back\"\nchecks = [30, 7]",
            4,
            "each later than the one before",
        ),
        (
            "[[deadline]]\nstate = \"triage\"\nchecks = [7]",
            4,
            "only a look-back has",
        ),
    ] {
        let said = refused(text);
        assert!(
            said.starts_with(&format!("line {line}: ")),
            "{text}: {said}"
        );
        assert!(said.contains(names), "{text}: {said}");
    }
    for (text, names) in [
        ("[[deadline]]\nhours = 3", "one `state` or of one `clock`"),
        ("[[deadline]]\nstate = \"triage\"", "nothing is changed"),
        (
            "[[deadline]]\nclock = \"filing\"\ndays = 9\n[[deadline]]\nclock = \"filing\"\ndays = 8",
            "a second time",
        ),
        ("[[deadline]]\nstate = \"triage\"\nhuors = 3", "huors"),
    ] {
        let said = refused(text);
        assert!(said.contains(names), "{text}: {said}");
    }
    let own = format!("version = \"{}\"", Machine::built_in().version());
    assert!(parse(&own).unwrap_err().contains("line 1: "), "{own}");
    assert!(parse("version = ' '").unwrap_err().contains("1 to 64"));
    let gone = load(Path::new("no-such-deadlines.toml")).unwrap_err();
    assert!(gone.contains("no-such-deadlines.toml"), "{gone}");
}

#[test]
fn the_law_lets_the_workflow_s_own_lengths_be() {
    let own = Machine::built_in();
    let rules = own.states().iter().flat_map(|state| &state.deadline);
    let lengths =
        rules
            .filter_map(|rule| Some((rule.law.as_ref()?, rule.hours.or(rule.days)?)))
            .chain(own.clocks().iter().filter_map(|clock| {
                Some((clock.law.as_ref()?, clock.days.or(clock.working_days)?))
            }));
    let mut found = 0;
    for (law, length) in lengths {
        assert!(law.least.is_none_or(|least| length >= least), "{law:?}");
        assert!(law.most.is_none_or(|most| length <= most), "{law:?}");
        found += 1;
    }
    assert_eq!(found, 7);
}

proptest! {
    /// Any length of any deadline is taken as it is, and moves nothing else, or refused with its line.
    #[test]
    fn any_length_is_taken_or_refused(
        which in 0..100_usize,
        unit in 0..UNITS.len(),
        count in -3..500_i64,
    ) {
        let own = Machine::built_in();
        let timed = own.states().iter().filter(|state| !state.deadline.is_empty());
        let states = timed.map(|state| format!("state = \"{}\"", state.name));
        let clocks = own.clocks().iter().map(|clock| format!("clock = \"{}\"", clock.name));
        let all: Vec<String> = states.chain(clocks).collect();
        let name = &all[which % all.len()];
        let unit = UNITS[unit].0;
        let text = format!("version = \"t\"\n[[deadline]]\n{name}\n{unit} = {count}");
        match parse(&text) {
            Err(said) => prop_assert!(said.starts_with("line "), "{}", said),
            Ok(machine) => {
                prop_assert!(count >= 1);
                prop_assert_ne!(machine.lengths().1, own.lengths().1);
                let states = machine.states().iter().zip(own.states());
                let clocks = machine.clocks().iter().zip(own.clocks());
                let moved = states.filter(|(one, other)| one != other).count()
                    + clocks.filter(|(one, other)| one != other).count();
                prop_assert!(moved <= 1, "{} moved", moved);
                prop_assert_eq!(machine.transitions(), own.transitions());
            }
        }
    }
}
