//! Telling people what happens.
//!
//! Owns the words for each event. It hears of what is done by whatever thread, after it is done. An event
//! says what happened to which record; what is in the record is asked of the store.

use larder_stores::gate::Gates;
use larder_stores::{Event, Result, Told};

pub(crate) fn print(gates: &Gates, told: Told) {
    let event = match told {
        Told::Event(event) => event,
        Told::Missed(lost) => return println!("({lost} events were missed)"),
    };
    match words(gates, &event) {
        Ok(Some(words)) => println!("  {:<18} {words}", event.session_id()),
        Ok(None) => {}
        Err(error) => println!("  {:<18} {error}", event.session_id()),
    }
}

/// Nothing for what another event says as well.
fn words(gates: &Gates, event: &Event) -> Result<Option<String>> {
    Ok(Some(match event {
        Event::SessionCreated { channel_id, .. } => format!("begins in {channel_id}"),
        Event::SessionEnded { .. } => "is over, and in the archive".to_owned(),
        Event::GateCreated { gate_id, .. } => match gates.get(gate_id)? {
            Some(gate) => format!("asks: {} ({gate_id})", gate.summary),
            None => return Ok(None),
        },
        Event::GateResolved { outcome, .. } => format!("the gate is {outcome:?}").to_lowercase(),
        Event::MonitorRunStarted { .. } => "is driven by a monitor".to_owned(),
        Event::MonitorRunEnded { outcome, .. } => format!("the run is {outcome:?}").to_lowercase(),
        // Among them are those that a newer version tells of.
        _ => return Ok(None),
    }))
}
