//! Owns [`Migrations`], the functions that bring a record from one version to the next, and the
//! way back from a changed value to a text in which nothing else has changed. It does not know
//! which version a record has, and keeps no copy of what it changes.

use std::{
    borrow::Cow,
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
};

use serde_json::Value;

use crate::{
    migration_error::MigrationError,
    raw::{self, Member, Raw},
    tree::{MAX_DEPTH, Tree},
};

type Step = dyn Fn(&mut Value) -> Result<(), MigrationError> + Send + Sync;

/// Functions that bring a record from one version of its type to the next. They chain, from any
/// older version. Clones share them.
///
/// ```
/// use larder_schema::Migrations;
/// use serde_json::json;
///
/// let migrations = Migrations::new()
///     .step(1, |session| {
///         let members = session.as_object_mut().ok_or("it is no object")?;
///         let model = members.remove("model").ok_or("it has no model")?;
///         members.insert("engine".to_owned(), model);
///         Ok(())
///     })
///     .step(2, |session| {
///         session["turn"] = json!(0);
///         Ok(())
///     });
/// migrations.check(1, 3)?;
///
/// let migrated = migrations.apply(r#"{"id":"a","model":"m","cost":1.50}"#, 1, 3)?;
/// assert_eq!(migrated, r#"{"id":"a","cost":1.50,"engine":"m","turn":0}"#);
/// # Ok::<(), larder_schema::MigrationError>(())
/// ```
#[derive(Clone, Default)]
pub struct Migrations {
    steps: Vec<(u32, Arc<Step>)>,
}

impl Migrations {
    /// No steps: every record has the one version there is.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the step from version `from` to the one after it.
    ///
    /// `migrate` changes the record in place. If it fails or panics, the record is left as it
    /// was, and that one only is not migrated. A message of a panic is written to standard error
    /// as always, so it should hold no value of the record either.
    ///
    /// The records of a large file may be migrated by several threads at once, in any order.
    ///
    /// Two steps from one version are a mistake, which [`Migrations::check`] reports.
    #[must_use]
    pub fn step(
        mut self,
        from: u32,
        migrate: impl Fn(&mut Value) -> Result<(), MigrationError> + Send + Sync + 'static,
    ) -> Self {
        self.steps.push((from, Arc::new(migrate)));
        self
    }

    /// Whether there is no step.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether the steps lead from version `from` to version `to`.
    ///
    /// # Errors
    ///
    /// If a step on the way is missing, if two begin at one version, or if one begins at `to` or
    /// beyond it; and if `from` is beyond `to`, since there is no way back.
    pub fn check(&self, from: u32, to: u32) -> Result<(), MigrationError> {
        if let Some((version, _)) = self.steps.iter().find(|(version, _)| *version >= to) {
            return Err(MigrationError::new(format!(
                "there is a migration from version {version}, and the newest version is {to}"
            )));
        }
        let mut versions: Vec<u32> = self.steps.iter().map(|(version, _)| *version).collect();
        versions.sort_unstable();
        let mut pairs = versions.iter().zip(versions.iter().skip(1));
        if let Some((version, _)) = pairs.find(|(one, other)| one == other) {
            return Err(given_twice(*version));
        }
        self.way(from, to).map(drop)
    }

    /// Migrates one record, given as JSON text.
    ///
    /// In the text that comes out, members that were there before keep their order and, where the
    /// steps did not change the value, its exact spelling, at any depth; new members come last in
    /// their object. Items of an array are matched by position. If `from` is `to`, the text comes
    /// out as it is.
    ///
    /// # Errors
    ///
    /// If a step fails or panics, if a step on the way is missing or given twice, if `from` is
    /// beyond `to`, if the text is not JSON, or if the record comes out nested deeper than 127
    /// levels.
    pub fn apply(&self, text: &str, from: u32, to: u32) -> Result<String, MigrationError> {
        let way = self.way(from, to)?;
        if way.is_empty() {
            return Ok(text.to_owned());
        }
        let tree = Tree::parse(text)
            .map_err(|error| MigrationError::new(format!("the record is not JSON: {error}")))?;
        let old = tree.to_value();
        let new = migrated(old.clone(), &way)?;
        let mut written = String::with_capacity(text.len());
        write(&new, &old, text.trim(), &mut written);
        Ok(written)
    }

