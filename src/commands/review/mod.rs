//! `nonsite review`: the workflow, step by step.

mod dossier;
mod files;
mod handover;
mod intake;
mod messages;
mod papers;
mod proofs;
mod reads;
mod setup;
mod show;
mod timeline;

use std::sync::Arc;

use clap::Subcommand;
use nonsite_analytics::review::{Actor, Case, Filter, Service, document, mermaid};
use nonsite_schemas::time::Clock;

use self::papers::{Decision, Papers, Who};
pub(crate) use self::reads::{Reads, read_log, reads};
use self::setup::{clock, exit_code};
pub(crate) use self::setup::{deliver, deliver_marks, open, queue, tick};
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::settings::Settings;

/// Work on the review queue: clues, rectification, review, deadlines, audit.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    /// How lists are printed.
    #[arg(long, value_enum, global = true, default_value_t)]
    format: Format,
    /// Act as if it were this instant (replays and exercises); the audit row says so.
    #[arg(long, value_name = "T", global = true)]
    at: Option<String>,
}

/// One step on one case.
#[derive(Debug, clap::Args)]
struct Step {
    /// The case; its id may be shortened.
    case: String,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    papers: Papers,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Cases, the worst and most urgent first.
    List {
        /// Only these states.
        #[arg(long)]
        state: Vec<String>,
        /// Only cases of this body.
        #[arg(long)]
        org: Option<String>,
        /// Only cases claimed by this person.
        #[arg(long)]
        assignee: Option<String>,
        /// Only cases that are not finished.
        #[arg(long)]
        open: bool,
        /// At most this many, 0 for all.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// A case: finding, deadline, timeline, what can be done next.
    Show {
        /// The case; its id may be shortened.
        case: String,
    },
    /// Everything a reviewer has to see: order, statement, files, data since the measures, history,
    /// contradictions, checklist.
    Dossier {
        /// The case; its id may be shortened.
        case: String,
    },
    /// Hand in photos, PDF documents or videos without another step.
    Attach(files::Attach),
    /// The files of a case: time, place and device of photos, earlier ones like them.
    Files(files::Files),
    /// Number of cases per state.
    Counts,
    /// Take findings from table `anomalies` into the queue (again and again without doubling).
    Take,
    /// Put in a clue that no rule found: a complaint, a transfer, what another platform or an officer
    /// tells.
    Report(intake::Report),
    /// Claim a case, or without one the next that waits for the role.
    Claim {
        /// The case; its id may be shortened.
        case: Option<String>,
        #[command(flatten)]
        who: Who,
        /// Only cases in these states.
        #[arg(long)]
        state: Vec<String>,
        /// Only cases of this body.
        #[arg(long)]
        of: Option<String>,
    },
    /// Give a claimed case back.
    Release(Step),
    /// Decide what becomes of a clue.
    Triage {
        #[command(flatten)]
        step: Step,
        /// The decision.
        #[arg(long, value_enum)]
        decision: Decision,
    },
    /// Send the clue to the enterprise.
    Dispatch(Step),
    /// Prove delivery; the answer's clock starts.
    Deliver(Step),
    /// The enterprise explains.
    Answer(Step),
    /// Begin off-site verification.
    Verify(Step),
    /// No problem after all (two persons).
    Dismiss(Step),
    /// Order rectification.
    Rectify(Step),
    /// The enterprise submits what it did, with evidence.
    Submit(Step),
    /// Accept the rectification (S1, S2: two persons).
    Approve(Step),
    /// Send the rectification back.
    Return(Step),
    /// Go on-site.
    Escalate(Step),
    /// Record the visit.
    Onsite(Step),
    /// Open a penalty case file.
    File(Step),
    /// Put a finished case on file.
    Close(Step),
    /// Take a closed case up again.
    Reopen(Step),
    /// Any action of the workflow by its name.
    Do {
        /// The action; `nonsite review workflow` lists them.
        action: String,
        #[command(flatten)]
        step: Step,
    },
    /// Draft the record of an inspection: the data the clue rests on, really queried (TOML).
    Draft {
        /// The case; its id may be shortened.
        case: String,
    },
    /// Bring the acts the workflow wrote into table `inspections` (or to `[review] acts_topic`), and the
    /// marks that enterprises set into table `marks`.
    Acts,
    /// Print a bundle of documents with the case's data: HTML pages for print (A4).
    Bundle(handover::Bundle),
    /// Record that a bundle of documents was served.
    Serve(handover::Serve),
    /// Make a hand-over package: one ZIP with documents, evidence, audit rows and data, which its
    /// receiver checks with `sha256sum -c`.
    Package(handover::Package),
    /// Apply the deadlines that have passed (findings are taken first: `take`).
    Tick,
    /// What people and enterprises are to be told, in the order of the audit chain: orders, reminders,
    /// overdue notices, credit repairs.
    Messages(messages::Messages),
    /// Bring tables `review_cases` and `review_events` up to date for `nonsite sql`.
    Mirror,
    /// Verify the audit chain; exit code 1 names the first broken row.
    Audit {
        /// Head of an earlier audit: also notice that the end was cut off.
        #[arg(long, value_name = "HASH")]
        expect_head: Option<String>,
    },
    /// Write the index that lists and searches read anew from the kept versions of the cases.
    Reindex,
    /// Print the workflow: states, actions, roles, deadlines (those of the file that `[review] deadlines`
    /// names, where it changes them).
    Workflow {
        /// The diagram alone, in Mermaid.
        #[arg(long)]
        mermaid: bool,
    },
}

impl Action {
    /// Whether it prints a list.
    fn lists(&self) -> bool {
        matches!(
            self,
            Self::List { .. }
                | Self::Attach(_)
                | Self::Files(_)
                | Self::Counts
                | Self::Bundle(_)
                | Self::Tick
        )
    }

