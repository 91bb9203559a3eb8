//! The other end of a contender's process.
//!
//! Owns starting it, asking it, and its end, whichever way that comes.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::serve::{Done, Job, Reply};
use super::{Ask, Turn};
use crate::outcome::{Outcome, fail};

/// A process that measures one contender.
#[derive(Debug)]
pub(crate) struct Worker {
    kind: &'static str,
    child: Child,
    asks: Option<ChildStdin>,
    replies: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    /// Starts it, and waits until it may be asked.
    pub(crate) fn start(job: &Job) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("contender")
            .arg(serde_json::to_string(job)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(asks), Some(replies)) = (child.stdin.take(), child.stdout.take()) else {
            return fail("a process was started without its pipes");
        };
        let mut worker = Self {
            kind: job.kind.label(),
            child,
            asks: Some(asks),
            replies: BufReader::new(replies).lines(),
        };
        match worker.reply()? {
            Reply::Ready => Ok(worker),
            other => fail(format!("{}: {other:?} comes too early", worker.kind)),
        }
    }

    pub(crate) fn turn(&mut self, ask: &Ask) -> Outcome<Turn> {
        let mut line = serde_json::to_vec(ask)?;
        line.push(b'\n');
        if let Some(asks) = &mut self.asks {
            asks.write_all(&line)?;
            asks.flush()?;
        }
        match self.reply()? {
            Reply::Turn(turn) => Ok(turn),
            other => fail(format!("{}: {other:?} is no turn", self.kind)),
        }
    }

    /// Nothing more is asked.
    pub(crate) fn finish(mut self) -> Outcome<Done> {
        self.asks = None;
        match self.reply()? {
            Reply::Done(done) => {
                self.child.wait()?;
                Ok(done)
            }
            other => fail(format!("{}: {other:?} is no end", self.kind)),
        }
    }

    fn reply(&mut self) -> Outcome<Reply> {
        match self.replies.next() {
            Some(line) => Ok(serde_json::from_str(&line?)?),
            None => fail(format!(
                "the process of {:?} has ended; what it said is above",
                self.kind
            )),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // It may have ended since, and then there is nothing to do.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
