//! Structs to and from flat string fields, by serde.
//!
//! A header is a map of strings whatever its type, so one serializer and one deserializer serve every header.
//! Numbers and booleans are written as text; `None` is left out. Reading is as tolerant as the peers are sloppy:
//! surrounding blanks are ignored, an empty string is a missing number, and booleans may be `1` or `0`.

use crate::Fields;
use serde::{
    Serialize,
    de::{self, DeserializeOwned, IntoDeserializer, value::MapDeserializer},
    forward_to_deserialize_any,
    ser::{self, Impossible},
};
use std::fmt::{Display, Write};

/// Why fields and a struct do not fit each other.
#[derive(Debug, thiserror::Error)]
pub enum FieldError {
    /// The struct is not a flat list of strings, numbers and booleans.
    #[error("a header must be flat, but holds a {0}")]
    NotFlat(&'static str),
    /// A field is missing or its text is not what the struct asks for.
    #[error("{0}")]
    Invalid(String),
}

impl de::Error for FieldError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Invalid(message.to_string())
    }
}

impl ser::Error for FieldError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Invalid(message.to_string())
    }
}

/// Reads a struct from fields; unknown fields are ignored.
///
/// # Errors
/// Names the field that is missing or whose text does not parse.
pub fn from_fields<H: DeserializeOwned>(fields: &Fields) -> Result<H, FieldError> {
    from_pairs(fields.iter())
}

/// As [`from_fields`], from any names and values.
///
/// # Errors
/// Names the field that is missing or whose text does not parse.
pub fn from_pairs<'a, H: DeserializeOwned>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Result<H, FieldError> {
    // An empty value stands for "absent" in what several clients send, save for strings: see `Text`.
    H::deserialize(MapDeserializer::new(pairs.map(|(name, value)| (name, Text { name, value }))))
}

/// The fields of a struct, in the order of its declaration.
///
/// # Errors
/// If the struct is not flat.
pub fn to_fields<H: Serialize>(header: &H) -> Result<Fields, FieldError> {
    header.serialize(FieldWriter(Fields::with_capacity(8, 128)))
}

struct Text<'a> {
    name: &'a str,
    value: &'a str,
}

