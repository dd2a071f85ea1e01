//! Every entry point of every WGSL file is valid for every word pair and agrees with the row that names it. Needs no adapter.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, ArraySize, GlobalVariable, Module, Scalar, StorageAccess, TypeInner, VectorSize};
use ppdnn::backend::gpu::Arithmetic;
use ppdnn::backend::gpu::shader::{PAIRS, source};
use ppdnn::kernel::twin::{DEAL_EXTEND, EXTEND, XOR, kernels};
use ppdnn::kernel::{Kernel, Operand, RingWord};

#[test]
fn every_shader_is_valid_and_agrees_with_its_row_for_every_word_pair() {
    for kernel in kernels() {
        for (ring, arithmetic) in PAIRS {
            if let Err(e) = check(kernel, ring, arithmetic) {
                panic!("`{}` of shaders/{} for {ring:?}, {arithmetic:?}: {e}", kernel.entry, kernel.file);
            }
        }
    }
}

#[test]
fn a_shader_that_does_not_agree_with_its_row_is_noticed() {
    for (kernel, from, to) in [
        (&XOR, "a_at: u32, b_at: u32", "b_at: u32, a_at: u32"),
        (&XOR, "a_at: u32, b_at: u32", "a_at: u32, b_at: i32"),
        (&XOR, "a_at: u32, b_at: u32", "a_at: u32, b_at: u32, more: u32"),
        (&XOR, "a: array<u32>", "a: array<Wide>"),
        (&XOR, "@binding(2) var<storage, read>", "@binding(2) var<storage, read_write>"),
        (&XOR, "@binding(1)", "@binding(7)"),
        (&XOR, "@binding(1)", "@binding(2)"),
        (&XOR, "out[i] =", "out[i] = 1lu +"),
        (&XOR, "// out[i]", "// the output"),
        (&XOR, "fn main", "fn other"),
        // of a file with another entry point: uses what that alone declares, at a binding of its own and at a free one
        (&DEAL_EXTEND, "arrayLength(&rho_sum)", "arrayLength(&hat)"),
        (&DEAL_EXTEND, "word >= words;", "word >= words + arrayLength(&out);"),
        // declares a binding twice, one too many, and one too few
        (&DEAL_EXTEND, "// Element i", "@group(0) @binding(1) var<storage, read> twice: array<Ring>;\n// Element i"),
        (&DEAL_EXTEND, "// Element i", "@group(0) @binding(4) var<storage, read> more: array<u32>;\n// Element i"),
        (&DEAL_EXTEND, "@group(0) @binding(2) var<storage, read> share0: array<u32>", "const share0 = array(0u)"),
        (&DEAL_EXTEND, "// corrections", "// what is dealt"),
        (&DEAL_EXTEND, "fn deal", "fn other"),
    ] {
        let wrong = kernel.wgsl.replace(from, to);
        assert_ne!(wrong, kernel.wgsl, "{from} is there to be replaced");
        let wrong = Kernel { wgsl: wrong.leak(), ..*kernel };
        assert!(check(&wrong, RingWord::U32, Arithmetic::Limbs).is_err(), "{}: {from} -> {to}", kernel.name);
    }
    for wrong in [Kernel { entry: "other", ..XOR }, Kernel { entry: EXTEND.entry, ..DEAL_EXTEND }] {
        assert!(check(&wrong, RingWord::U32, Arithmetic::Limbs).is_err(), "{} by `{}`", wrong.name, wrong.entry);
    }
    for right in [&XOR, &EXTEND, &DEAL_EXTEND] {
        check(right, RingWord::U32, Arithmetic::Limbs).expect("the right one passes");
    }
}

#[test]
fn an_operand_that_is_declared_but_not_used_agrees_with_its_row() {
    let unused = XOR.wgsl.replace(" ^ b[p.b_at + i]", "");
    assert_ne!(unused, XOR.wgsl, "`b` is used");
    let unused = Kernel { wgsl: unused.leak(), ..XOR };
    check(&unused, RingWord::U32, Arithmetic::Limbs).expect("`b` is declared");
}

#[test]
fn every_entry_point_belongs_to_a_row_and_every_file_to_rows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let texts: BTreeMap<String, String> = folder
        .read_dir()
        .expect("the shaders are there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "wgsl"))
        .map(|path| {
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).expect("it can be read"))
        })
        .collect();
    let names: BTreeSet<&str> = kernels().map(|k| k.name).collect();
    assert_eq!(names.len(), kernels().count(), "no name twice");
    let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in kernels() {
        named.entry(row.file).or_default().insert(row.entry);
    }
    let there = texts.iter().map(|(file, text)| (file.as_str(), entries(text))).collect();
    assert_eq!(named, there, "left: what rows name, right: what is in shaders/");
}

#[test]
fn an_entry_point_that_no_row_names_is_seen() {
    assert_eq!(entries(DEAL_EXTEND.wgsl), BTreeSet::from(["deal", "main"]));
    let more = format!("{}\n@compute @workgroup_size(1)\nfn more() {{\n}}\n", XOR.wgsl);
    assert_eq!(entries(&more), BTreeSet::from(["main", "more"]));
}

