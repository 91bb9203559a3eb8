//! Running a scene in one order of its threads after the other.
//!
//! Owns [`explore`], and how many orders are enough. What a scene is, and what must hold in it, is `main.rs`.

use std::sync::Once;

use larder_core::sync::stop_time;
use larder_figures::{Kind, Proof};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler, UrwRandomScheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use crate::disk::SCRIPTED;

/// How many orders each of the three schedulers chooses.
fn orders() -> usize {
    match std::env::var("LARDER_PROOF").as_deref() {
        Ok("long") => 50_000,
        _ => 500,
    }
}

/// Runs the scene in random orders: with every thread as likely as another at each step; with every whole
/// order about as likely as another; and with one thread kept back until the others can do no more, but for
/// three changes.
pub(crate) fn explore(name: &str, scene: impl Fn() + Clone + Send + Sync + 'static) {
    let proof = Proof::begin("orders of threads", name);
    let orders = in_many_orders(scene);
    println!("{name}: {orders} orders of threads");
    proof.done(&[(Kind::Orders, orders as u64)]);
}

/// As [`explore`], and counts them only.
pub(crate) fn in_many_orders(scene: impl Fn() + Clone + Send + Sync + 'static) -> usize {
    let each = orders();
    run(RandomScheduler::new(each), scene.clone())
        + run(UrwRandomScheduler::new(each), scene.clone())
        + run(PctScheduler::new(3, each), scene)
}

fn run(scheduler: impl Scheduler + 'static, scene: impl Fn() + Send + Sync + 'static) -> usize {
    let mut config = Config::default();
    config.failure_persistence = FailurePersistence::Print;
    // Where threads only wake each other for ever.
    config.max_steps = MaxSteps::FailAfter(100_000);
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(move || {
        keep_silent_about_the_script();
        stop_time();
        scene();
    })
}

/// The scheduler tells of every panic, also of one that is part of a scene and is caught.
fn keep_silent_about_the_script() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload_as_str() != Some(SCRIPTED) {
                tell(panic);
            }
        }));
    });
}
