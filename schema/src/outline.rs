//! Owns comparing two JSON texts by their outline: brackets and names, not values. It is asked on
//! every save over a stored record, so it allocates nothing; it does not say where they differ.

/// Whether both texts have the same brackets and the same names in the same order, so that they
/// differ in scalars at most. `false` where that cannot be told. Both are valid JSON; of anything
/// else the answer means nothing.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    is_same_at_a_glance(one.as_bytes(), other.as_bytes()) || is_same_by_parts(one, other)
}

/// As [`is_same`], by a look at the places only where they differ, which is much less work and tells
/// nothing of texts that differ much.
///
/// Up to where they first differ they are the same, so whatever that place is in one (within a number, a
/// string, a name), it is in the other. Over bytes that are part of a scalar, or of a string, it stays
/// that; and what is behind them is compared again. So they can be otherwise only within a name, or where
/// one has no scalar at all: both are left to the other way.
fn is_same_at_a_glance(mut one: &[u8], mut other: &[u8]) -> bool {
    let mut before = None;
    loop {
        let alike = alike(one, other);
        if let Some(last) = alike.checked_sub(1) {
            before = one.get(last).copied();
        }
        (one, other) = (after(one, alike), after(other, alike));
        if one.is_empty() && other.is_empty() {
            return true;
        }
        let (here, there) = (part_of_scalar(one), part_of_scalar(other));
        // Where only one goes on, a scalar must have begun.
        if (here == 0 || there == 0) && (here == there || !before.is_some_and(is_part_of_scalar)) {
            return false;
        }
        (one, other) = (after(one, here), after(other, there));
        if may_end_name(one) {
            return false;
        }
    }
}

fn after(bytes: &[u8], place: usize) -> &[u8] {
    bytes.get(place..).unwrap_or_default()
}

/// How many bytes both begin with.
fn alike(mut one: &[u8], mut other: &[u8]) -> usize {
    const AT_ONCE: usize = 32;
    let mut alike = 0;
    while let (Some((a, rest)), Some((b, others))) = (
        one.split_first_chunk::<AT_ONCE>(),
        other.split_first_chunk::<AT_ONCE>(),
    ) && a == b
    {
        alike += AT_ONCE;
        (one, other) = (rest, others);
    }
    let rest = one.iter().zip(other);
    alike + rest.take_while(|(a, b)| a == b).count()
}

/// Whether a byte, outside of a string, is part of a scalar, and in one neither ends it nor is any
/// character but itself.
fn is_part_of_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || matches!(byte, b'+' | b'-' | b'.' | b'_')
}

fn part_of_scalar(bytes: &[u8]) -> usize {
    let mut bytes = bytes.iter();
    let other = bytes.position(|byte| !is_part_of_scalar(*byte));
    other.unwrap_or(bytes.len())
}

/// Whether this may be the end of a name.
fn may_end_name(bytes: &[u8]) -> bool {
    let Some(quote) = memchr::memchr2(b'"', b'\\', bytes) else {
        return false;
    };
    // Behind a backslash there may be a quote that ends nothing.
    if bytes.get(quote) != Some(&b'"') {
        return true;
    }
    let mut behind = after(bytes, quote + 1).iter();
    let first = behind.find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    first == Some(&b':')
}

fn is_same_by_parts(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (Cursor::new(one), Cursor::new(other));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (one, other) if one == other => {}
            _ => return false,
        }
    }
}

