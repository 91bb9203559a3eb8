//! Who decides gates: a person who types, or the program itself.
//!
//! Owns what they can say. That each gate is decided once, whoever comes first, is the store's.

use std::io::stdin;
use std::sync::Arc;
use std::time::Duration;

use larder_stores::gate::{Decider, Decision, Gate, Gates};
use larder_stores::{Error, Result};

use crate::ending::Ending;
use crate::ledger::Ledger;

/// Does what is typed, until the input ends.
pub(crate) fn ask_a_person(gates: &Gates, ledger: Ledger, ending: &Ending) {
    for line in stdin().lines().map_while(std::io::Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let said = match words.as_slice() {
            [] => list(gates),
            ["a" | "approve", gate @ ..] => decide(gates, gate, Decision::Approve, ledger),
            ["r" | "reject", gate @ ..] => decide(gates, gate, Decision::Reject, ledger),
            ["q" | "quit"] => break,
            _ => {
                println!("Type a, r, q, or nothing; a and r may be followed by a gate.");
                Ok(())
            }
        };
        if let Err(error) = said {
            println!("{error}");
        }
    }
    ending.end();
}

fn list(gates: &Gates) -> Result<()> {
    let pending = gates.pending()?;
    for gate in &pending {
        println!("{}: {} {}", gate.session_id, gate.summary, gate.id);
    }
    if pending.is_empty() {
        println!("No gate waits.");
    }
    Ok(())
}

fn decide(gates: &Gates, named: &[&str], decision: Decision, ledger: Ledger) -> Result<()> {
    let id = match named.first() {
        Some(name) => full_id(gates, name)?,
        // The one that has waited longest.
        None => match gates.pending()?.first() {
            Some(gate) => gate.id.clone(),
            None => return list(gates),
        },
    };
    ledger.gate(&*gates.decide(&id, decision, Decider::Terminal)?);
    Ok(())
}

/// A pending gate may be named by the end of its id.
fn full_id(gates: &Gates, name: &str) -> Result<String> {
    let pending = gates.pending()?;
    let ends_so = pending
        .iter()
        .find(|gate| gate.id.rsplit('_').next() == Some(name));
    Ok(ends_so.map_or_else(|| name.to_owned(), |gate| gate.id.clone()))
}

/// Decides one gate at each pace. It asks the store which there are, and not the bus: so those from before
/// the start are among them.
pub(crate) fn decide_alone(gates: &Gates, pace: Duration, ledger: Ledger, ending: &Ending) {
    while !ending.wait(pace) {
        match decide_one(gates) {
            Ok(Some(gate)) => ledger.gate(&gate),
            Ok(None) => {}
            // Somebody was faster, mostly the clock.
            Err(error @ Error::GateResolved { .. }) => println!("too late: {error}"),
            Err(error) => {
                eprintln!("orchestrator: {error}");
                return ending.end();
            }
        }
    }
}

fn decide_one(gates: &Gates) -> Result<Option<Arc<Gate>>> {
    for gate in gates.pending()? {
        if let Some(decision) = opinion(&gate) {
            return gates
                .decide(&gate.id, decision, Decider::Terminal)
                .map(Some);
        }
    }
    Ok(None)
}

/// As good as chance, and the same after a restart: of 36 gates 26 are approved, 6 rejected, and 4 left to
/// expire.
fn opinion(gate: &Gate) -> Option<Decision> {
    match gate.id.bytes().last() {
        Some(b'0'..=b'3') => None,
        Some(b'4'..=b'9') => Some(Decision::Reject),
        _ => Some(Decision::Approve),
    }
}
