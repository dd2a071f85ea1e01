//! Test vectors: what sessions were given, drew, said and made, as JSON under tests/vectors.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::record::{Gate, Held};
use super::recording_backend::RecordingBackend;
use super::world::{Run, World};
use crate::fixed::{Profile, Window, mask};
use crate::gates::{Bilinear, Chunks, Conv, ImageWindows, Layout, Pass, SamplePositions, Window2d};
use crate::kernel::packed::{Packed, bit};
use crate::net::Frame;
use crate::party::ClearTensor;

/// A session.
#[derive(Serialize)]
pub(crate) struct Session {
    pub(crate) gate: &'static str,
    profile: Value,
    seeds: [String; 2],
    /// What both servers have and nobody else, where something is revealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    common_seed: Option<String>,
    values: Vec<Value>,
    program: Vec<Step>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reveals: Vec<Value>,
}

/// A gate of a session; one that takes a list has an entry for every element of it.
#[derive(Serialize)]
struct Step {
    gate: &'static str,
    entries: Vec<Value>,
    /// Numbers of the values that go in, entry by entry.
    #[serde(rename = "in")]
    inputs: Vec<usize>,
    out: Vec<usize>,
    streams: Vec<Stream>,
    /// What server 0 and server 1 send, by round.
    sent: Vec<[String; 2]>,
}

impl Step {
    /// Whether a gate that ends at the same place may be an entry of the same list.
    fn goes_on(&self, name: &str) -> bool {
        let bits_too = name == "open_bits" && ["open", VALUES_AND_BITS].contains(&self.gate);
        !self.streams.is_empty() && (self.gate == name || bits_too)
    }
}

/// Values and bits that are opened in one round.
const VALUES_AND_BITS: &str = "open_with_bits";

/// A stream number: a draw of both servers, or one of server 0 and what server 1 is dealt.
#[derive(Serialize)]
struct Stream {
    number: u64,
    draws: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dealt: Option<String>,
}

impl Session {
    /// What a run left whose servers drew on `drawn`.
    pub(crate) fn new(gate: &'static str, world: &World, run: &Run, drawn: [&RecordingBackend; 2]) -> Self {
        let [from1, from0, dealt] = run.heard.each_ref().map(|h| h.frames());
        let (draws, mut values) = (drawn.map(RecordingBackend::draws), Values::new(&world.profile));
        let (mut program, mut place): (Vec<Step>, [u64; 2]) = (Vec::new(), [0; 2]);
        let stream = |number: u64| Stream {
            number,
            draws: draws.iter().filter_map(|d| d.get(&number)).map(|bytes| hex(bytes)).collect(),
            dealt: dealt.iter().find(|f| u64::from(f.head.gate) == number).map(|f| hex(&f.body)),
        };
        let body = |frames: &[Frame], round: u64| hex(&frames[usize::try_from(round).unwrap()].body);
        let held = run.held[0].iter().zip(&run.held[1]).zip(&run.records);
        for ((a, b), joint) in held {
            let (name, entry) = describe(&a.gate);
            let inputs = a.inputs.iter().zip(&b.inputs).zip(&joint.inputs);
            let inputs: Vec<_> = inputs.map(|((a, b), x)| values.number(a, b, x)).collect();
            let out = values.number(&a.output, &b.output, &joint.output);
            match program.last_mut().filter(|s| s.goes_on(name) && a.place == place) {
                Some(list) => {
                    list.gate = if list.gate == name { name } else { VALUES_AND_BITS };
                    list.entries.push(entry);
                    list.inputs.extend(inputs);
                    list.out.push(out);
                }
                None => program.push(Step {
                    gate: name,
                    entries: vec![entry],
                    inputs,
                    out: vec![out],
                    streams: (place[0]..a.place[0]).map(stream).collect(),
                    sent: (place[1]..a.place[1]).map(|r| [body(&from0, r), body(&from1, r)]).collect(),
                }),
            }
            place = a.place;
        }
        let reveals = (0..run.revealed.len()).map(|at| {
            // what is revealed of a session is what its first gates made, in order
            let ([(_, a, bits), (_, b, _)], share) = (run.halves.each_ref().map(|h| &h[at]), program[at].out[0]);
            let (handed, value) = ([a, b].map(|x| ring(x, *bits)), decimal(&run.revealed[at].1));
            json!({ "share": share, "handed": handed, "value": value })
        });
        let reveals: Vec<_> = reveals.collect();
        Self {
            gate,
            profile: profile(&world.profile),
            seeds: world.seeds().map(|s| hex(s.bytes())),
            common_seed: (!reveals.is_empty()).then(|| hex(world.common().bytes())),
            values: values.all,
            program,
            reveals,
        }
    }

