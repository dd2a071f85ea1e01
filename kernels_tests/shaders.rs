//! Every WGSL file is valid for every word pair and agrees with its row in the table. Needs no adapter.

use std::collections::BTreeSet;
use std::path::Path;

use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, ArraySize, Module, Scalar, StorageAccess, TypeInner, VectorSize};
use ppdnn::backend::gpu::Arithmetic;
use ppdnn::backend::gpu::shader::{PAIRS, source};
use ppdnn::kernel::table::{KERNELS, XOR};
use ppdnn::kernel::{Kernel, Operand, RingWord};

#[test]
fn every_shader_is_valid_and_agrees_with_its_row_for_every_word_pair() {
    for kernel in KERNELS {
        for (ring, arithmetic) in PAIRS {
            if let Err(e) = check(kernel, ring, arithmetic) {
                panic!("shaders/{}.wgsl for {ring:?}, {arithmetic:?}: {e}", kernel.name);
            }
        }
    }
}

#[test]
fn a_shader_that_does_not_agree_with_its_row_is_noticed() {
    let text = XOR.wgsl;
    for (from, to) in [
        ("a_at: u32, b_at: u32", "b_at: u32, a_at: u32"),
        ("a_at: u32, b_at: u32", "a_at: u32, b_at: i32"),
        ("a_at: u32, b_at: u32", "a_at: u32, b_at: u32, more: u32"),
        ("a: array<u32>", "a: array<Wide>"),
        ("@binding(2) var<storage, read>", "@binding(2) var<storage, read_write>"),
        ("@binding(1)", "@binding(7)"),
        ("out[i] =", "out[i] = 1lu +"),
        ("fn main", "fn other"),
    ] {
        let wrong = text.replace(from, to);
        assert_ne!(wrong, text, "{from} is there to be replaced");
        let wrong = Kernel { wgsl: wrong.leak(), ..XOR };
        assert!(check(&wrong, RingWord::U32, Arithmetic::Limbs).is_err(), "{from} -> {to}");
    }
    check(&XOR, RingWord::U32, Arithmetic::Limbs).expect("the right one passes");
}

#[test]
fn every_file_belongs_to_one_row_and_every_row_to_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let files: BTreeSet<String> = folder
        .read_dir()
        .expect("the shaders are there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "wgsl"))
        .map(|path| path.file_stem().expect("it has a name").to_string_lossy().into_owned())
        .collect();
    let names: BTreeSet<&str> = KERNELS.iter().map(|k| k.name).collect();
    assert_eq!(names.len(), KERNELS.len(), "no name twice");
    let mut own = BTreeSet::new();
    for row in KERNELS {
        // `x_wide` is `x` with a first input of 64 bits
        let name = row.name.strip_suffix("_wide").filter(|name| names.contains(name)).unwrap_or(row.name);
        let text = std::fs::read_to_string(folder.join(name).with_extension("wgsl")).expect("it can be read");
        assert_eq!(row.wgsl, text, "{}: the row names its own file", row.name);
        assert!(text.starts_with("// out"), "{}: begins with the formula of its output", row.name);
        own.insert(name.to_owned());
    }
    assert_eq!(files, own, "left: files in shaders/, right: rows");
}

/// Whether a kernel's WGSL is valid for a word pair, and has the parameters and operands of its row.
fn check(kernel: &Kernel, ring: RingWord, arithmetic: Arithmetic) -> Result<(), String> {
    let source = source(kernel, ring, arithmetic);
    let module = naga::front::wgsl::parse_str(&source).map_err(|e| e.emit_to_string(&source))?;
    let capabilities = match arithmetic {
        Arithmetic::Limbs => Capabilities::empty(),
        Arithmetic::Native => Capabilities::SHADER_INT64,
    };
    Validator::new(ValidationFlags::all(), capabilities).validate(&module).map_err(|e| e.emit_to_string(&source))?;
    if !module.entry_points.iter().any(|e| e.name == "main") {
        return Err("no entry point `main`".into());
    }
    let params = params(&module)?;
    if params != kernel.params {
        return Err(format!("its params are {params:?}, the row's {:?}", kernel.params));
    }
    let kinds = kernel.inputs.iter().chain([&kernel.output]);
    let want: Vec<_> = (1..)
        .zip(kinds)
        .map(|(at, kind)| (at, element(*kind, ring, arithmetic), at as usize > kernel.inputs.len()))
        .collect();
    let operands = operands(&module);
    if operands != want {
        return Err(format!("its operands are {operands:?}, the row's {want:?}"));
    }
    Ok(())
}

/// The fields of the uniform at binding 0, all of which are `u32`.
fn params(module: &Module) -> Result<Vec<&str>, String> {
    let uniform = module.global_variables.iter().map(|(_, v)| v).find(|v| v.space == AddressSpace::Uniform);
    let uniform = uniform.ok_or("it has no uniform")?;
    if uniform.binding.is_none_or(|b| b.group != 0 || b.binding != 0) {
        return Err("its uniform is not at binding 0".into());
    }
    let TypeInner::Struct { members, .. } = &module.types[uniform.ty].inner else {
        return Err("its uniform is no struct".into());
    };
    members
        .iter()
        .map(|m| match module.types[m.ty].inner {
            TypeInner::Scalar(Scalar::U32) => Ok(m.name.as_deref().unwrap_or_default()),
            _ => Err(format!("parameter {:?} is not u32", m.name)),
        })
        .collect()
}

/// Binding, element and whether it is written, of every storage buffer.
fn operands(module: &Module) -> Vec<(u32, TypeInner, bool)> {
    let storage = module.global_variables.iter().filter_map(|(_, v)| match (v.space, &v.binding) {
        (AddressSpace::Storage { access }, Some(b)) if b.group == 0 => match module.types[v.ty].inner {
            TypeInner::Array { base, size: ArraySize::Dynamic, .. } => {
                Some((b.binding, module.types[base].inner.clone(), access.contains(StorageAccess::STORE)))
            }
            _ => None,
        },
        _ => None,
    });
    let mut list: Vec<_> = storage.collect();
    list.sort_by_key(|(at, ..)| *at);
    list
}

/// The WGSL type of an operand's elements.
fn element(kind: Operand, ring: RingWord, arithmetic: Arithmetic) -> TypeInner {
    match (kind, ring, arithmetic) {
        (Operand::Raw, ..) | (Operand::Ring, RingWord::U32, _) => TypeInner::Scalar(Scalar::U32),
        (_, _, Arithmetic::Native) => TypeInner::Scalar(Scalar::U64),
        (_, _, Arithmetic::Limbs) => TypeInner::Vector { size: VectorSize::Bi, scalar: Scalar::U32 },
    }
}
