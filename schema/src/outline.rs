//! Owns comparing two JSON texts by their outline: brackets and names, not values. It is asked on
//! every save over a stored record, so it allocates nothing; it does not say where they differ.

/// Whether both texts have the same brackets and the same names in the same order, so that they
/// differ in scalars at most. `false` where that cannot be told. Both are valid JSON; of anything
/// else the answer means nothing.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
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
    use super::is_same;

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
