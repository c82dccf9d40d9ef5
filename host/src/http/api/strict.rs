//! JSON as the contract has it: where an object stands, nothing but an object is taken. The types that serde
//! derives take an array as well, its items member by member in the order in which the type declares them, so
//! that a body would mean another thing after a member is added.
//!
//! Everything that a type asks of its JSON goes through [`Strict`], at every depth. It asks for a map where
//! the type asks for a struct.

use std::fmt;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde_json::Value;

/// Reads a value of type `T` from the text of a JSON document.
///
/// # Errors
/// It is no JSON, or not of the type's shape; with its line and column.
pub(super) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let mut document = serde_json::Deserializer::from_slice(bytes);
    let value = T::deserialize(Strict(&mut document))?;
    document.end()?;
    Ok(value)
}

/// Reads a value of type `T` from a JSON document.
///
/// # Errors
/// It is not of the type's shape.
pub(super) fn from_value<T: DeserializeOwned>(document: Value) -> serde_json::Result<T> {
    T::deserialize(Strict(document))
}

/// A deserializer, seed, visitor or access whose parts are all read strictly.
struct Strict<T>(T);

/// The visitor of a struct.
struct Object<V>(V);

macro_rules! ask {
    ($($ask:ident($($name:ident: $of:ty),*))*) => {$(
        fn $ask<V: Visitor<'de>>(self, $($name: $of,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$ask($($name,)* Strict(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    ask! {
        deserialize_any() deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32()
        deserialize_i64() deserialize_i128() deserialize_u8() deserialize_u16() deserialize_u32()
        deserialize_u64() deserialize_u128() deserialize_f32() deserialize_f64() deserialize_char()
        deserialize_str() deserialize_string() deserialize_bytes() deserialize_byte_buf()
        deserialize_option() deserialize_unit() deserialize_seq() deserialize_map()
        deserialize_identifier() deserialize_ignored_any()
        deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Object(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Object<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Strict(map))
    }
}

macro_rules! see {
    ($($visit:ident($of:ty))*) => {$(
        fn $visit<E: serde::de::Error>(self, value: $of) -> Result<V::Value, E> {
            self.0.$visit(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Strict<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    see! {
        visit_bool(bool) visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128)
        visit_f32(f32) visit_f64(f64) visit_char(char) visit_str(&str) visit_borrowed_str(&'de str)
        visit_string(String) visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Strict(some))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Strict(inner))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Strict(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Strict(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Strict(variant))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(Strict(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Strict<A> {
    type Error = A::Error;
    type Variant = Strict<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.0.variant_seed(Strict(seed))?;
        Ok((value, Strict(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Strict(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, Strict(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.newtype_variant_seed(AsMap(visitor))
    }
}

/// Reads the content of a struct variant as a map.
struct AsMap<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for AsMap<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_map(Object(self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        name: String,
        #[serde(default)]
        inner: Option<Inner>,
        #[serde(default)]
        many: Vec<Inner>,
        #[serde(default)]
        by_name: BTreeMap<String, Inner>,
        #[serde(default)]
        pair: (u8, String),
        #[serde(default)]
        any: Value,
        #[serde(default)]
        kind: Kind,
        #[serde(default)]
        wrapped: Option<Wrapped>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        a: i64,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(Inner);

    #[derive(Debug, Default, PartialEq, Deserialize)]
    enum Kind {
        #[default]
        Plain,
        One(Inner),
        Whole {
            a: i64,
        },
    }

    /// What a text is read as, which has to be the same both ways.
    fn read(text: &str) -> Result<Outer, String> {
        let whole = from_slice::<Outer>(text.as_bytes()).map_err(|error| error.to_string());
        if let Ok(value) = serde_json::from_str(text) {
            let of_value = from_value::<Outer>(value).map_err(|error| error.to_string());
            assert_eq!(whole.as_ref().ok(), of_value.as_ref().ok(), "{text}");
        }
        whole
    }

    #[test]
    fn documents_of_the_types_shape_are_read_as_serde_reads_them() {
        for document in [
            json!({"name": "é\n\"", "inner": {"a": 1}, "many": [{"a": -2}, {"a": 3}]}),
            json!({"name": "x", "by_name": {"p": {"a": 4}}, "pair": [5, "six"], "wrapped": {"a": 7}}),
            json!({"name": "x", "kind": "Plain", "inner": null}),
            json!({"name": "x", "kind": {"One": {"a": 1}}, "unknown": [{}]}),
            json!({"name": "x", "kind": {"Whole": {"a": 1}}}),
        ] {
            let text = document.to_string();
            assert_eq!(read(&text).unwrap(), serde_json::from_str(&text).unwrap());
        }
        // A number keeps its digits.
        let any = r#"{"name":"x","any":[1.10,123456789012345678901234567890,{"a":[]},null,true]}"#;
        let read = read(any).unwrap().any.to_string();
        assert_eq!(read, &any[18..any.len() - 1]);
    }

    #[test]
    fn an_array_is_no_object_at_any_depth() {
        for text in [
            r#"["x"]"#,
            r#"["x",{"a":1}]"#,
            r#"{"name":"x","inner":[1]}"#,
            r#"{"name":"x","many":[[1]]}"#,
            r#"{"name":"x","many":[{"a":1},[1]]}"#,
            r#"{"name":"x","by_name":{"p":[1]}}"#,
            r#"{"name":"x","wrapped":[1]}"#,
            r#"{"name":"x","kind":{"One":[1]}}"#,
            r#"{"name":"x","kind":{"Whole":[1]}}"#,
        ] {
            assert!(
                serde_json::from_str::<Outer>(text).is_ok(),
                "serde takes {text}"
            );
            let refused = read(text).unwrap_err();
            assert!(
                refused.starts_with("invalid type: sequence, expected an object at line 1 column "),
                "{text}: {refused}"
            );
        }
    }

    #[test]
    fn other_faults_are_told_with_their_place() {
        for (text, fault) in [
            (
                "7",
                "invalid type: integer `7`, expected an object at line 1 column 1",
            ),
            ("{}", "missing field `name` at line 1 column 2"),
            (
                r#"{"name":"x"} y"#,
                "trailing characters at line 1 column 14",
            ),
            (
                r#"{"name":1}"#,
                "invalid type: integer `1`, expected a string at line 1 column 9",
            ),
            ("", "EOF while parsing a value at line 1 column 0"),
        ] {
            assert_eq!(read(text).unwrap_err(), fault);
        }
    }
}
