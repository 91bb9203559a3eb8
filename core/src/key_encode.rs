//! From a field to its key, by asking serde.
//!
//! Owns the serializer that turns one field into one [`Key`], so that an index agrees with the
//! JSON that is written: renamed enum variants, newtypes and `Option` come out as serde has them.
//! It does not build JSON and does not allocate beyond the key.

use std::fmt::Display;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{self, Impossible, SerializeSeq, SerializeTuple};

use crate::key::{Key, KeyError};

/// The key that serde writes for this value.
///
/// # Errors
///
/// Not a number, bytes, maps, structs, and enum variants with content are no keys. A tuple or a
/// list becomes a compound key.
pub(crate) fn key_of<V: Serialize + ?Sized>(value: &V) -> Result<Key, KeyError> {
    value.serialize(KeySerializer).map_err(|error| error.0)
}

/// serde wants an error type that any message converts into; keys only need the reason.
#[derive(Debug)]
struct Refused(KeyError);

impl Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<M: Display>(_message: M) -> Self {
        // The message of a foreign Serialize may hold the value itself.
        refuse("the field cannot be serialized as a key")
    }
}

const fn refuse(message: &'static str) -> Refused {
    Refused(KeyError::new(message))
}

const NO_OBJECT: &str = "an object cannot be a key";

struct KeySerializer;

macro_rules! integers {
    ($($method:ident: $type:ty,)*) => {$(
        fn $method(self, value: $type) -> Result<Key, Refused> {
            Ok(Key::int(value))
        }
    )*};
}

impl ser::Serializer for KeySerializer {
    type Ok = Key;
    type Error = Refused;
    type SerializeSeq = Parts;
    type SerializeTuple = Parts;
    type SerializeTupleStruct = Impossible<Key, Refused>;
    type SerializeTupleVariant = Impossible<Key, Refused>;
    type SerializeMap = Impossible<Key, Refused>;
    type SerializeStruct = Impossible<Key, Refused>;
    type SerializeStructVariant = Impossible<Key, Refused>;

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
    }

    fn serialize_u128(self, value: u128) -> Result<Key, Refused> {
        i128::try_from(value)
            .map(Key::int)
            .map_err(|_| refuse("a number beyond 127 bits"))
    }

    fn serialize_bool(self, value: bool) -> Result<Key, Refused> {
        Ok(Key::Bool(value))
    }

    fn serialize_f32(self, value: f32) -> Result<Key, Refused> {
        // JSON gets the shortest decimal of the f32, and reads it as f64. So does the key.
        if !value.is_finite() {
            return Key::float(f64::from(value)).map_err(Refused);
        }
        let text = value.to_string();
        Key::float(text.parse().unwrap_or_else(|_| f64::from(value))).map_err(Refused)
    }

    fn serialize_f64(self, value: f64) -> Result<Key, Refused> {
        Key::float(value).map_err(Refused)
    }

    fn serialize_char(self, value: char) -> Result<Key, Refused> {
        Ok(Key::text(value.encode_utf8(&mut [0; 4]) as &str))
    }

    fn serialize_str(self, value: &str) -> Result<Key, Refused> {
        Ok(Key::text(value))
    }

    fn serialize_bytes(self, _value: &[u8]) -> Result<Key, Refused> {
        Err(refuse("bytes cannot be a key"))
    }

    fn serialize_none(self) -> Result<Key, Refused> {
        Ok(Key::None)
    }

    fn serialize_some<V: Serialize + ?Sized>(self, value: &V) -> Result<Key, Refused> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Key, Refused> {
        Ok(Key::None)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Key, Refused> {
        Ok(Key::None)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Key, Refused> {
        Ok(Key::text(variant))
    }

    fn serialize_newtype_struct<V: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &V,
    ) -> Result<Key, Refused> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<V: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &V,
    ) -> Result<Key, Refused> {
        Err(refuse("an enum variant with content cannot be a key"))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Parts, Refused> {
        Ok(Parts(Vec::with_capacity(length.unwrap_or(0).min(16))))
    }

    fn serialize_tuple(self, length: usize) -> Result<Parts, Refused> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleStruct, Refused> {
        Err(refuse("a tuple struct cannot be a key"))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant, Refused> {
        Err(refuse("an enum variant with content cannot be a key"))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Self::SerializeMap, Refused> {
        Err(refuse(NO_OBJECT))
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStruct, Refused> {
        Err(refuse(NO_OBJECT))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStructVariant, Refused> {
        Err(refuse("an enum variant with content cannot be a key"))
    }
}

/// The components of a compound key.
struct Parts(Vec<Key>);

impl SerializeSeq for Parts {
    type Ok = Key;
    type Error = Refused;

    fn serialize_element<V: Serialize + ?Sized>(&mut self, value: &V) -> Result<(), Refused> {
        self.0.push(value.serialize(KeySerializer)?);
        Ok(())
    }

    fn end(self) -> Result<Key, Refused> {
        Ok(Key::Compound(Arc::from(self.0)))
    }
}

impl SerializeTuple for Parts {
    type Ok = Key;
    type Error = Refused;

    fn serialize_element<V: Serialize + ?Sized>(&mut self, value: &V) -> Result<(), Refused> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<Key, Refused> {
        SerializeSeq::end(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;

    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    enum Mode {
        ReadOnly,
        #[serde(rename = "w")]
        Write,
    }

    #[derive(Serialize)]
    struct Newtype(Option<u64>);

    #[test]
    fn keys_are_what_serde_writes() {
        assert_eq!(key_of("a").unwrap(), Key::text("a"));
        assert_eq!(key_of(&Mode::ReadOnly).unwrap(), Key::text("read-only"));
        assert_eq!(key_of(&Mode::Write).unwrap(), Key::text("w"));
        assert_eq!(key_of(&Newtype(Some(5))).unwrap(), Key::int(5));
        assert_eq!(key_of(&Newtype(None)).unwrap(), Key::None);
        assert_eq!(key_of(&'x').unwrap(), Key::text("x"));
        assert_eq!(
            key_of(&(Mode::Write, 3_i8)).unwrap(),
            Key::Compound(Arc::new([Key::text("w"), Key::int(3)]))
        );
    }

    #[test]
    fn a_float_of_32_bits_is_the_number_that_json_holds() {
        let json: f64 = serde_json::to_string(&0.1_f32).unwrap().parse().unwrap();
        assert_eq!(key_of(&0.1_f32).unwrap(), Key::float(json).unwrap());
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        assert!(key_of(&f64::NAN).is_err());
        assert!(key_of(&serde_json::json!({"a": 1})).is_err());
        assert!(key_of(&u128::MAX).is_err());
    }
}
