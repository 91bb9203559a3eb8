//! Telling what a start found.
//!
//! Owns the words. What was done about it was done when the stores were opened (`stores.rs`), and the
//! workers go on with it (`worker.rs`).

use larder_stores::Result;
use larder_stores::session::WorkflowStatus;

use crate::ledger::Ledger;
use crate::stores::Stores;

pub(crate) fn tell(stores: &Stores, ledger: Ledger) -> Result<()> {
    // Records that could not be read are kept in quarantine, and said here.
    for issue in stores.store.load_report().issues() {
        println!("  damaged    {issue}");
    }
    let sessions = stores.live()?;
    println!("Sessions that go on: {}", sessions.len());
    for session in &sessions {
        // That an agent is at work is on disk. That it generates at this moment never is.
        let state = &session.workflow_state;
        if state.status == WorkflowStatus::WorkerRunning && !session.is_generating {
            println!(
                "  at work    {}: it generates no more, and round {} begins again",
                session.id, state.iteration
            );
        }
        ledger.session(&session.id, "live");
    }

    let gates = stores.gates.at_start();
    let now = stores.sessions.now();
    for gate in &gates.resumed {
        let left = stores.gates.due(gate).map(|due| due.saturating_sub(now));
        let left = left.map_or("no end".to_owned(), |left| {
            format!("{} s left", left / 1000)
        });
        println!(
            "  still asks {}: {} ({left}) {}",
            gate.session_id, gate.summary, gate.id
        );
    }
    for gate in &gates.expired {
        println!(
            "  expired    {}: {} {}",
            gate.session_id, gate.summary, gate.id
        );
    }
    for gate in gates.resumed.iter().chain(&gates.expired) {
        ledger.gate(gate);
    }

    let runs = stores.runs.at_start();
    for run in &runs.candidates {
        println!(
            "  resumed    {}: on to {:?}, from round {} of {}",
            run.session_id, run.goal, run.iteration, run.max_iterations
        );
    }
    for run in &runs.abandoned {
        println!("  abandoned  {}: {:?}", run.session_id, run.goal);
    }
    for run in &runs.held {
        println!("  left alone {}: somebody else drives it", run.session_id);
    }
    for run in runs.candidates.iter().chain(&runs.abandoned) {
        ledger.run(run);
    }
    ledger.note("recovered");
    Ok(())
}