    /// The names of the gates that ran.
    pub(crate) fn gates(&self) -> impl Iterator<Item = &'static str> {
        self.program.iter().map(|step| step.gate).chain((!self.reveals.is_empty()).then_some("reveal"))
    }
}

/// The values of a session, each once.
struct Values {
    ring: u32,
    all: Vec<Value>,
    known: HashMap<String, usize>,
}

impl Values {
    fn new(p: &Profile) -> Self {
        Self { ring: p.ring, all: Vec::new(), known: HashMap::new() }
    }

    /// The number of the value of which the servers hold these halves.
    fn number(&mut self, a: &Held, b: &Held, x: &ClearTensor) -> usize {
        let value = value(a, b, x, self.ring);
        let Self { all, known, .. } = self;
        *known.entry(value.to_string()).or_insert_with(|| {
            all.push(value);
            all.len() - 1
        })
    }
}

fn value(a: &Held, b: &Held, x: &ClearTensor, n: u32) -> Value {
    let (shape, len) = (x.shape.axes(), x.shape.len());
    match (a, b) {
        (Held::Share { x: a, bits, .. }, Held::Share { x: b, .. }) => {
            let halves = [a, b].map(|x| ring(x, *bits));
            json!({ "kind": "share", "bits": bits, "shape": shape, "halves": halves, "value": decimal(&x.x) })
        }
        (Held::Wire { hat, r: a, bits, lifted, .. }, Held::Wire { r: b, .. }) => {
            let (hat, masks) = (ring(hat, *bits), [a, b].map(|r| ring(r, *bits)));
            let (kind, value) = ("wire", decimal(&x.x));
            json!({
                "kind": kind, "bits": bits, "lifted": lifted, "shape": shape, "hat": hat, "masks": masks, "value": value
            })
        }
        (Held::Bits { x: a, .. }, Held::Bits { x: b, .. }) => {
            let halves = [a, b].map(|x| plane(x, len));
            json!({ "kind": "bits", "shape": shape, "halves": halves, "value": decimal(&x.x) })
        }
        (Held::MaskedBits { hat, own: a, lambda, .. }, Held::MaskedBits { own: b, lambda: other, .. }) => {
            let (hat, masks) = (plane(hat, len), [a, b].map(|x| plane(x, len)));
            let in_ring = lambda.as_ref().zip(other.as_ref());
            let in_ring = in_ring.map(|(a, b)| [a, b].map(|x| ring(&unpacked(x, len, n), n)));
            let (kind, value) = ("opened bits", decimal(&x.x));
            json!({
                "kind": kind, "shape": shape, "hat": hat, "masks": masks, "masks_in_ring": in_ring, "value": value
            })
        }
        _ => panic!("two servers hold halves of the same kind"),
    }
}

