//! Owns [`Trouble`], one reason why a record is not valid in the form in which a repair needs it:
//! the place as segments, and the names that it is about. It is what a `Violation` is to people,
//! and stays within the crate.

use std::cmp::Ordering;

use jsonschema::{ValidationError, error::ValidationErrorKind as Kind};

use crate::{
    explain,
    pointer::{self, Pointer},
};

/// One thing that is wrong with a record, and where.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    /// The place in the text that was checked.
    pub(crate) path: Vec<String>,
    pub(crate) keyword: String,
    pub(crate) about: About,
}

/// What is wrong at a place.
#[derive(Clone, Debug)]
pub(crate) enum About {
    /// The value.
    Value,
    /// A member is not there which has to be.
    Missing(String),
    /// The member or item itself may not be there.
    Unwanted,
    /// No member may be there.
    AnyMember,
    /// No item may be there from this one on.
    ItemsFrom(usize),
    /// As many of the items are not wanted; most likely the last ones.
    LastItems(usize),
    /// An item stands twice.
    Repeated,
}

impl Trouble {
    /// What an error tells. One error may be about several names.
    pub(crate) fn of(error: &ValidationError<'_>, found: &mut Vec<Trouble>) {
        let Ok(place) = Pointer::parse(error.instance_path().as_str()) else {
            return;
        };
        let keyword = explain::keyword(error);
        let mut add = |name: Option<&str>, about: About| {
            let mut path = place.segments().to_vec();
            path.extend(name.map(str::to_owned));
            found.push(Trouble {
                path,
                keyword: keyword.to_owned(),
                about,
            });
        };
        match error.kind() {
            Kind::Required { property } => match property.as_str() {
                Some(name) => add(None, About::Missing(name.to_owned())),
                None => add(None, About::Value),
            },
            Kind::AdditionalProperties { unexpected }
            | Kind::UnevaluatedProperties { unexpected } => {
                for name in unexpected {
                    add(Some(name), About::Unwanted);
                }
            }
            Kind::PropertyNames { error } => match error.instance().as_str() {
                Some(name) => add(Some(name), About::Unwanted),
                None => add(None, About::Value),
            },
            Kind::FalseSchema if explain::is_closed(error) => add(None, About::AnyMember),
            Kind::FalseSchema => add(None, About::Unwanted),
            Kind::AdditionalItems { limit } => add(None, About::ItemsFrom(*limit)),
            Kind::UnevaluatedItems { unexpected } => add(None, About::LastItems(unexpected.len())),
            Kind::UniqueItems => add(None, About::Repeated),
            _ => add(None, About::Value),
        }
    }

    /// Whether it is only that something is there. Such a trouble may be the consequence of
    /// another: what an invalid branch of the schema names counts as named by nobody.
    fn is_of_presence(&self) -> bool {
        !matches!(self.about, About::Value | About::Missing(_))
    }

    /// The order in which troubles are met: what is inside comes before what it is in, and the
    /// last item of an array first, so that the places of the others stay true.
    pub(crate) fn order(&self, other: &Trouble) -> Ordering {
        let places = || {
            let mut pairs = self.path.iter().zip(&other.path);
            pairs
                .find_map(|(one, two)| {
                    let order = match (pointer::array_index(one), pointer::array_index(two)) {
                        (Some(one), Some(two)) => two.cmp(&one),
                        (one, two) => one.is_some().cmp(&two.is_some()),
                    };
                    let order = order.then_with(|| one.cmp(two));
                    order.is_ne().then_some(order)
                })
                .unwrap_or_else(|| other.path.len().cmp(&self.path.len()))
        };
        self.is_of_presence()
            .cmp(&other.is_of_presence())
            .then_with(places)
    }
}
