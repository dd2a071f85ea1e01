//! A network as the file that would make it, so that one that fails can be tried with the program.

use std::fmt::Write;

use crate::nn::{Factor, LayerSpec, Model};

/// Rates of dropout.
pub(super) const RATES: [f64; 8] = [0.0, 0.1, 0.2, 0.25, 0.3, 0.5, 0.75, 0.9];

/// The file of a network; its input is told in a comment.
pub(super) fn toml(model: &Model) -> String {
    let mut text = format!("# input {}, {} classes\n", model.input(), model.classes());
    let _ = writeln!(
        text,
        "name = \"{}\"\nloss = \"{}\"\ninit = \"{}\"",
        model.name(),
        model.loss().name(),
        model.init().name()
    );
    model.layers().iter().for_each(|layer| write_layer(&mut text, layer, "layers"));
    text
}

fn write_layer(text: &mut String, layer: &LayerSpec, table: &str) {
    let keys = match layer {
        LayerSpec::Dense { outputs, bias } => format!("outputs = {outputs}\nbias = {bias}\n"),
        LayerSpec::Conv2d { channels, kernel, stride, padding, bias } => format!(
            "channels = {channels}\nkernel = {kernel:?}\nstride = {stride:?}\npadding = {padding:?}\nbias = {bias}\n"
        ),
        LayerSpec::AveragePool { window, stride } => format!("window = {window:?}\nstride = {stride:?}\n"),
        LayerSpec::MaxPool { window, stride, method } => {
            format!("window = {window:?}\nstride = {stride:?}\nmethod = \"{}\"\n", method.name())
        }
        LayerSpec::ZeroPadding { padding } => format!("padding = {padding:?}\n"),
        LayerSpec::Dropout { factor } => {
            let rate = RATES.into_iter().find(|rate| Factor::kept(*rate) == *factor);
            format!("rate = {:?}\n", rate.expect("a rate of the list"))
        }
        LayerSpec::Residual { projection, .. } => format!("projection = {projection}\n"),
        LayerSpec::GlobalAveragePool | LayerSpec::Flatten | LayerSpec::Relu | LayerSpec::Sigmoid => String::new(),
    };
    let _ = write!(text, "\n[[{table}]]\nkind = \"{}\"\n{keys}", layer.kind());
    if let LayerSpec::Residual { body, .. } = layer {
        body.iter().for_each(|layer| write_layer(text, layer, &format!("{table}.body")));
    }
}
