//! The process of one contender.
//!
//! It has its heap to itself, so its memory can be told and nobody's fragments are in its way. It is
//! asked for turns on standard input, one a line, and answers on standard output. When there is nothing
//! more to read it closes the contender and tells how much memory that took.

use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::clock::process;
use super::turn::{Bench, spent_since, turn};
use super::{Act, Ask, Turn, memory};
use crate::contenders::by_hand::{ByHand, Maps};
use crate::contenders::checked::Checked;
use crate::contenders::floor::{Copied, Floor};
use crate::contenders::larder::Larder;
use crate::contenders::native::NativeDb;
use crate::contenders::redb::Redb;
use crate::contenders::rustbreak::Rustbreak;
use crate::contenders::sqlite::Plain;
use crate::contenders::{Contender, Kind, Place};
use crate::outcome::{Outcome, fail};
use crate::records::session;

/// What a process is started for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) kind: Kind,
    pub(crate) dir: PathBuf,
    pub(crate) records: u64,
    /// Whether opening is what it is asked for: then nothing is opened before.
    pub(crate) fresh: bool,
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// It may be asked.
    Ready,
    Turn(Turn),
    Done(Done),
}

/// What is known at the end.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    /// The most memory while it was asked, and what it had at the end, beyond an empty process.
    pub(crate) peak: Option<u64>,
    pub(crate) kept: Option<u64>,
    /// The bytes in its files.
    pub(crate) bytes: u64,
}

/// Does a job.
pub(crate) fn run(job: &Job) -> Outcome {
    match job.kind {
        Kind::Memory | Kind::Json | Kind::Sqlite => serve::<Larder>(job),
        Kind::Maps => serve::<Maps>(job),
        Kind::ByHand => serve::<ByHand>(job),
        Kind::Checked => serve::<Checked>(job),
        Kind::Rustbreak => serve::<Rustbreak>(job),
        Kind::SqliteFull | Kind::SqliteNormal => serve::<Plain>(job),
        Kind::Redb => serve::<Redb>(job),
        Kind::NativeDb => serve::<NativeDb>(job),
        Kind::Floor => serve::<Floor>(job),
        Kind::Copy => serve::<Copied>(job),
    }
}

fn serve<C: Contender>(job: &Job) -> Outcome {
    let empty = memory::resident();
    let place = Place {
        kind: job.kind,
        dir: job.dir.clone(),
        records: job.records,
    };
    std::fs::create_dir_all(&place.dir)?;
    if job.fresh {
        return serve_open::<C>(&place, empty);
    }
    let contender = filled::<C>(&place)?;
    memory::forget_peak();
    answer(&Reply::Ready)?;
    let mut bench = Bench::new(&contender, place.records);
    for line in std::io::stdin().lock().lines() {
        let ask: Ask = serde_json::from_str(&line?)?;
        answer(&Reply::Turn(bench.turn(&ask)?))?;
    }
    drop(bench);
    let done = done(&place, empty);
    contender.close()?;
    answer(&Reply::Done(done))
}

/// Opens once, and until the first record was read.
fn serve_open<C: Contender>(place: &Place, empty: Option<u64>) -> Outcome {
    let id = session(place.records / 2).id;
    memory::forget_peak();
    answer(&Reply::Ready)?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let ask: Ask = serde_json::from_str(&line)?;
    if ask.act != Act::Open {
        return fail("this process only opens");
    }
    let (start, before) = (Instant::now(), process());
    let contender = C::open(place)?;
    let found = contender.get(&id)?.is_some();
    let spent = start.elapsed();
    let processor = spent_since(before, 1);
    if !found {
        return fail("what was opened does not have its records");
    }
    answer(&Reply::Turn(Turn {
        processor,
        ..turn(spent, 1)
    }))?;
    let done = done(place, empty);
    contender.close()?;
    answer(&Reply::Done(done))
}

/// Opens a contender with all its records; on disk they may be there from another case.
fn filled<C: Contender>(place: &Place) -> Outcome<C> {
    let marker = place.file("filled");
    let contender = C::open(place)?;
    if place.kind == Kind::Memory || !marker.exists() {
        contender.fill(place.records)?;
        std::fs::File::create_new(&marker).or_else(|error| {
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                std::fs::File::open(&marker)
            } else {
                Err(error)
            }
        })?;
    }
    Ok(contender)
}

fn done(place: &Place, empty: Option<u64>) -> Done {
    let beyond = |bytes: Option<u64>| Some(bytes?.saturating_sub(empty?));
    Done {
        peak: beyond(memory::peak()),
        kept: beyond(memory::resident()),
        bytes: place.bytes(),
    }
}

fn answer(reply: &Reply) -> Outcome {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, reply)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Where a contender with so many records has its directory.
pub(crate) fn dir_of(work: &Path, kind: Kind, records: u64) -> PathBuf {
    work.join(format!("{kind:?}-{records}").to_lowercase())
}
