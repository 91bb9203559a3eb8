//! What no way of doing it can leave out.
//!
//! [`Floor`] has the bytes of the file ready: a flush writes them, an open reads them, a save encodes
//! the record and throws the text away. [`Copied`] copies the same bytes in memory.

#![expect(
    clippy::disallowed_methods,
    reason = "the least that has to be done is done here by hand"
)]

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::{Contender, Place, sync_dir};
use crate::outcome::Outcome;
use crate::records::{Session, session};

/// The text of all records, one a line, as our file has them.
fn text(records: u64) -> Outcome<Vec<u8>> {
    let mut text = b"[\n".to_vec();
    for number in 0..records {
        serde_json::to_writer(&mut text, &session(number))?;
        text.extend_from_slice(b",\n");
    }
    text.extend_from_slice(b"]\n");
    Ok(text)
}

pub(crate) struct Floor {
    bytes: Vec<u8>,
    path: PathBuf,
}

impl Contender for Floor {
    type Held = ();

    fn open(place: &Place) -> Outcome<Self> {
        let path = place.file("sessions.json");
        let bytes = if path.exists() {
            std::fs::read(&path)?
        } else {
            text(place.records)?
        };
        Ok(Self { bytes, path })
    }

    fn fill(&self, _records: u64) -> Outcome {
        self.flush()
    }

    fn get(&self, _id: &str) -> Outcome<Option<()>> {
        // Nothing is parsed, so there is nothing to find.
        Ok(Some(()))
    }

    fn save(&self, session: Session) -> Outcome {
        drop(black_box(serde_json::to_string(black_box(&session))?));
        Ok(())
    }

    fn flush(&self) -> Outcome {
        let temp = self.path.with_extension("tmp");
        let mut file = File::create(&temp)?;
        file.write_all(&self.bytes)?;
        file.sync_all()?;
        drop(file);
        std::fs::rename(&temp, &self.path)?;
        sync_dir(self.path.parent().unwrap_or(&self.path))
    }
}

pub(crate) struct Copied {
    bytes: Vec<u8>,
    copy: Mutex<Vec<u8>>,
}

impl Contender for Copied {
    type Held = ();

    fn open(place: &Place) -> Outcome<Self> {
        let bytes = text(place.records)?;
        let copy = Mutex::new(bytes.clone());
        Ok(Self { bytes, copy })
    }

    fn fill(&self, _records: u64) -> Outcome {
        Ok(())
    }

    fn save(&self, _session: Session) -> Outcome {
        Ok(())
    }

    fn flush(&self) -> Outcome {
        let mut copy = self.copy.lock().unwrap_or_else(PoisonError::into_inner);
        copy.copy_from_slice(black_box(&self.bytes));
        black_box(&*copy);
        Ok(())
    }
}
