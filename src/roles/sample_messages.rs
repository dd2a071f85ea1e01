//! Values of any type that can be read, made up from the names of their fields; every enum in all its variants.

use serde::de::value::{StrDeserializer, U32Deserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor, value,
};
use serde::forward_to_deserialize_any;

use crate::fixed::Profile;

/// Values of a type, as many as its largest enum has variants.
pub(crate) fn samples<T: DeserializeOwned>() -> Vec<T> {
    let mut most = 1;
    let mut all = Vec::new();
    while all.len() < most {
        all.push(
            T::deserialize(Sample { turn: all.len(), salt: 1, inside: Vec::new(), most: &mut most, profile: None })
                .unwrap(),
        );
    }
    all
}

/// Makes up one value.
struct Sample<'a> {
    /// Which variants are chosen.
    turn: usize,
    /// What tells the field from others.
    salt: u64,
    /// The enums around it.
    inside: Vec<&'static str>,
    /// The most variants that an enum had so far.
    most: &'a mut usize,
    /// The name of the profile that is made up: others are not read.
    profile: Option<&'static str>,
}

impl Sample<'_> {
    fn inner(&mut self, name: &str) -> Sample<'_> {
        let salt = name.bytes().fold(self.salt, |salt, byte| (salt * 31 + u64::from(byte)) % 1_000_003);
        Sample { turn: self.turn, salt, inside: self.inside.clone(), most: self.most, profile: self.profile }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $t:ty, $modulus:expr;)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
            visitor.$visit((self.salt % $modulus) as $t)
        }
    )* };
}

impl<'de> Deserializer<'de> for Sample<'_> {
    type Error = value::Error;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, value::Error> {
        Err(value::Error::custom("a message says what type its fields have"))
    }

    numbers! {
        deserialize_u8 visit_u8 u8, 251;
        deserialize_u16 visit_u16 u16, 65_521;
        deserialize_u32 visit_u32 u32, 1_000_003;
        deserialize_u64 visit_u64 u64, 1_000_003;
        deserialize_i8 visit_i8 i8, 127;
        deserialize_i16 visit_i16 i16, 32_749;
        deserialize_i32 visit_i32 i32, 1_000_003;
        deserialize_i64 visit_i64 i64, 1_000_003;
        deserialize_f32 visit_f32 f32, 8191;
        deserialize_f64 visit_f64 f64, 1_000_003;
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_bool(true)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_string(self.profile.map_or_else(|| format!("text {}", self.salt), Into::into))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_bytes(&self.salt.to_le_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_seq(Elements { sample: self, left: 2 })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_seq(Elements { sample: self, left })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        visitor.visit_seq(Elements { sample: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        let profiles = Profile::all();
        self.profile = (name == "Profile").then(|| profiles[self.turn % profiles.len()].name);
        visitor.visit_map(Fields { sample: self, fields, at: 0 })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        *self.most = variants.len().max(*self.most);
        // layers hold layers, but not those that hold layers
        let chosen = if self.inside.contains(&name) { 0 } else { self.turn % variants.len() };
        self.inside.push(name);
        visitor.visit_enum(Variant { chosen, sample: self })
    }

    forward_to_deserialize_any! { i128 u128 char unit_struct map identifier ignored_any }
}

/// The elements of a list or tuple.
struct Elements<'a> {
    sample: Sample<'a>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = value::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, value::Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let name = format!("element {}", self.left);
        seed.deserialize(self.sample.inner(&name)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The fields of a struct, each of which its name tells from others.
struct Fields<'a> {
    sample: Sample<'a>,
    fields: &'static [&'static str],
    at: usize,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = value::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, value::Error> {
        let Some(field) = self.fields.get(self.at) else { return Ok(None) };
        let name: StrDeserializer<'_, value::Error> = field.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, value::Error> {
        self.at += 1;
        seed.deserialize(self.sample.inner(self.fields[self.at - 1]))
    }
}

/// A variant of an enum.
struct Variant<'a> {
    chosen: usize,
    sample: Sample<'a>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = value::Error;
    type Variant = Sample<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Sample<'a>), value::Error> {
        let chosen: U32Deserializer<value::Error> = u32::try_from(self.chosen).unwrap().into_deserializer();
        Ok((seed.deserialize(chosen)?, self.sample))
    }
}

impl<'de> VariantAccess<'de> for Sample<'_> {
    type Error = value::Error;

    fn unit_variant(self) -> Result<(), value::Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(mut self, seed: T) -> Result<T::Value, value::Error> {
        seed.deserialize(self.inner("of a variant"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, value::Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        self.deserialize_struct("", fields, visitor)
    }
}
