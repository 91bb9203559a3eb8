//! One case, running all of them, and what came of it.
//!
//! Owns [`Case`], [`run`] and [`Summary`], for a program that runs the kit by itself. Under the test
//! harness [`conformance!`](crate::conformance) makes a test of each case.

use std::any::Any;
use std::fmt;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::setup::{Ability, Setup};

/// One thing that a backend promises, and how it is tested.
pub struct Case<S> {
    /// The promise it belongs to.
    pub group: &'static str,
    /// What it says, as a sentence.
    pub name: &'static str,
    /// What a setup must be able to do, or the case does not apply to it.
    pub needs: &'static [Ability],
    /// The function of this name in the module of this group.
    pub test: fn(&S),
}

impl<S> Clone for Case<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Case<S> {}

/// As [`Display`](fmt::Display).
impl<S> fmt::Debug for Case<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<S> fmt::Display for Case<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.group, self.name)
    }
}

impl<S: Setup> Case<S> {
    /// What it needs and this setup cannot do; `None` if it applies.
    #[must_use]
    pub fn missing(&self, setup: &S) -> Option<Ability> {
        let has = setup.abilities();
        self.needs.iter().copied().find(|need| !has.contains(need))
    }

    /// Runs it. A case fails by panicking; that is caught here, and told.
    ///
    /// # Errors
    ///
    /// The message of the panic.
    pub fn run(&self, setup: &S) -> Result<(), String> {
        catch_unwind(AssertUnwindSafe(|| (self.test)(setup))).map_err(|panic| message(&*panic))
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without a message".to_owned(),
    }
}

/// What came of running all cases.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Summary {
    /// The cases that hold.
    pub held: Vec<String>,
    /// The cases that do not, and what each says about it.
    pub failed: Vec<(String, String)>,
    /// The cases that do not apply, and what the setup cannot do. They were not run.
    pub not_applicable: Vec<(String, Ability)>,
}

impl Summary {
    /// Whether no case failed. Cases that do not apply prove nothing: look at how many there are.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.failed.is_empty()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            held,
            failed,
            not_applicable,
        } = self;
        let ran = held.len() + failed.len();
        let (failures, others) = (failed.len(), not_applicable.len());
        write!(
            f,
            "{ran} cases ran, {failures} failed; {others} do not apply"
        )?;
        for (case, message) in failed {
            write!(f, "\n  failed: {case}: {message}")?;
        }
        for (case, ability) in not_applicable {
            write!(f, "\n  does not apply: {case}: cannot {ability}")?;
        }
        Ok(())
    }
}

/// Runs every case that applies, each on a setup of its own.
pub fn run<S: Setup>(mut setup: impl FnMut() -> S) -> Summary {
    let mut summary = Summary::default();
    for case in crate::cases::all::<S>() {
        let setup = setup();
        let name = case.to_string();
        if let Some(missing) = case.missing(&setup) {
            summary.not_applicable.push((name, missing));
            continue;
        }
        match case.run(&setup) {
            Ok(()) => summary.held.push(name),
            Err(message) => summary.failed.push((name, message)),
        }
    }
    summary
}

/// What the generated test does that holds the macro's list against the setup's own word, and says how
/// many cases there are: past the harness, which shows a passing test's output to nobody.
#[doc(hidden)]
pub fn check_claims<S: Setup>(name: &str, setup: &S, without: &[Ability]) {
    let cases = crate::cases::all::<S>();
    let others = cases.iter().filter(|case| case.missing(setup).is_some());
    let (others, all) = (others.count(), cases.len());
    let without_them: Vec<&str> = without.iter().map(|ability| ability.as_str()).collect();
    let cannot = without_them.join(", ");
    let _ = writeln!(
        std::io::stderr(),
        "conformance of {name}: {} of {all} cases apply; {others} are ignored, for want of [{cannot}]",
        all - others,
    );
    for ability in Ability::ALL {
        let (says, lists) = (
            setup.abilities().contains(&ability),
            without.contains(&ability),
        );
        assert!(
            says != lists,
            "{name}: the macro lists {without:?} as what the setup cannot do, and the setup says {:?}",
            setup.abilities()
        );
    }
}

/// What an ignored test does if it is run all the same.
#[doc(hidden)]
pub fn does_not_apply(ability: Ability) {
    panic!("this case does not apply: the setup cannot {ability}");
}
