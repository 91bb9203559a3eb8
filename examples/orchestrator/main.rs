//! An orchestrator of agents that may be killed at any moment: the stores of `larder-stores` at work.
//!
//! Every worker has a channel, and in it one session after the other. A session asks a person whether it
//! may begin, works in rounds while a monitor drives it to its goal, asks whether the result may be
//! pushed, and goes into the archive. There are no real agents: their work is a pause.
//!
//! ```sh
//! cargo run -p larder-stores --example orchestrator -- json:./demo          # you decide
//! cargo run -p larder-stores --example orchestrator -- sqlite:./demo.db --auto
//! ```
//!
//! Kill it (`kill -9`), start it again, and see what it says. What to copy from it is the way in which it
//! comes back: a worker keeps nothing in memory that it would miss. It reads its session, does the next
//! step as one transaction, and reads it again. So a start after a crash is a step like any other, and
//! what [`recovery`] does is to tell of it.
//!
//! | file | owns |
//! |---|---|
//! | `main.rs` | the order of things: open, tell, work, close |
//! | `stores.rs` | how the stores are opened |
//! | `recovery.rs` | telling what a start found |
//! | `worker.rs` | the life of a session: the part to read |
//! | `decider.rs` | who decides gates: a person, or the program itself |
//! | `events.rs` | telling people what happens |
//! | `ledger.rs` | telling programs what is durable |
//! | `ending.rs` | when it is to end |
//! | `args.rs` | what can be typed |

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a person"
)]

mod args;
mod decider;
mod ending;
mod events;
mod ledger;
mod recovery;
mod stores;
mod worker;

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use clap::Parser as _;
use larder::Store;
use larder_stores::{Bus, Result};

use args::Args;
use ending::Ending;
use ledger::Ledger;
use stores::Stores;
use worker::Worker;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("orchestrator: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let ledger = Ledger::new(args.ledger);
    ledger.note("starting");
    let store = Store::open(args.store.as_str())?;
    ledger.note("open");
    // One bus for all stores: whoever listens hears of all of them.
    let bus = Bus::new();
    let stores = Stores::open(&store, &bus, args)?;
    recovery::tell(&stores, ledger)?;

    let ending = Arc::new(Ending::default());
    ending::on_signal(&ending)?;
    let gates = stores.gates.clone();
    let printer = bus.listen(4096, move |told| events::print(&gates, told))?;
    let worked = work(args, &stores, ledger, &ending);
    printer.finish();

    // Whatever happened: what is visible goes to the disk, or it is said that it does not.
    let closed = store.close().wait();
    worked.and(closed.map_err(Into::into))?;
    println!("Closed: everything is on disk.");
    Ok(())
}

/// Workers and deciders, until all workers are done.
fn work(args: &Args, stores: &Stores, ledger: Ledger, ending: &Arc<Ending>) -> Result<()> {
    let workers = workers(args, stores, ledger, ending)?;
    if !args.auto {
        // Not among the threads that are waited for: nothing ends a read of standard input.
        let (gates, ending) = (stores.gates.clone(), Arc::clone(ending));
        thread::spawn(move || decider::ask_a_person(&gates, ledger, &ending));
    }
    thread::scope(|scope| {
        if args.auto {
            scope.spawn(|| decider::decide_alone(&stores.gates, args.pace, ledger, ending));
        }
        let working: Vec<_> = workers
            .iter()
            .map(|worker| {
                scope.spawn(|| {
                    let done = worker.work();
                    if done.is_err() {
                        ending.end();
                    }
                    done
                })
            })
            .collect();
        let done: Vec<Result<()>> = working
            .into_iter()
            .map(|it| it.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect();
        ending.end();
        done.into_iter().collect()
    })
}

/// As many as were asked for, and one for each session that an earlier start had with more: those only
/// bring it to its end.
fn workers<'a>(
    args: &Args,
    stores: &'a Stores,
    ledger: Ledger,
    ending: &'a Ending,
) -> Result<Vec<Worker<'a>>> {
    let asked_for: BTreeSet<String> = (1..=args.workers)
        .map(|number| format!("worker-{number}"))
        .collect();
    let found = stores.live()?;
    let mut channels = asked_for.clone();
    channels.extend(found.iter().map(|session| session.channel_id.clone()));
    let worker = |channel: String| Worker {
        rounds: if asked_for.contains(&channel) {
            args.rounds.unwrap_or(usize::MAX)
        } else {
            0
        },
        channel,
        stores,
        keep: args.keep,
        pace: args.pace,
        ledger,
        ending,
    };
    Ok(channels.into_iter().map(worker).collect())
}