/// The names of a file's entry points.
fn entries(wgsl: &str) -> BTreeSet<&str> {
    sections(wgsl).into_iter().map(|(name, _)| name).collect()
}

/// The sections of a file, each under the name of the entry point that ends it: an entry point and all that stands between it
/// and the one before it.
fn sections(wgsl: &str) -> Vec<(&str, Range<usize>)> {
    let mut sections = Vec::new();
    let mut from = 0;
    while let Some(at) = wgsl[from..].find("@compute") {
        let text = &wgsl[from + at..];
        let name = text.split_once("fn ").and_then(|(_, text)| text.split_once('(')).map_or("", |(name, _)| name);
        let end = text.find("\n}").map_or(wgsl.len(), |brace| from + at + brace + 2);
        sections.push((name, from..end));
        from = end;
    }
    sections
}

/// Whether a kernel's entry point is valid for a word pair, has the parameters and operands of its row, and stands below the
/// formula of its output.
fn check(kernel: &Kernel, ring: RingWord, arithmetic: Arithmetic) -> Result<(), String> {
    let source = source(kernel, ring, arithmetic);
    let module = naga::front::wgsl::parse_str(&source).map_err(|e| e.emit_to_string(&source))?;
    let globals = globals(kernel, &source, &module, arithmetic)?;
    let params = params(&module, &globals)?;
    if params != kernel.params {
        return Err(format!("its params are {params:?}, the row's {:?}", kernel.params));
    }
    let kinds = kernel.inputs.iter().chain([&kernel.output]);
    let want: Vec<_> = (1..)
        .zip(kinds)
        .map(|(at, kind)| (at, element(*kind, ring, arithmetic), at as usize > kernel.inputs.len()))
        .collect();
    let operands = operands(&module, &globals);
    if operands != want {
        return Err(format!("its operands are {operands:?}, the row's {want:?}"));
    }
    Ok(())
}

/// The globals of a kernel's entry point: those that it uses, wherever in the file they stand, and all that its section
/// declares, so that an operand which the WGSL does not need is one all the same.
///
/// Of two globals with one binding both are in the list, which then is not the row's; where both are used the entry point is
/// not valid either.
fn globals<'m>(
    kernel: &Kernel,
    source: &str,
    module: &'m Module,
    arithmetic: Arithmetic,
) -> Result<Vec<&'m GlobalVariable>, String> {
    let capabilities = match arithmetic {
        Arithmetic::Limbs => Capabilities::empty(),
        Arithmetic::Native => Capabilities::SHADER_INT64,
    };
    let info = Validator::new(ValidationFlags::all(), capabilities).validate(module);
    let info = info.map_err(|e| e.emit_to_string(source))?;
    let missing = || format!("no entry point `{}`", kernel.entry);
    let at = module.entry_points.iter().position(|e| e.name == kernel.entry).ok_or_else(missing)?;
    let uses = info.get_entry_point(at);
    let (_, section) = sections(kernel.wgsl).into_iter().find(|(name, _)| *name == kernel.entry).ok_or_else(missing)?;
    let prelude = source.len() - kernel.wgsl.len();
    let declared = section.start + prelude..section.end + prelude;
    let (mut list, mut output) = (Vec::new(), "");
    for (handle, global) in module.global_variables.iter() {
        let span = module.global_variables.get_span(handle).to_range();
        if !uses[handle].is_empty() || span.is_some_and(|span| declared.contains(&span.start)) {
            list.push(global);
            if written(global) {
                output = global.name.as_deref().unwrap_or_default();
            }
        }
    }
    if !kernel.wgsl[section].trim_start().starts_with(&format!("// {output}")) {
        return Err(format!("its section does not begin with the formula of `{output}`"));
    }
    Ok(list)
}

fn written(global: &GlobalVariable) -> bool {
    matches!(global.space, AddressSpace::Storage { access } if access.contains(StorageAccess::STORE))
}

/// The fields of the one uniform, at binding 0, all of which are `u32`.
fn params<'m>(module: &'m Module, globals: &[&GlobalVariable]) -> Result<Vec<&'m str>, String> {
    let uniforms: Vec<_> = globals.iter().filter(|v| v.space == AddressSpace::Uniform).collect();
    let [uniform] = uniforms[..] else { return Err(format!("it has {} uniforms", uniforms.len())) };
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
fn operands(module: &Module, globals: &[&GlobalVariable]) -> Vec<(u32, TypeInner, bool)> {
    let storage = globals.iter().filter_map(|v| match (v.space, &v.binding) {
        (AddressSpace::Storage { .. }, Some(b)) if b.group == 0 => match module.types[v.ty].inner {
            TypeInner::Array { base, size: ArraySize::Dynamic, .. } => {
                Some((b.binding, module.types[base].inner.clone(), written(v)))
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
