//! Whether this program may open a file: its format, and the version of its records.
//!
//! Owns [`Age`], and refusing what is newer. What is done with records of another version is
//! `load.rs`.

use std::path::Path;

use larder_core::backend::Admission;
use larder_core::{Data, Error, OnNewer, Options};

use crate::error::JsonError;
use crate::scan::{Kind, Scan};

/// The version of a collection's data, compared with what the program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// The same, or there is no data.
    Same,
    Older(u32),
    Newer(u32),
}

/// Whether the data is of another version than the program's, and may be opened nevertheless.
pub(crate) fn age_of<T: Data>(
    path: &Path,
    scan: Option<&Scan>,
    said: Option<u32>,
    admission: &Admission<T>,
    options: &Options,
) -> Result<Age, Error> {
    let known = admission.collection().version();
    let found = match (scan.map(|scan| scan.says.1), said) {
        (Some(Some(says)), _) => says,
        (_, Some(said)) => u64::from(said),
        // A file that another program wrote is of the first version, where that matters.
        (Some(None), None) if admission.migrates(1) => 1,
        (_, None) => u64::from(known),
    };
    match u32::try_from(found) {
        Ok(found) if found < known => {
            admission.check_migrations(found)?;
            Ok(Age::Older(found))
        }
        Ok(found) if found == known => Ok(Age::Same),
        Ok(found) if options.on_newer == OnNewer::ReadOnly => Ok(Age::Newer(found)),
        _ => Err(JsonError::NewerVersion {
            path: path.to_owned(),
            found,
            known,
        }
        .into()),
    }
}

/// Refuses a file that is not a store's, or of a newer format.
pub(crate) fn check_header(path: &Path, scan: &Scan) -> Result<(), JsonError> {
    if scan.kind == Kind::Unrecognised {
        return Err(JsonError::Unrecognised {
            path: path.to_owned(),
        });
    }
    let path = path.to_owned();
    match scan.says {
        (Some(found), _) if found > crate::format::FORMAT => {
            Err(JsonError::NewerFormat { path, found })
        }
        _ => Ok(()),
    }
}
