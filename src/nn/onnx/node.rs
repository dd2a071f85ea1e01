//! A node of an ONNX graph, whose attributes are taken one by one, so that unknown ones are reported.

use std::fmt::Display;

use crate::net::printable;
use crate::nn::onnx::messages::{AttributeProto, FLOAT_ATTRIBUTE, INT_ATTRIBUTE, INTS_ATTRIBUTE, NodeProto};

/// A node, and the attributes that were taken.
pub(super) struct Node<'a> {
    proto: &'a NodeProto,
    taken: Vec<&'static str>,
}

impl<'a> Node<'a> {
    pub(super) fn new(proto: &'a NodeProto) -> Self {
        Self { proto, taken: Vec::new() }
    }

    /// Its operator.
    pub(super) fn op(&self) -> &'a str {
        &self.proto.op_type
    }

    /// Claims that its operator is one of ONNX itself.
    pub(super) fn check_domain(&self) -> Result<(), String> {
        match self.proto.domain.as_str() {
            "" | "ai.onnx" => Ok(()),
            other => Err(self.wrong(format!("operators of the domain `{}` are not supported", printable(other)))),
        }
    }

    /// The name of an input, if it has so many.
    pub(super) fn input(&self, at: usize) -> Option<&'a str> {
        self.proto.input.get(at).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The name of its first output, the only one that is used.
    pub(super) fn output(&self) -> Result<&'a str, String> {
        let first = self.proto.output.first().filter(|name| !name.is_empty());
        first.map(String::as_str).ok_or_else(|| self.wrong("has no output"))
    }

    /// Its name and its operator.
    pub(super) fn name(&self) -> String {
        let output = self.proto.output.first();
        let name = Some(&self.proto.name).filter(|name| !name.is_empty()).or(output);
        format!("node `{}` ({})", printable(name.map_or("", String::as_str)), printable(self.op()))
    }

    /// An error about the node.
    pub(super) fn wrong(&self, reason: impl Display) -> String {
        format!("{}: {reason}", self.name())
    }

    /// An attribute of any kind.
    pub(super) fn attribute(&mut self, name: &'static str) -> Option<&'a AttributeProto> {
        self.taken.push(name);
        self.proto.attribute.iter().find(|attribute| attribute.name == name)
    }

    /// An integer.
    pub(super) fn whole(&mut self, name: &'static str, default: i64) -> Result<i64, String> {
        let Some(attribute) = self.of_kind(name, INT_ATTRIBUTE, "an integer")? else { return Ok(default) };
        Ok(attribute.i.unwrap_or_default())
    }

    /// A number.
    pub(super) fn number(&mut self, name: &'static str, default: f64) -> Result<f64, String> {
        let Some(attribute) = self.of_kind(name, FLOAT_ATTRIBUTE, "a number")? else { return Ok(default) };
        let number = attribute.f.unwrap_or_default();
        if number.is_finite() { Ok(number.into()) } else { Err(self.wrong(format!("attribute `{name}` is {number}"))) }
    }

    /// A word.
    pub(super) fn word(&mut self, name: &'static str) -> Option<String> {
        let bytes = self.attribute(name)?.s.clone().unwrap_or_default();
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Integers.
    pub(super) fn integers(&mut self, name: &'static str) -> Result<Option<&'a [i64]>, String> {
        Ok(self.of_kind(name, INTS_ATTRIBUTE, "a list of integers")?.map(|attribute| &*attribute.ints))
    }

    /// As many sizes, none of which is more than [`MOST`].
    pub(super) fn sizes<const N: usize>(&mut self, name: &'static str) -> Result<Option<[usize; N]>, String> {
        let Some(all) = self.integers(name)? else { return Ok(None) };
        let size = |n: &i64| usize::try_from(*n).ok().filter(|n| *n <= MOST);
        let sizes: Option<Vec<usize>> = all.iter().map(size).collect();
        let sizes = sizes.and_then(|sizes| sizes.try_into().ok());
        let wanted = || format!("attribute `{name}` must be {N} integers from 0 to {MOST}: only images are supported");
        sizes.ok_or_else(|| self.wrong(wanted())).map(Some)
    }

    /// An integer that has to be what is expected.
    pub(super) fn only(&mut self, name: &'static str, supported: i64) -> Result<(), String> {
        match self.whole(name, supported)? {
            n if n == supported => Ok(()),
            n => Err(self.wrong(format!("attribute `{name}` is {n}; only {supported} is supported"))),
        }
    }

    /// Claims that every attribute was taken.
    pub(super) fn finish(&self) -> Result<(), String> {
        let unknown = self.proto.attribute.iter().find(|a| !self.taken.iter().any(|taken| *taken == a.name));
        unknown.map_or(Ok(()), |a| Err(self.wrong(format!("attribute `{}` is not supported", printable(&a.name)))))
    }

    /// An attribute of a kind; files without kinds are old.
    fn of_kind(&mut self, name: &'static str, kind: i32, claim: &str) -> Result<Option<&'a AttributeProto>, String> {
        match self.attribute(name) {
            Some(attribute) if ![0, kind].contains(&attribute.kind) => {
                Err(self.wrong(format!("attribute `{name}` must be {claim}")))
            }
            attribute => Ok(attribute),
        }
    }
}

/// Sizes of windows and images.
pub(super) const MOST: usize = 1 << 14;