impl<'de> IntoDeserializer<'de, FieldError> for Text<'_> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parse {
    ($($deserialize:ident => $visit:ident as $type:ty),* $(,)?) => {$(
        fn $deserialize<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
            let value = self.value.trim().parse::<$type>().map_err(|_| {
                FieldError::Invalid(format!("field {}: {:?} is no {}", self.name, self.value, stringify!($type)))
            })?;
            visitor.$visit(value)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Text<'_> {
    type Error = FieldError;

    parse! {
        deserialize_i32 => visit_i32 as i32,
        deserialize_i64 => visit_i64 as i64,
        deserialize_u32 => visit_u32 as u32,
        deserialize_u64 => visit_u64 as u64,
        deserialize_f64 => visit_f64 as f64,
    }

    fn deserialize_bool<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        let value = self.value.trim();
        visitor.visit_bool(value == "1" || value.eq_ignore_ascii_case("true"))
    }

    fn deserialize_any<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_str(self.value)
    }

    fn deserialize_option<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        match self.value.trim() {
            "" => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        visitor.visit_enum(self.value.into_deserializer())
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u128 f32 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct FieldWriter(Fields);

macro_rules! refuse {
    ($($method:ident($($arg:ty),*) -> $ok:ty: $what:literal),* $(,)?) => {$(
        fn $method(self, $(_: $arg),*) -> Result<$ok, FieldError> { Err(FieldError::NotFlat($what)) }
    )*};
}

type No<T> = Impossible<T, FieldError>;

impl ser::Serializer for FieldWriter {
    type Ok = Fields;
    type Error = FieldError;
    type SerializeSeq = No<Fields>;
    type SerializeTuple = No<Fields>;
    type SerializeTupleStruct = No<Fields>;
    type SerializeTupleVariant = No<Fields>;
    type SerializeMap = No<Fields>;
    type SerializeStruct = Self;
    type SerializeStructVariant = No<Fields>;

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, FieldError> {
        Ok(self)
    }

    fn serialize_unit(self) -> Result<Fields, FieldError> {
        Ok(self.0)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Fields, FieldError> {
        Ok(self.0)
    }

    fn serialize_none(self) -> Result<Fields, FieldError> {
        Ok(self.0)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Fields, FieldError> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Fields, FieldError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Fields, FieldError> {
        Err(FieldError::NotFlat("variant"))
    }

    refuse! {
        serialize_bool(bool) -> Fields: "bool",
        serialize_i8(i8) -> Fields: "number",
        serialize_i16(i16) -> Fields: "number",
        serialize_i32(i32) -> Fields: "number",
        serialize_i64(i64) -> Fields: "number",
        serialize_u8(u8) -> Fields: "number",
        serialize_u16(u16) -> Fields: "number",
        serialize_u32(u32) -> Fields: "number",
        serialize_u64(u64) -> Fields: "number",
        serialize_f32(f32) -> Fields: "number",
        serialize_f64(f64) -> Fields: "number",
        serialize_char(char) -> Fields: "char",
        serialize_str(&str) -> Fields: "string",
        serialize_bytes(&[u8]) -> Fields: "byte string",
        serialize_unit_variant(&'static str, u32, &'static str) -> Fields: "variant",
        serialize_seq(Option<usize>) -> No<Fields>: "list",
        serialize_tuple(usize) -> No<Fields>: "tuple",
        serialize_tuple_struct(&'static str, usize) -> No<Fields>: "tuple",
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No<Fields>: "tuple",
        serialize_map(Option<usize>) -> No<Fields>: "map",
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No<Fields>: "struct",
    }
}

impl ser::SerializeStruct for FieldWriter {
    type Ok = Fields;
    type Error = FieldError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), FieldError> {
        value.serialize(ValueWriter { fields: &mut self.0, name })
    }

    fn end(self) -> Result<Fields, FieldError> {
        Ok(self.0)
    }
}

struct ValueWriter<'a> {
    fields: &'a mut Fields,
    name: &'static str,
}

impl ValueWriter<'_> {
    fn text(self, value: impl Display) -> Result<(), FieldError> {
        self.fields.push_with(|text| {
            text.push_str(self.name);
            let name_end = text.len();
            // Writing into a String does not fail.
            let _ = write!(text, "{value}");
            name_end
        });
        Ok(())
    }
}

macro_rules! write_text {
    ($($method:ident($type:ty)),* $(,)?) => {$(
        fn $method(self, value: $type) -> Result<(), FieldError> { self.text(value) }
    )*};
}

impl ser::Serializer for ValueWriter<'_> {
    type Ok = ();
    type Error = FieldError;
    type SerializeSeq = No<()>;
    type SerializeTuple = No<()>;
    type SerializeTupleStruct = No<()>;
    type SerializeTupleVariant = No<()>;
    type SerializeMap = No<()>;
    type SerializeStruct = No<()>;
    type SerializeStructVariant = No<()>;

    write_text! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64),
        serialize_f32(f32), serialize_f64(f64), serialize_char(char),
    }

    fn serialize_str(self, value: &str) -> Result<(), FieldError> {
        self.fields.push(self.name, value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), FieldError> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), FieldError> {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), FieldError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), FieldError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), FieldError> {
        Err(FieldError::NotFlat("variant"))
    }

    refuse! {
        serialize_bytes(&[u8]) -> (): "byte string",
        serialize_unit() -> (): "unit",
        serialize_unit_struct(&'static str) -> (): "unit",
        serialize_seq(Option<usize>) -> No<()>: "list",
        serialize_tuple(usize) -> No<()>: "tuple",
        serialize_tuple_struct(&'static str, usize) -> No<()>: "tuple",
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No<()>: "tuple",
        serialize_map(Option<usize>) -> No<()>: "map",
        serialize_struct(&'static str, usize) -> No<()>: "struct",
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No<()>: "struct",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Header {
        topic: String,
        queue_id: i32,
        #[serde(default)]
        unit_mode: bool,
        group: Option<String>,
        max: Option<i64>,
    }

    #[test]
    fn a_header_survives_the_trip() {
        let header = Header { topic: "T".into(), queue_id: -1, unit_mode: true, group: None, max: Some(7) };
        let fields = to_fields(&header).expect("flat");
        let pairs: Vec<_> = fields.iter().collect();
        assert_eq!(pairs, [("topic", "T"), ("queueId", "-1"), ("unitMode", "true"), ("max", "7")]);
        assert_eq!(from_fields::<Header>(&fields).expect("whole"), header);
    }

    #[test]
    fn a_bad_or_missing_field_is_named() {
        let bad: Fields = [("topic", "T"), ("queueId", "x")].into_iter().collect();
        assert_eq!(from_fields::<Header>(&bad).unwrap_err().to_string(), "field queueId: \"x\" is no i32");
        let missing: Fields = [("topic", "T")].into_iter().collect();
        assert_eq!(from_fields::<Header>(&missing).unwrap_err().to_string(), "missing field `queueId`");
    }

    #[test]
    fn sloppy_values_are_understood() {
        let fields: Fields =
            [("topic", ""), ("queueId", " 3 "), ("unitMode", "1"), ("max", ""), ("extra", "x")].into_iter().collect();
        let header: Header = from_fields(&fields).expect("readable");
        assert_eq!(header, Header { topic: String::new(), queue_id: 3, unit_mode: true, group: None, max: None });
    }
}
