//! What collection an import goes into.
//!
//! Owns [`resolve`]: the options of the command, over the definition that is kept beside the data,
//! over plain defaults; or the definition of a record type, as it is. It only reads; the store keeps
//! the result with the first write.

use larder::{
    Collection, CollectionConfig, Definition, Document, IndexConfig, IndexDefinition,
    Repository as _, Store,
};

use crate::args::{DefinitionArgs, TargetArgs};
use crate::failure::Failure;
use crate::open::Place;

/// The collection of an import.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The collection, with everything about it checked.
    pub(crate) collection: Collection<Document>,
    /// In what it differs from what was there, in words.
    pub(crate) changes: Vec<String>,
}

/// Works out what collection is meant. `there` is the store, opened for reading, if there is one.
///
/// A new definition over old records is legitimate: those that do not satisfy it go to quarantine.
/// Another id field is not, unless every record has it: it would be a way to empty a collection.
pub(crate) fn resolve(
    place: &Place,
    there: Option<&Store>,
    target: &TargetArgs,
    options: &DefinitionArgs,
) -> Result<Resolved, Failure> {
    let name = target.collection();
    if let Some(configured) = place.config().collections.get(name) {
        return match target.record_type {
            Some(_) => Err(Failure::Request(format!(
                "the configuration file {} defines {name:?}, and so does --as {name}: take it out \
                 there, or import with --collection {name}",
                place.typed()
            ))),
            None if options.is_given() => Err(Failure::Request(format!(
                "the configuration file {} defines {name:?}; change the definition there",
                place.typed()
            ))),
            None => Ok(Resolved {
                collection: checked(configured.collection(name)?)?,
                changes: vec![],
            }),
        };
    }
    let definitions = there
        .map(Store::definitions)
        .transpose()?
        .unwrap_or_default();
    let known = definitions
        .into_iter()
        .find(|definition| definition.collection == name);
    let collection = match (target.record_type, &known) {
        // As a program with the type would: what is kept of another definition, it replaces.
        (Some(record_type), _) => record_type.documents()?,
        (None, None) => Collection::from_definition(options.definition(name)?),
        (None, Some(known)) => {
            let wanted = options.definition(name)?;
            Collection::from_definition(merge(known, wanted, options))
        }
    };
    let (Some(known), Some(store)) = (known, there) else {
        return Ok(Resolved {
            collection,
            changes: vec![],
        });
    };
    let wanted = collection.definition()?;
    if wanted.id != known.id {
        let lost = store
            .collection(collection.clone())?
            .load_report()
            .dropped();
        if lost > 0 {
            return Err(Failure::Request(format!(
                "the id of {name:?} is {}, and {lost} of its records have none at {}: nothing was \
                 changed. Import into a new collection or another store instead",
                known.id, wanted.id
            )));
        }
    }
    Ok(Resolved {
        collection,
        changes: changes(&known, &wanted),
    })
}

/// The same collection, or what is wrong with it.
fn checked(collection: Collection<Document>) -> Result<Collection<Document>, Failure> {
    collection.definition()?;
    Ok(collection)
}

impl DefinitionArgs {
    fn is_given(&self) -> bool {
        self.schema.is_some()
            || self.id.is_some()
            || !self.unique.is_empty()
            || !self.index.is_empty()
    }

    /// What the options say, with defaults for what they do not.
    fn definition(&self, name: &str) -> Result<Definition, Failure> {
        if let Some(field) = self.unique.iter().find(|field| field.ends_with("[]")) {
            return Err(Failure::Request(format!(
                "--unique {field}: an index with one entry per element cannot be unique"
            )));
        }
        let mut config = CollectionConfig::default();
        config.id.clone_from(&self.id);
        config.schema.clone_from(&self.schema);
        config.unique = self.unique.iter().map(|fields| index(fields)).collect();
        config.indexes = self.index.iter().map(|fields| index(fields)).collect();
        Ok(config.collection(name)?.definition()?)
    }
}

/// `a` or `a,b`.
fn index(fields: &str) -> IndexConfig {
    if fields.contains(',') {
        IndexConfig::Compound(
            fields
                .split(',')
                .map(|field| field.trim().to_owned())
                .collect(),
        )
    } else {
        IndexConfig::Field(fields.to_owned())
    }
}

/// What was known, with what the options say instead.
fn merge(known: &Definition, wanted: Definition, options: &DefinitionArgs) -> Definition {
    let mut merged = known.clone();
    if options.id.is_some() {
        merged.id = wanted.id;
    }
    if options.schema.is_some() {
        merged.schema = wanted.schema;
    }
    for index in wanted.indexes {
        match merged
            .indexes
            .iter_mut()
            .find(|known| known.name == index.name)
        {
            Some(known) => *known = index,
            None => merged.indexes.push(index),
        }
    }
    merged
}

/// What differs, in words.
fn changes(known: &Definition, wanted: &Definition) -> Vec<String> {
    let mut changes = Vec::new();
    if known.version != wanted.version {
        changes.push(format!("version {}", wanted.version));
    }
    if known.id != wanted.id {
        changes.push(format!("the id is at {}", wanted.id));
    }
    if known.schema != wanted.schema {
        changes.push("another schema".to_owned());
    }
    for index in &wanted.indexes {
        if !known.indexes.contains(index) {
            changes.push(described(index));
        }
    }
    for index in &known.indexes {
        if !wanted.indexes.iter().any(|it| it.name == index.name) {
            changes.push(format!("no {} any more", described(index)));
        }
    }
    changes
}

fn described(index: &IndexDefinition) -> String {
    let kind = if index.unique {
        "unique index"
    } else {
        "index"
    };
    format!("{kind} {}", index.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(unique: &[&str], index: &[&str]) -> DefinitionArgs {
        let owned = |fields: &[&str]| fields.iter().map(|&field| field.to_owned()).collect();
        DefinitionArgs {
            unique: owned(unique),
            index: owned(index),
            ..DefinitionArgs::default()
        }
    }

    #[test]
    fn what_is_not_said_stays() {
        let known = options(&["a"], &["b"]).definition("c").unwrap();
        let more = options(&[], &["b,c", "a"]);
        let merged = merge(&known, more.definition("c").unwrap(), &more);
        let names: Vec<_> = merged
            .indexes
            .iter()
            .map(|index| (&*index.name, index.unique))
            .collect();
        assert_eq!(names, [("a", false), ("b", false), ("b+c", false)]);
        assert_eq!(changes(&known, &merged), ["index a", "index b+c"]);
    }

    #[test]
    fn a_list_cannot_be_unique() {
        assert!(options(&["tags[]"], &[]).definition("c").is_err());
        assert!(options(&[], &["tags[]"]).definition("c").unwrap().indexes[0].multi);
    }
}