/// A gate's name in the vectors, and its parameters.
fn describe(gate: &Gate) -> (&'static str, Value) {
    let window = |w: &Window| json!({ "t": w.low, "h": w.high });
    match gate {
        Gate::AddRow => ("add_row", json!({})),
        Gate::And { flips } => ("and", json!({ "flips": flips })),
        Gate::AtLeast { window: w, threshold } => ("at_least", json!({ "window": window(w), "threshold": threshold })),
        Gate::BelowMax => ("below_max", json!({})),
        Gate::BoxSum { boxes } => {
            let ImageWindows { image, channels, output, window } = boxes;
            let Window2d { kernel, stride, padding, dilation, input_dilation } = window;
            let mut entry = json!({
                "image": image, "channels": channels, "positions": output, "kernel": kernel, "stride": stride,
                "padding": padding, "gap": input_dilation,
            });
            if *dilation != [1, 1] {
                entry["dilation"] = json!(dilation);
            }
            ("box_sum", entry)
        }
        Gate::Combine { kx, ky } => ("combine", json!({ "kx": kx, "ky": ky })),
        Gate::Count { before } => ("count", json!({ "before": before })),
        Gate::Dropout { kept } => {
            let (stream, below) = (kept.stream.to_string(), kept.threshold);
            ("dropout", json!({ "seed": hex(kept.seed.bytes()), "stream": stream, "below": below }))
        }
        Gate::Exp => ("exp", json!({})),
        Gate::Extend => ("extend", json!({})),
        Gate::Hits => ("hits", json!({})),
        Gate::Larger { window: w } => ("larger", json!({ "window": window(w) })),
        Gate::Narrow { cut } => ("narrow", json!({ "cut": cut })),
        Gate::Open { cut, bits, lifted } => ("open", json!({ "cut": cut, "bits": bits, "lifted": lifted })),
        Gate::MaskedBits { ring } => ("open_bits", json!({ "in_ring": ring })),
        Gate::Outside { bound } => ("outside", json!({ "bound": bound })),
        Gate::PairSigns { window: w } => ("pair_signs", json!({ "window": window(w) })),
        Gate::Pick => ("pick", json!({})),
        Gate::Probability => ("probability", json!({})),
        Gate::Product { map: Bilinear::Conv(conv, pass) } => {
            let Conv { image, channels, window, outputs } = conv;
            let Window2d { kernel, stride, padding, .. } = window;
            let of = match pass {
                Pass::Forward => "images and filter",
                Pass::Filter => "images and gradient",
                Pass::Image => "gradient and filter",
            };
            let entry = json!({
                "of": of, "image": image, "channels": channels, "kernel": kernel, "stride": stride,
                "padding": padding, "outputs": outputs,
            });
            ("convolution", entry)
        }
        Gate::Product { map: Bilinear::Matrix(layout) } => {
            let layout = match layout {
                Layout::Plain => "x w",
                Layout::LeftTransposed => "x^T w",
                Layout::RightTransposed => "x w^T",
            };
            ("product", json!({ "layout": layout }))
        }
        Gate::Product { map: Bilinear::Dot(Chunks { cols, chunk }) } => {
            ("dot", json!({ "cols": cols, "chunk": chunk }))
        }
        Gate::Product { map: Bilinear::Scale { step } } => ("scale", json!({ "step": step })),
        Gate::InverseSqrt => ("inverse_sqrt", json!({})),
        Gate::SumChunks { chunks: Chunks { cols, chunk } } => ("sum_chunks", json!({ "cols": cols, "chunk": chunk })),
        Gate::Reciprocal => ("reciprocal", json!({})),
        Gate::Rescale { bits, scale, shift, times } => {
            ("rescale", json!({ "bits": bits, "scale": scale, "shift": shift, "times": times }))
        }
        Gate::RowSum => ("row_sum", json!({})),
        Gate::Sample { places: SamplePositions { at, stride, count, cols, turn }, difference, kept } => {
            let entry = json!({
                "at": at, "stride": stride, "count": count, "cols": cols, "turn": turn, "difference": difference, "kept": kept,
            });
            ("sample", entry)
        }
        Gate::Select => ("select", json!({})),
        Gate::Share => ("share", json!({})),
        Gate::ShareBits => ("share_bits", json!({})),
        Gate::Sign { window: w } => ("sign", json!({ "window": window(w) })),
        Gate::SumRows { cols, shift } => ("sum_rows", json!({ "cols": cols, "shift": shift })),
        Gate::Winner { window: w } => ("winner", json!({ "window": window(w) })),
        Gate::Xor => ("xor", json!({})),
    }
}

/// A profile's numbers.
pub(crate) fn profile(p: &Profile) -> Value {
    json!({ "name": p.name, "n": p.ring, "l": p.wire, "f": p.frac, "t": p.window.low, "h": p.window.high })
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Elements of a ring, in hexadecimal digits.
pub(crate) fn ring(x: &[u64], bits: u32) -> String {
    let digits = bits.div_ceil(4) as usize;
    x.iter().map(|x| format!("{:0digits$x}", x & mask(bits))).collect::<Vec<_>>().join(" ")
}

/// Integers.
pub(crate) fn decimal(x: &[i64]) -> String {
    x.iter().map(i64::to_string).collect::<Vec<_>>().join(" ")
}

/// Bits, the first element's first.
fn plane(words: &[u32], len: usize) -> String {
    (0..len).map(|i| if bit(words, i) == 1 { '1' } else { '0' }).collect()
}

fn unpacked(words: &[u32], len: usize, bits: u32) -> Vec<u64> {
    let packed = Packed::new(words, bits);
    (0..len).map(|i| packed.at(i)).collect()
}