    /// As [`Migrations::apply`], on a value in memory. An error leaves it as it was.
    ///
    /// # Errors
    ///
    /// As those of [`Migrations::apply`].
    pub fn apply_value(&self, value: &mut Value, from: u32, to: u32) -> Result<(), MigrationError> {
        let way = self.way(from, to)?;
        if !way.is_empty() {
            *value = migrated(value.clone(), &way)?;
        }
        Ok(())
    }

    /// The steps between two versions, in order.
    fn way(&self, from: u32, to: u32) -> Result<Vec<(u32, &Step)>, MigrationError> {
        if from > to {
            return Err(MigrationError::new(format!(
                "there is no way back from version {from} to {to}"
            )));
        }
        // The range may be long, but the first step that is missing ends it.
        (from..to)
            .map(|version| {
                let mut steps = self.steps.iter().filter(|(from, _)| *from == version);
                match (steps.next(), steps.next()) {
                    (Some((_, step)), None) => Ok((version, &**step)),
                    (None, _) => Err(MigrationError::new(format!(
                        "there is no migration from version {version} to {}",
                        version.saturating_add(1)
                    ))),
                    (Some(_), Some(_)) => Err(given_twice(version)),
                }
            })
            .collect()
    }
}

/// The versions from which there are steps.
impl fmt::Debug for Migrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Migrations")?;
        f.debug_list()
            .entries(self.steps.iter().map(|(from, _)| from))
            .finish()
    }
}

fn given_twice(version: u32) -> MigrationError {
    MigrationError::new(format!(
        "there are two migrations from version {version} to {}",
        version.saturating_add(1)
    ))
}

fn migrated(mut value: Value, way: &[(u32, &Step)]) -> Result<Value, MigrationError> {
    for (from, step) in way {
        // The value is nobody else's, and is dropped if the step panics half-way.
        panic::catch_unwind(AssertUnwindSafe(|| step(&mut value)))
            .unwrap_or_else(|_| Err(MigrationError::new("the migration panicked")))
            .map_err(|error| error.at(*from))?;
        if Tree::of_value(&value).is_err() {
            let message = format!("the record comes out nested deeper than {MAX_DEPTH} levels");
            return Err(MigrationError::new(message).at(*from));
        }
    }
    Ok(value)
}

/// Writes `new`, guided by the text of `old`: what is equal stays as it is written there.
fn write(new: &Value, old: &Value, text: &str, written: &mut String) {
    if new == old {
        written.push_str(text);
        return;
    }
    match (new, old, Raw::of(text)) {
        (Value::Object(new), Value::Object(old), Raw::Object(members)) => {
            let below = |new: &Value, old: Option<&Value>, text: &str| {
                let mut written = String::new();
                match old {
                    Some(old) => write(new, old, text, &mut written),
                    None => written.push_str(&new.to_string()),
                }
                Cow::Owned(written)
            };
            let mut kept: Vec<_> = members
                .into_iter()
                .filter_map(|member| {
                    let value = below(
                        new.get(&*member.name)?,
                        old.get(&*member.name),
                        &member.value,
                    );
                    Some(Member { value, ..member })
                })
                .collect();
            let added = new.iter().filter(|(name, _)| !old.contains_key(*name));
            kept.extend(added.map(|(name, value)| Member::new(name, value.to_string())));
            written.push_str(&raw::object(&kept));
        }
        (Value::Array(new), Value::Array(old), Raw::Array(texts)) => {
            written.push('[');
            let before = old.iter().zip(&texts).map(Some);
            for (index, (item, before)) in new
                .iter()
                .zip(before.chain(std::iter::repeat(None)))
                .enumerate()
            {
                written.push_str(if index == 0 { "" } else { "," });
                match before {
                    Some((old, text)) => write(item, old, text, written),
                    None => written.push_str(&item.to_string()),
                }
            }
            written.push(']');
        }
        _ => written.push_str(&new.to_string()),
    }
}