    /// Whether deadlines are set by it, so that a calendar without holidays matters.
    fn sets_deadlines(&self) -> bool {
        !matches!(
            self,
            Self::List { .. }
                | Self::Show { .. }
                | Self::Dossier { .. }
                | Self::Attach(_)
                | Self::Files(_)
                | Self::Counts
                | Self::Claim { .. }
                | Self::Release(_)
                | Self::Draft { .. }
                | Self::Acts
                | Self::Bundle(_)
                | Self::Serve(_)
                | Self::Package(_)
                | Self::Messages(_)
                | Self::Mirror
                | Self::Audit { .. }
                | Self::Reindex
                | Self::Workflow { .. }
        )
    }
}

/// Runs one step and prints what came of it.
pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    // Before anything is done: a step must not be taken by a command that then fails.
    if args.format == Format::Csv && !args.action.lists() {
        return Err(Usage(
            "of `nonsite review`, only list, counts, files, attach, bundle and tick print lists, so \
             there is no --format csv here; use table or json"
                .to_owned(),
        )
        .into());
    }
    let (clock, client) = clock(args.at.as_deref())?;
    if let Action::Workflow { mermaid: diagram } = args.action {
        let machine = settings
            .review
            .machine()
            .map_err(|error| exit_code(error.into()))?;
        print!(
            "{}",
            if diagram {
                mermaid(&machine)
            } else {
                document(&machine)
            }
        );
        return Ok(Exit::Done);
    }
    let desk = Desk {
        service: queue(settings, Arc::clone(&clock)).await?,
        clock,
        client,
        format: args.format,
    };
    if args.action.sets_deadlines()
        && let Some(warning) = desk.service.calendar_warning()
    {
        eprintln!("warning: {warning}");
    }
    desk.run(args.action, settings).await.map_err(exit_code)
}

/// `nonsite audit verify`, which is `nonsite review audit` by another name.
pub(crate) async fn audit(
    settings: &Settings,
    expect_head: Option<String>,
    format: Format,
) -> anyhow::Result<Exit> {
    let args = Args {
        action: Action::Audit { expect_head },
        format,
        at: None,
    };
    run(args, settings).await
}

struct Desk {
    service: Service,
    clock: Arc<dyn Clock>,
    client: String,
    format: Format,
}

