//! Keys of the reference: what a field is compared as, written from the documentation of `Key`.
//!
//! Owns [`K`] and its order, and reading keys from plain JSON. Nothing of Larder's is used.

use std::cmp::Ordering;

use serde_json::Value;

/// A number, however it was written.
#[derive(Clone, Copy, Debug)]
pub enum N {
    Int(i128),
    Float(f64),
}

impl N {
    /// The part before the point, the part behind it, and the whole for what is beyond both.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, or was cut off before"
    )]
    fn parts(self) -> (i128, f64, f64) {
        match self {
            Self::Int(int) => (int, 0.0, 0.0),
            // The cast saturates; only what saturates is told apart by the third part.
            Self::Float(float) if float.abs() > 1e38 => (float as i128, 0.0, float),
            Self::Float(float) => (float.trunc() as i128, float.fract(), 0.0),
        }
    }

    fn order(self, other: Self) -> Ordering {
        let (a, b) = (self.parts(), other.parts());
        a.0.cmp(&b.0)
            .then(a.1.partial_cmp(&b.1).unwrap())
            .then(a.2.partial_cmp(&b.2).unwrap())
    }
}

/// A key: none, then bools, then numbers by value, then text bytewise, then compound keys.
#[derive(Clone, Debug)]
pub enum K {
    None,
    Bool(bool),
    Num(N),
    Text(String),
    Comp(Vec<K>),
}

impl K {
    pub fn int(value: impl Into<i128>) -> Self {
        Self::Num(N::Int(value.into()))
    }

    pub fn float(value: f64) -> Self {
        Self::Num(N::Float(value))
    }

    pub fn text(value: &str) -> Self {
        Self::Text(value.to_owned())
    }

    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether a unique index enforces it.
    pub fn is_enforced(&self) -> bool {
        match self {
            Self::None => false,
            Self::Comp(parts) => !parts.iter().any(K::is_none),
            _ => true,
        }
    }

    pub fn kind(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Bool(_) => 1,
            Self::Num(_) => 2,
            Self::Text(_) => 3,
            Self::Comp(_) => 4,
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::None,
            Value::Bool(value) => Self::Bool(*value),
            Value::String(text) => Self::text(text),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(int), _) => Self::int(int),
                (_, Some(int)) => Self::int(int),
                _ => Self::float(number.as_f64().unwrap()),
            },
            other => panic!("{other} is no key"),
        }
    }

    /// The keys of a record at these paths: sorted, each once, none for nothing.
    pub fn read(json: &Value, paths: &[&str], multi: bool) -> Vec<Self> {
        let at = |path: &str| json.pointer(path).unwrap_or(&Value::Null);
        let mut keys = match paths {
            [path] if multi => at(path).as_array().unwrap().iter().map(Self::of).collect(),
            [path] => vec![Self::of(at(path))],
            paths => vec![Self::Comp(
                paths.iter().map(|path| Self::of(at(path))).collect(),
            )],
        };
        keys.sort();
        keys.dedup();
        if keys.is_empty() {
            keys.push(Self::None);
        }
        keys
    }
}

impl Ord for K {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Num(a), Self::Num(b)) => a.order(*b),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Comp(a), Self::Comp(b)) => a.cmp(b),
            (a, b) => a.kind().cmp(&b.kind()),
        }
    }
}

impl PartialOrd for K {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for K {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for K {}

#[test]
fn the_reference_orders_keys_as_the_documentation_says() {
    let ascending = [
        K::None,
        K::Bool(false),
        K::Bool(true),
        K::float(-1e300),
        K::int(i64::MIN),
        K::float(-1.5),
        K::int(-1),
        K::float(-1e-20),
        K::float(-0.0),
        K::float(1e-20),
        K::int(9_007_199_254_740_992_i64),
        K::int(9_007_199_254_740_993_i64),
        K::int(u64::MAX),
        K::float(1e38),
        K::float(1e300),
        K::text(""),
        K::text("B"),
        K::text("a"),
        K::text("é"),
        K::Comp(vec![K::int(1), K::None]),
        K::Comp(vec![K::int(1), K::text("")]),
    ];
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(a.cmp(b), i.cmp(&j), "{a:?} against {b:?}");
        }
    }
    assert_eq!(K::float(1.0), K::int(1));
}
