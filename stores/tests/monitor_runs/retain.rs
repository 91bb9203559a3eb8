//! The run that a session has, and letting go of those that are over.

use super::*;

pub(crate) fn a_session_has_one_that_runs(place: Place) {
    let it = Setup::new(place);
    let running = |session: &str| it.runs.running_of_session(session).unwrap();
    assert_eq!(running("fix"), None);
    it.runs.begin("fix", "goal", 2).unwrap();
    let second = it.runs.begin("fix", "goal", 2).unwrap();
    let of_another = it.runs.begin("other", "goal", 2).unwrap();
    assert_eq!(running("fix"), Some(second.clone()));
    it.runs.finish(&second.id, RunOutcome::Blocked).unwrap();
    assert_eq!(running("fix"), None);
    assert_eq!(running("other"), Some(of_another));
}

pub(crate) fn what_is_over_goes_but_for_the_newest(place: Place) {
    let mut it = Setup::new(place);
    let running = it.runs.begin("on", "goal", 2).unwrap();
    let outcomes = [
        RunOutcome::Completed,
        RunOutcome::Blocked,
        RunOutcome::Failed,
        RunOutcome::Abandoned,
        RunOutcome::Completed,
    ];
    let over: Vec<Arc<MonitorRun>> = outcomes
        .into_iter()
        .map(|outcome| {
            it.clock.advance(1);
            let run = it.runs.begin("over", "goal", 2).unwrap();
            it.runs.finish(&run.id, outcome).unwrap()
        })
        .collect();
    let gone = it.runs.retain(2).unwrap().wait().unwrap();
    assert_eq!(sorted(&gone), sorted(&over[..3]));
    it = it.restart("bot", RunsOnStart::ResumeWithGoal);
    let left = [running, over[3].clone(), over[4].clone()];
    let found = || sorted(&it.runs.find(Query::all()).unwrap());
    assert_eq!(found(), sorted(&left));

    let store = it.place.store();
    let refused: Result<larder::Write<()>, Error> = store.try_transaction(|tx| {
        assert_eq!(it.runs.retain_in(tx, 1)?.len(), 1);
        Err(Error::NotFound {
            what: "shelf",
            id: "for it".to_owned(),
        })
    });
    assert!(refused.is_err());
    assert_eq!(found(), sorted(&left));
    let gone = store.try_transaction(|tx| it.runs.retain_in(tx, 0));
    assert_eq!(sorted(&gone.unwrap().wait().unwrap()), sorted(&over[3..]));
    assert_eq!(found(), sorted(&left[..1]));
}

fn sorted(runs: &[Arc<MonitorRun>]) -> Vec<String> {
    let mut ids: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
    ids.sort_unstable();
    ids
}