/// What an outline consists of.
#[derive(PartialEq, Eq)]
enum Part<'a> {
    Bracket(u8),
    /// A name as it is spelt.
    Name(&'a [u8]),
    Scalar,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The bytes up to the first of which this holds.
    fn until(&mut self, holds: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest
            .iter()
            .position(|byte| holds(*byte))
            .unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    fn next(&mut self) -> Option<Part<'a>> {
        self.until(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':'));
        match self.peek()? {
            bracket @ (b'{' | b'}' | b'[' | b']') => {
                self.at += 1;
                Some(Part::Bracket(bracket))
            }
            b'"' => {
                let string = self.string();
                let after = self.at;
                self.until(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
                if self.peek() == Some(b':') {
                    return Some(Part::Name(string));
                }
                self.at = after;
                Some(Part::Scalar)
            }
            _ => {
                self.until(|byte| {
                    matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r')
                });
                Some(Part::Scalar)
            }
        }
    }

    /// The string that begins here, with its quotes.
    fn string(&mut self) -> &'a [u8] {
        let start = self.at;
        self.at += 1;
        while let Some(found) = self
            .bytes
            .get(self.at..)
            .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
        {
            self.at += found;
            if self.peek() == Some(b'"') {
                self.at += 1;
                return self.bytes.get(start..self.at).unwrap_or_default();
            }
            self.at += 2;
        }
        self.at = self.bytes.len();
        self.bytes.get(start..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::{is_same, is_same_at_a_glance, is_same_by_parts};

    /// Pieces of which most that are put together are near to each other, and all are JSON.
    fn json() -> impl Strategy<Value = String> {
        let scalar = prop::sample::select(vec![
            "1",
            "12",
            "-1.5e+3",
            "true",
            "null",
            r#""""#,
            r#""a""#,
            r#""ab""#,
            r#""a,b""#,
            r#""a: b""#,
            r#""\"""#,
            r#""\\""#,
            r#""a\"b""#,
            r#""\n""#,
            r#""é""#,
            r#""è,""#,
            r#""}""#,
        ]);
        let scalar = scalar.prop_map(str::to_owned);
        scalar.prop_recursive(3, 12, 3, |inner| {
            let name = prop::sample::select(vec!["a", "ab", "b", "a,", ":", r#"\""#, "é"]);
            let space = prop::sample::select(vec!["", " "]);
            let member = (name, space, inner.clone())
                .prop_map(|(name, space, value)| format!("\"{name}\"{space}:{value}"));
            prop_oneof![
                vec(inner, 0..3).prop_map(|items| format!("[{}]", items.join(","))),
                vec(member, 0..3).prop_map(|members| format!("{{{}}}", members.join(","))),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_the_same_at_a_glance_is_the_same(one in json(), other in json()) {
            let glance = is_same_at_a_glance(one.as_bytes(), other.as_bytes());
            prop_assert!(!glance || is_same_by_parts(&one, &other), "{one} {other}");
            prop_assert!(is_same_at_a_glance(one.as_bytes(), one.as_bytes()));
        }
    }

    #[test]
    fn a_record_that_was_changed_is_the_same_at_a_glance() {
        let text = r#"{"id":"fix-1","turn":12,"cost":0.5,"open":true,"who":"ann","tags":["a b"]}"#;
        for changed in [
            r#"{"id":"fix-1","turn":9,"cost":0.75,"open":true,"who":"ann","tags":["a b"]}"#,
            r#"{"id":"fix-1","turn":123,"cost":1,"open":false,"who":"bob","tags":["a c"]}"#,
        ] {
            assert!(
                is_same_at_a_glance(text.as_bytes(), changed.as_bytes()),
                "{changed}"
            );
        }
        for other in [
            r#"{"id":"fix-1","turns":12,"cost":0.5,"open":true,"who":"ann","tags":["a b"]}"#,
            r#"{"id":"fix-1","turn":12,"cost":0.5,"open":true,"why":"ann","tags":["a b"]}"#,
            r#"{"id":"fix-1","turn":12,"cost":0.5,"open":true,"who":"ann","tags":[]}"#,
        ] {
            assert!(
                !is_same_at_a_glance(text.as_bytes(), other.as_bytes()),
                "{other}"
            );
        }
    }

    #[test]
    fn values_do_not_count_and_all_else_does() {
        let text = r#"{"a":1,"b":[true,{"c\"":"x:{"},null],"d":{}}"#;
        for same in [
            text,
            "{ \"a\" : \"}\",\"b\":[ 0 ,{\"c\\\"\":-1e3} , \"\\\\\"],\n\"d\":{}}",
        ] {
            assert!(is_same(text, same), "{same}");
            assert!(is_same(same, text), "{same}");
        }
        for other in [
            r#"{"a":1,"b":[true,{"c\"":"x:{"},null],"e":{}}"#,
            r#"{"b":[true,{"c\"":"x:{"},null],"a":1,"d":{}}"#,
            r#"{"a":1,"b":[true,{"c\"":"x:{"}],"d":{}}"#,
            r#"{"a":1,"b":[true,{"c\"":"x:{"},null],"d":{"x":1}}"#,
            r#"{"a":{},"b":[true,{"c\"":"x:{"},null],"d":{}}"#,
            r#"{"a":1,"b":[true,{"c\"":"x:{"},null],"d":null}"#,
        ] {
            assert!(!is_same(text, other), "{other}");
            assert!(!is_same(other, text), "{other}");
        }
    }
}
