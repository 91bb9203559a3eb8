//! The stores of an agent orchestrator, on [`larder`]: sessions, human-approval gates, monitor runs and
//! projects.
//!
//! No backend is named here: each store is made over a [`larder::Store`], whatever that is over. The
//! records are those of the program whose files the samples are, field for field, so that it can read
//! them back; fields that are not known here stay.
//!
//! | store | record | what survives what |
//! |---|---|---|
//! | [`Sessions`](session::Sessions) | [`Session`](session::Session) | what `create` gave, and what was awaited, survives a loss of power |
//! | [`Projects`](project::Projects) | [`Project`](project::Project) | what was given survives a loss of power. The shortest complete store: copy it |
//! | [`Gates`](gate::Gates) | [`Gate`](gate::Gate) | who was asked is asked still, and what was decided is decided |
//! | [`MonitorRuns`](monitor_run::MonitorRuns) | [`MonitorRun`](monitor_run::MonitorRun) | a session has one running run at most, and none runs without an owner after a start |
//!
//! How they work together is shown by a program that may be killed at any moment, `examples/orchestrator`
//! in the repository: a session and its first gate are made in one transaction, decided by a person, and
//! driven by a monitor; each start goes on where the last one was.
//!
//! ```sh
//! cargo run -p larder-stores --example orchestrator -- json:./demo
//! cargo run -p larder-stores --example orchestrator -- sqlite:./demo.db --auto
//! ```
//!
//! ```
//! use larder::{RepositoryExt, Store};
//! use larder_stores::{Options, project::{Project, Projects}};
//!
//! # let dir = tempfile::tempdir().unwrap();
//! # let url = format!("json:{}", dir.path().display());
//! let store = Store::open(url)?; // "json:./data", "sqlite:./data.db", "memory:"
//! let projects = Projects::open(&store, Options::new())?;
//! let atlas = projects.register("atlas", "/srv/atlas")?; // on disk
//! projects.update(&atlas.id, |it| it.personality = Some("dry".into()))?;
//! let found = projects.repository.find_one(Project::NAME.is("atlas"))?;
//! assert_eq!(found.unwrap().personality.as_deref(), Some("dry"));
//! assert!(projects.register("atlas", "/srv/other").is_err()); // says who has the name
//! # Ok::<(), larder_stores::Error>(())
//! ```

pub mod bus;
mod clock;
mod error;
pub mod event;
pub mod gate;
mod ids;
mod kept;
pub mod monitor_run;
mod number;
mod options;
pub mod project;
pub mod session;

pub use bus::{Bus, Told};
pub use clock::{Clock, SetClock, SystemClock};
pub use error::{Error, Result};
pub use event::Event;
pub use ids::{Ids, RandomIds, SerialIds};
pub use kept::Kept;
pub use number::Cost;
pub use options::Options;
