//! Layers in jobs and saved models.

use serde::de::Error as _;
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::nn::layer::{Layer, LayerKind};
use crate::nn::layers::{kinds, not_known};
use crate::nn::lowered::Lowered;
use crate::nn::{Flow, LayerSpec};
use crate::shape::Shape;

impl Serialize for LayerSpec {
    /// For people by the type's name, `"Relu"` or `{"Dense": {..}}`; in bytes by the kind's name and the bytes of the rest, so
    /// that a reader that does not know the kind can say so.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(unknown) = self.get::<Unknown>() {
            return (&unknown.name, &unknown.bytes).serialize(serializer);
        }
        let (row, layer): (_, &dyn Layer) = (self.row(), &**self);
        if !serializer.is_human_readable() {
            return (row.name, (row.to_bytes)(layer).map_err(S::Error::custom)?).serialize(serializer);
        }
        if row.plain {
            return serializer.serialize_str(&row.type_name());
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&row.type_name(), &(row.to_json)(layer).map_err(S::Error::custom)?)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for LayerSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let (name, bytes) = <(String, Vec<u8>)>::deserialize(deserializer)?;
            return match kinds().into_iter().find(|kind| kind.name == name) {
                Some(kind) => (kind.from_bytes)(&bytes).map_err(D::Error::custom),
                // the check of the network says so, with the kinds that there are
                None => Ok(Self::with_row(Unknown { name, bytes }, &UNKNOWN)),
            };
        }
        let (name, value) = match Value::deserialize(deserializer)? {
            Value::String(name) => (name, Value::Null),
            Value::Object(map) if map.len() == 1 => map.into_iter().next().expect("an entry"),
            _ => return Err(D::Error::custom("a layer is a name, or a name with what it has")),
        };
        let kind = kinds().into_iter().find(|kind| kind.type_name() == name);
        let kind = kind.ok_or_else(|| D::Error::custom(not_known(&name)))?;
        (kind.from_json)(value).map_err(D::Error::custom)
    }
}

/// A layer of a kind that is not known here, from a job.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unknown {
    name: String,
    bytes: Vec<u8>,
}

static UNKNOWN: LayerKind = LayerKind {
    name: "unknown",
    id: std::any::TypeId::of::<Unknown>,
    read: |table, _| Err(table.wrong("is no kind")),
    from_json: |_| Err(serde::de::Error::custom("is no kind")),
    to_json: |_| Err(serde::ser::Error::custom("is no kind")),
    from_bytes: |_| Err(postcard::Error::DeserializeBadEncoding),
    to_bytes: |_| Err(postcard::Error::SerdeSerCustom),
    equal: |a, b| a.downcast_ref::<Unknown>().is_some_and(|a| b.downcast_ref() == Some(a)),
    plain: false,
};

impl Layer for Unknown {
    fn follow(&self, _: Flow) -> Result<Flow, String> {
        Err(not_known(&self.name))
    }

    fn output(&self, _: &Shape) -> Result<Shape, String> {
        Err(not_known(&self.name))
    }

    fn lower(&self, _: Flow, _: &Shape) -> Lowered {
        Lowered::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::layers::{Dense, Relu, Residual};

    fn bytes(layer: &LayerSpec) -> Vec<u8> {
        postcard::to_stdvec(layer).unwrap()
    }

    #[test]
    fn blocks_come_back_from_their_bytes_and_deep_ones_are_refused() {
        let dense = LayerSpec::from(Dense { outputs: 3, bias: true });
        let block = |body| LayerSpec::from(Residual { body, projection: false });
        let one = block(vec![dense.clone(), Relu.into(), dense.clone()]);
        let again = || postcard::from_bytes::<LayerSpec>(&bytes(&one));
        assert_eq!(again().unwrap(), one);
        let two = block(vec![one.clone()]);
        assert!(postcard::from_bytes::<LayerSpec>(&bytes(&two)).is_err());
        assert!(serde_json::from_str::<LayerSpec>(&serde_json::to_string(&two).unwrap()).is_err());
        // a thousand blocks, one in the other
        let deep = (0..1000).fold(two, |inner, _| block(vec![inner]));
        assert!(postcard::from_bytes::<LayerSpec>(&bytes(&deep)).is_err());
        assert_eq!(again().unwrap(), one, "what was refused leaves no trace");
    }

    #[test]
    fn saved_models_name_types_and_keep_the_order_of_what_layers_have() {
        let layers: Vec<LayerSpec> = vec![Dense { outputs: 3, bias: true }.into(), Relu.into()];
        let text = serde_json::to_string(&layers).unwrap();
        assert_eq!(text, r#"[{"Dense":{"outputs":3,"bias":true}},"Relu"]"#);
        assert_eq!(serde_json::from_str::<Vec<LayerSpec>>(&text).unwrap(), layers);
        for wrong in ["\"Dense\"", "7", "{}", r#"{"Dense":{"outputs":-3,"bias":true}}"#, "null"] {
            assert!(serde_json::from_str::<LayerSpec>(wrong).is_err(), "{wrong}");
        }
        let unknown = serde_json::from_str::<LayerSpec>(r#"{"Gelu\u001b[2J":{}}"#).unwrap_err().to_string();
        assert!(unknown.contains("known kinds: `dense`") && !unknown.contains('\u{1b}'), "{unknown}");
    }

    #[test]
    fn layers_of_unknown_kinds_survive_and_bytes_too_many_do_not() {
        let unknown = postcard::to_stdvec(&("gelu", vec![1u8, 2, 3])).unwrap();
        let layer: LayerSpec = postcard::from_bytes(&unknown).unwrap();
        assert_eq!(bytes(&layer), unknown);
        let said = layer.follow(Flow::Operand).unwrap_err();
        assert!(said.contains("unknown kind of layer `gelu`") && said.contains("`max-pool`"), "{said}");
        let long = postcard::to_stdvec(&("relu", vec![0u8])).unwrap();
        assert!(postcard::from_bytes::<LayerSpec>(&long).is_err());
    }
}