impl Desk {
    async fn run(&self, action: Action, settings: &Settings) -> anyhow::Result<Exit> {
        match action {
            Action::List {
                state,
                org,
                assignee,
                open,
                limit,
            } => {
                self.known_states(&state)?;
                let filter = Filter {
                    states: state,
                    org_code: org,
                    assignee,
                    open_only: open,
                    limit,
                    ..Filter::default()
                };
                let cases = self.service.list(&filter).await?;
                show::list(
                    &cases,
                    self.service.machine(),
                    self.format,
                    self.clock.now_micros(),
                )?;
            }
            Action::Show { case } => {
                let id = self.service.resolve(&case).await?;
                let shown = self.service.show(&id).await?;
                let checked = self.checked(&id, settings).await?;
                let now = self.clock.now_micros();
                show::case(&shown, &checked, self.service.machine(), self.format, now)?;
            }
            Action::Dossier { case } => self.dossier(&case, settings).await?,
            Action::Attach(args) => self.attach(args).await?,
            Action::Files(args) => return self.files(args).await,
            Action::Counts => {
                let counts = self.service.counts().await?;
                let mut listing = Listing::new(&["state", "cases"]);
                for (state, cases) in &counts {
                    listing.row([state.clone(), cases.to_string()]);
                }
                let items: Vec<_> = counts
                    .iter()
                    .map(|(state, cases)| serde_json::json!({"state": state, "cases": cases}))
                    .collect();
                listing.print(self.format, &items)?;
            }
            Action::Take => self.take(settings).await?,
            Action::Report(args) => self.report_clue(args).await?,
            Action::Claim {
                case,
                who,
                state,
                of,
            } => {
                self.known_states(&state)?;
                return self.claim(case, &who, &state, of.as_deref()).await;
            }
            Action::Release(step) => {
                let id = self.service.resolve(&step.case).await?;
                let after = self.service.release(&id, &self.actor(&step.who)?).await?;
                self.report("release", &after)?;
            }
            Action::Triage { step, decision } => {
                self.banner(&step.case, settings).await?;
                self.act(decision.action(), step).await?;
            }
            Action::Dispatch(step) => {
                self.banner(&step.case, settings).await?;
                self.act("dispatch", step).await?;
            }
            Action::Deliver(step) => self.act("deliver", step).await?,
            Action::Answer(step) => self.act("answer", step).await?,
            Action::Verify(step) => self.act("verify", step).await?,
            Action::Dismiss(step) => self.act("dismiss", step).await?,
            Action::Rectify(step) => self.act("rectify", step).await?,
            Action::Submit(step) => self.act("submit", step).await?,
            Action::Approve(step) => self.act("approve", step).await?,
            Action::Return(step) => self.act("return", step).await?,
            Action::Escalate(step) => self.act("escalate", step).await?,
            Action::Onsite(step) => self.act("onsite", step).await?,
            Action::File(step) => self.act("file", step).await?,
            Action::Close(step) => self.act("close", step).await?,
            Action::Reopen(step) => self.act("reopen", step).await?,
            Action::Do { action, step } => self.act(&action, step).await?,
            Action::Draft { case } => self.draft(&case, settings).await?,
            Action::Acts => self.deliver(settings).await?,
            Action::Bundle(args) => self.bundle(args).await?,
            Action::Serve(args) => self.serve(args).await?,
            Action::Package(args) => self.package(args, settings).await?,
            Action::Tick => {
                let fired = self.service.tick().await?;
                show::fired(&fired, self.format)?;
            }
            Action::Messages(args) => self.messages(args).await?,
            Action::Mirror => {
                let done = self.service.mirror(&settings.store.path).await?;
                if self.format == Format::Json {
                    println!("{}", serde_json::to_string_pretty(&done)?);
                } else {
                    println!(
                        "mirrored {} audit rows and {} versions of cases",
                        done.events, done.cases
                    );
                }
            }
            Action::Audit { expect_head } => {
                let report = self.service.audit(expect_head.as_deref()).await?;
                return show::audit(&report, self.format);
            }
            Action::Reindex => {
                let cases = self.service.rebuild_index().await?;
                if self.format == Format::Json {
                    println!("{}", serde_json::json!({ "cases": cases }));
                } else {
                    println!("index of {cases} cases written from their newest versions");
                }
            }
            Action::Workflow { .. } => {}
        }
        Ok(Exit::Done)
    }

    async fn act(&self, action: &str, step: Step) -> anyhow::Result<()> {
        let id = self.service.resolve(&step.case).await?;
        let actor = self.actor(&step.who)?;
        let input = step.papers.input(&self.service).await?;
        let after = self.service.act(&id, action, &actor, &input).await?;
        self.report(action, &after)
    }

    async fn claim(
        &self,
        case: Option<String>,
        who: &Who,
        states: &[String],
        of: Option<&str>,
    ) -> anyhow::Result<Exit> {
        let actor = self.actor(who)?;
        let claimed = match case {
            Some(case) => {
                let id = self.service.resolve(&case).await?;
                Some(self.service.claim(&id, &actor).await?)
            }
            None => self.service.claim_next(&actor, states, of).await?,
        };
        match claimed {
            Some(case) => self.report("claim", &case)?,
            None if self.format == Format::Json => println!("null"),
            None => println!("nothing waits for role `{}`", actor.role),
        }
        Ok(Exit::Done)
    }

    fn actor(&self, who: &Who) -> anyhow::Result<Actor> {
        who.actor(&self.client)
    }

    /// A typing mistake in a state would otherwise look like an empty queue.
    fn known_states(&self, states: &[String]) -> anyhow::Result<()> {
        let machine = self.service.machine();
        match states.iter().find(|state| machine.state(state).is_none()) {
            Some(unknown) => {
                let names: Vec<&str> = machine
                    .states()
                    .iter()
                    .map(|state| state.name.as_str())
                    .collect();
                Err(Usage(format!(
                    "`{unknown}` is no state; there are: {}",
                    names.join(", ")
                ))
                .into())
            }
            None => Ok(()),
        }
    }

    fn report(&self, action: &str, after: &Case) -> anyhow::Result<()> {
        show::done(
            action,
            after,
            self.service.machine(),
            self.format,
            self.clock.now_micros(),
        )
    }
}
