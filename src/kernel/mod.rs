//! Kernels: what the engine computes, as data.
//!
//! A kernel is on a page of [`twin`]: its parameters, its row (name, entry point of a WGSL file, operands), and the plain function
//! that defines it. If that is too slow for the CPU, the row has a body in [`fast`], too, and tests compare all three.
//!
//! To add a gate with kernels of its own:
//! 1. `src/kernel/twin/x.rs`: parameters, rows and definitions, for servers (`main`, or `ask` and `tell`) and the dealer (`deal`);
//! 2. `src/kernel/twin/mod.rs`: the page's name, as a module and in the list;
//! 3. `shaders/x.wgsl`: an entry point for each row, each in a section that begins with the formula of its output;
//! 4. `src/gates/x.rs`: the gate; and its line in `src/gates/mod.rs`.
//! 5. Tests then ask for cases (`kernels_tests/cases.rs`) and a truth (`kernels_tests/known.rs`) of every row.

pub mod fast;
pub mod geometry;
pub(crate) mod layout;
pub mod lookup_tables;
pub(crate) mod packed;
mod row;
pub mod twin;
mod word;

pub use word::Word;

/// The word that ring elements are stored in: the smallest that holds the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RingWord {
    /// Rings of up to 32 bits.
    U32,
    /// Rings of up to 64 bits.
    U64,
}

impl RingWord {
    /// The smallest word that holds a ring of `bits` bits.
    pub const fn holding(bits: u32) -> Self {
        if bits <= 32 { Self::U32 } else { Self::U64 }
    }

    /// Bits of the word.
    pub const fn bits(self) -> u32 {
        match self {
            Self::U32 => 32,
            Self::U64 => 64,
        }
    }
}

/// What an operand's elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// `u32`: bits, tables, packed frames, whatever the ring.
    Raw,
    /// The job's ring word.
    Ring,
    /// Always 64 bits.
    Wide,
}

impl Operand {
    /// Bytes of one element.
    pub const fn bytes(self, ring: RingWord) -> usize {
        match self {
            Self::Raw => 4,
            Self::Ring => ring.bits() as usize / 8,
            Self::Wide => 8,
        }
    }
}

/// Rows, and columns, of the tile of a matrix that one thread computes in WGSL, where it is the constant `TILE`.
pub const TILE: u32 = 4;

/// Threads of a workgroup in WGSL, where it is the constant `GROUP`: a multiple of every common subgroup size.
pub const GROUP: u32 = 64;

/// Parameters of a kernel: `u32` fields in the order of the WGSL struct `Params`.
pub trait Params: bytemuck::Pod {
    /// Names of the fields, in order.
    const FIELDS: &'static [&'static str];
}

/// A kernel's CPU body for one ring word: parameters, inputs, output, the last two as bytes of aligned words.
pub type CpuBody = fn(&[u32], &[&[u8]], &mut [u8]);

/// One kernel.
pub struct Kernel {
    /// Its name, that of the function that defines it.
    pub name: &'static str,
    /// The name of its WGSL file.
    pub file: &'static str,
    /// What is in that file, without the word prelude.
    pub wgsl: &'static str,
    /// The entry point there that is its body.
    pub entry: &'static str,
    /// Names of the parameters' fields.
    pub params: &'static [&'static str],
    /// Operands that are read.
    pub inputs: &'static [Operand],
    /// The one operand that is written, every element of it.
    pub output: Operand,
    /// Threads that the WGSL body takes, from the parameters and the output's length: one an element unless the row says
    /// otherwise.
    pub threads: fn(&[u32], usize) -> usize,
    /// The definitions for rings in `u32` and in `u64`.
    pub twin: [CpuBody; 2],
    /// Fast bodies for the same, if there are any.
    pub fast: Option<[CpuBody; 2]>,
}

impl Kernel {
    /// The CPU body for a ring word: the fast one if there is one.
    pub fn body(&self, ring: RingWord) -> CpuBody {
        self.fast.unwrap_or(self.twin)[usize::from(ring == RingWord::U64)]
    }

    /// The definition for a ring word.
    pub fn definition(&self, ring: RingWord) -> CpuBody {
        self.twin[usize::from(ring == RingWord::U64)]
    }
}

/// A count as a kernel's parameter.
///
/// # Panics
/// From 2^32 on: no tensor of a job is that long.
pub(crate) fn count(n: usize) -> u32 {
    u32::try_from(n).expect("a tensor has fewer than 2^32 elements")
}

/// The low word.
#[expect(clippy::cast_possible_truncation, reason = "the low word is what is wanted")]
pub(crate) const fn low(x: u64) -> u32 {
    x as u32
}
