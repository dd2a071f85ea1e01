//! Tensors of an ONNX file.

use crate::net::printable;
use crate::nn::onnx::messages::{DOUBLE, EXTERNAL, FLOAT, INT32, INT64, TensorProto};

/// A tensor whose values are known: finite numbers, as many as its shape says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constant {
    /// The sizes of its axes.
    pub(super) dims: Vec<usize>,
    /// Its values, in row-major order.
    pub(super) values: Vec<f64>,
}

impl Constant {
    /// Reads a tensor.
    pub(super) fn read(tensor: &TensorProto) -> Result<Self, String> {
        let name = printable(&tensor.name);
        let wrong = |reason: String| format!("the tensor `{name}` {reason}");
        if tensor.data_location == EXTERNAL || !tensor.external_data.is_empty() {
            let advice = "save the model with its data inside (onnx.save_model(.., save_as_external_data=False))";
            return Err(wrong(format!("has its data in another file; {advice}")));
        }
        let dims = tensor.dims.iter().map(|dim| usize::try_from(*dim).ok()).collect::<Option<Vec<_>>>();
        let dims = dims.ok_or_else(|| wrong(format!("has the shape {:?}: sizes cannot be negative", tensor.dims)))?;
        let len = dims.iter().try_fold(1usize, |n, dim| n.checked_mul(*dim));
        let len = len.ok_or_else(|| wrong(format!("has the shape {dims:?}, which is too large")))?;
        let values = values(tensor).map_err(wrong)?;
        if values.len() != len {
            return Err(wrong(format!("has {} values; its shape {dims:?} needs {len}", values.len())));
        }
        if let Some(x) = values.iter().find(|x| !x.is_finite()) {
            return Err(wrong(format!("has a value of {x}; parameters must be finite")));
        }
        Ok(Self { dims, values })
    }

    /// The only value, if there is one.
    pub(super) fn single(&self) -> Option<f64> {
        if let [value] = self.values[..] { Some(value) } else { None }
    }

    /// The values as integers, as shapes have them.
    pub(super) fn integers(&self) -> Option<Vec<i64>> {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number of 53 bits")]
        let whole = |x: &f64| (x.fract() == 0.0 && x.abs() < f64::exp2(53.0)).then_some(*x as i64);
        self.values.iter().map(whole).collect()
    }
}

/// The values of a tensor, in whichever field they are.
fn values(tensor: &TensorProto) -> Result<Vec<f64>, String> {
    let listed = [tensor.float_data.len(), tensor.double_data.len(), tensor.int32_data.len(), tensor.int64_data.len()];
    if listed.iter().filter(|len| **len > 0).count() + usize::from(tensor.raw_data.is_some()) > 1 {
        return Err("has its data twice, in two fields".into());
    }
    let Some(raw) = &tensor.raw_data else {
        return match tensor.data_type {
            FLOAT => Ok(tensor.float_data.iter().map(|x| f64::from(*x)).collect()),
            DOUBLE => Ok(tensor.double_data.clone()),
            INT32 => Ok(tensor.int32_data.iter().map(|x| f64::from(*x)).collect()),
            INT64 => Ok(tensor.int64_data.iter().map(|x| *x as f64).collect()),
            other => Err(unsupported(other)),
        };
    };
    match tensor.data_type {
        FLOAT => raw_numbers(raw, |b| f32::from_le_bytes(b).into()),
        DOUBLE => raw_numbers(raw, f64::from_le_bytes),
        INT32 => raw_numbers(raw, |b| i32::from_le_bytes(b).into()),
        INT64 => raw_numbers(raw, |b| i64::from_le_bytes(b) as f64),
        other => Err(unsupported(other)),
    }
}

fn raw_numbers<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Result<Vec<f64>, String> {
    match bytes.as_chunks() {
        (numbers, []) => Ok(numbers.iter().map(|b| number(*b)).collect()),
        _ => Err(format!("has {} bytes, which are not numbers of {N} bytes each", bytes.len())),
    }
}

fn unsupported(kind: i32) -> String {
    format!(
        "has data of type {kind}; float32 (1), float64 (11), int32 (6) and int64 (7) are supported: convert the model"
    )
}
