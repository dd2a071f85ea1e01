//! The layering of the house: imports point down only, and outside crates stay behind their walls.
//!
//! The sources are read as tokens: comments and the contents of strings do not count; `use` trees, inline paths and
//! chains of `super` that reach the crate's root do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The levels, from the ground up. Inside a group modules may import each other; a group may import the groups before it.
const LEVELS: &[(u32, &[&[&str]])] = &[
    (0, &[&["error", "fixed", "input", "peer", "prg", "pulse", "shape"]]),
    (1, &[&["kernel"], &["backend"]]),
    (2, &[&["tensor"]]),
    (3, &[&["net"]]),
    (4, &[&["party"]]),
    (5, &[&["gates"]]),
    (6, &[&["nn"], &["layer"]]),
    (7, &[&["data"], &["train"], &["prediction"]]),
    (8, &[&["roles"]]),
    (9, &[&["cli", "fuzzing"], &["main"]]),
];

/// Outside names, and where they may be used.
const WALLS: &[(&[&str], &[&str])] = &[
    (&["clap"], &["src/cli/", "src/cli.rs", "src/main.rs", "src/train/settings_patch.rs"]),
    (&["crc"], &["src/cli/tensorboard.rs"]),
    (&["csv"], &["src/data/table/", "src/data/description/draft.rs", "src/data/fuzzing.rs"]),
    (&["indicatif"], &["src/cli/", "src/cli.rs", "src/main.rs"]),
    (&["plotters"], &["src/cli/report/chart.rs"]),
    (&["png"], &["src/data/images/decode.rs"]),
    (&["prost"], &["src/nn/onnx/", "src/cli/tensorboard.rs"]),
    (&["rustls"], &["src/net/tls.rs", "src/net/tls/", "src/data/"]),
    (&["ruzstd"], &["src/data/table/parquet/unpack.rs"]),
    (&["snap"], &["src/data/table/parquet/unpack.rs"]),
    (&["std", "net"], &["src/net/", "src/net.rs"]),
    (&["wgpu"], &["src/backend/"]),
    (&["zip"], &["src/data/array/files.rs"]),
    (&["zune_jpeg"], &["src/data/images/decode.rs"]),
];

/// The library reports events; only the command line prints, and tests that are run by hand.
const PRINTING: &[&str] = &["eprint", "eprintln", "print", "println"];
const PRINTERS: &[&str] = &["src/cli/", "src/cli.rs", "src/main.rs", "src/train/tests/"];

#[test]
fn imports_point_down_only() {
    let sources = sources();
    assert!(sources.len() > 10, "the sources were found");
    let wrong: Vec<String> = sources.iter().flat_map(|(path, text)| check(path, text)).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn the_crate_docs_show_the_same_levels() {
    let docs = fs::read_to_string(root().join("src/lib.rs")).expect("the crate has a lib.rs");
    let row = |level: u32| docs.lines().find(|line| line.starts_with(&format!("//! | {level} |")));
    for (level, groups) in LEVELS {
        let row = row(*level).unwrap_or_else(|| panic!("src/lib.rs has no row for level {level}"));
        let shown: BTreeSet<&str> = row.split('|').nth(2).into_iter().flat_map(|cell| cell.split('`')).collect();
        for module in groups.iter().copied().flatten() {
            assert!(shown.contains(module), "src/lib.rs does not show `{module}` on level {level}: {row}");
        }
    }
}

#[test]
fn an_upward_import_is_found_wherever_it_hides() {
    let text = r##"
//! Docs may name [`crate::roles`] and `crate::cli`.
/* nor does crate::cli /* in a nested */ crate::roles comment count */
use crate::error::{Error, Result};
use crate::{fixed::mask, gates::{Open, select::Select}, shape::Shape};

fn f<'a>(x: &'a str) -> char {
    let _ = ("crate::cli::a \" crate::cli::b", r#"crate::cli " crate::roles"#, b"crate::cli", '"', '\'', b'"');
    crate::nn::relu::one::<u32>(vec![crate::party::count(1)]);
    '\u{22}'
}
mod inner { use super::super::super::train::Job; fn g() { super::super::Kernel; } }
macro_rules! m { () => { $crate::roles::run() } }
"##;
    let found = check("src/kernel/fast/fake.rs", text);
    let expected = [
        "src/kernel/fast/fake.rs:5: `kernel` (level 1) imports `crate::gates::Open` (level 5)",
        "src/kernel/fast/fake.rs:5: `kernel` (level 1) imports `crate::gates::select::Select` (level 5)",
        "src/kernel/fast/fake.rs:9: `kernel` (level 1) imports `crate::nn::relu::one` (level 6)",
        "src/kernel/fast/fake.rs:9: `kernel` (level 1) imports `crate::party::count` (level 4)",
        "src/kernel/fast/fake.rs:13: `kernel` (level 1) imports `crate::roles::run` (level 8)",
    ];
    assert_eq!(found, expected);
    let deep = "mod inner { use super::super::super::super::train::Job; }";
    assert_eq!(check("src/kernel/fast/fake.rs", deep).len(), 1, "four times up from `fast/fake.rs/inner` is the root");
}

#[test]
fn modules_of_one_level_keep_their_order() {
    let imports = |from: &str, to: &str| check(&format!("src/{from}.rs"), &format!("use crate::{to}::X;")).is_empty();
    assert!(imports("backend", "kernel") && !imports("kernel", "backend"));
    assert!(imports("train", "data") && !imports("data", "train"));
    assert!(imports("kernel", "prg") && imports("error", "shape") && imports("main", "cli"));
    assert!(check("src/main.rs", "use ppdnn::roles::run;").is_empty());
}

#[test]
fn a_new_module_wants_a_level() {
    let new = check("src/oddity/mod.rs", "");
    assert_eq!(new, ["src/oddity/mod.rs:1: module `oddity` has no level; give it one in tests/import_order.rs"]);
    let used = check("src/nn/mod.rs", "use crate::oddity::X;");
    assert_eq!(used, ["src/nn/mod.rs:1: `crate::oddity::X` is in no module with a level; see tests/import_order.rs"]);
    assert_eq!(check("src/nn/mod.rs", "use crate::*;").len(), 1);
}

#[test]
fn outside_crates_stay_behind_their_walls() {
    let text = "use std::{fmt, net::TcpStream};\nuse wgpu;\nfn f() { ::rustls::x(); clap::Parser; println!(); }";
    let lines = check("src/roles/mod.rs", text);
    let expected = [
        "src/roles/mod.rs:1: `std::net::TcpStream` belongs in src/net/, src/net.rs",
        "src/roles/mod.rs:2: `wgpu` belongs in src/backend/",
        "src/roles/mod.rs:3: `rustls::x` belongs in src/net/tls.rs, src/net/tls/, src/data/",
        "src/roles/mod.rs:3: `clap::Parser` belongs in src/cli/, src/cli.rs, src/main.rs, src/train/settings_patch.rs",
        "src/roles/mod.rs:3: `println!` belongs in src/cli/, src/cli.rs, src/main.rs, src/train/tests/; the library reports events",
    ];
    assert_eq!(lines, expected);
    let own = "mod wgpu; use crate::backend::{wgpu::Gpu, Cpu}; fn f(x: X) { x.net(); }\nmod tests { println!(); }";
    assert_eq!(check("src/backend/mod.rs", own), Vec::<String>::new());
    assert_eq!(check("src/roles/mod.rs", "use crate::backend::wgpu::Gpu;"), Vec::<String>::new());
}

/// What is wrong with one file.
fn check(path: &str, text: &str) -> Vec<String> {
    let inside = path.strip_prefix("src/").expect("sources lie in src");
    let modules: Vec<&str> =
        inside.trim_end_matches(".rs").split('/').filter(|part| !matches!(*part, "lib" | "mod")).collect();
    let Some(module) = modules.first() else { return Vec::new() }; // lib.rs only lists the modules
    let Some(mine) = Place::of(module) else {
        return vec![format!("{path}:1: module `{module}` has no level; give it one in tests/import_order.rs")];
    };
    let mut wrong = Vec::new();
    for Use { line, path: used, alone, depth, test } in uses(text) {
        let shown = used.join("::");
        if PRINTING.iter().any(|p| used == [format!("{p}!")]) && !test && !allowed(path, PRINTERS) {
            wrong.push(format!(
                "{path}:{line}: `{shown}` belongs in {}; the library reports events",
                PRINTERS.join(", ")
            ));
        }
        for (name, homes) in WALLS {
            let outside = used.len() >= name.len() && used.iter().zip(*name).all(|(a, b)| a == b);
            if outside && !(alone && used.len() == 1) && !allowed(path, homes) {
                wrong.push(format!("{path}:{line}: `{shown}` belongs in {}", homes.join(", ")));
            }
        }
        let Some(from_root) = from_root(&used, modules.len() + depth) else { continue };
        let Some(target) = from_root.first().filter(|name| !name.ends_with('!')) else { continue };
        let shown = format!("crate::{}", from_root.join("::"));
        match Place::of(target) {
            None => {
                wrong.push(format!("{path}:{line}: `{shown}` is in no module with a level; see tests/import_order.rs"));
            }
            Some(theirs) if theirs > mine => wrong.push(format!(
                "{path}:{line}: `{module}` (level {}) imports `{shown}` (level {})",
                mine.level, theirs.level
            )),
            Some(_) => {}
        }
    }
    wrong
}

/// Where a module stands; what is greater stands higher.
#[derive(PartialEq, PartialOrd)]
struct Place {
    level: u32,
    group: usize,
}

impl Place {
    fn of(module: &str) -> Option<Self> {
        LEVELS.iter().find_map(|(level, groups)| {
            let group = groups.iter().position(|group| group.contains(&module))?;
            Some(Self { level: *level, group })
        })
    }
}

fn allowed(path: &str, homes: &[&str]) -> bool {
    homes.iter().any(|home| path == *home || (home.ends_with('/') && path.starts_with(home)))
}

/// The part of a path behind the crate's root, for paths that begin there; `depth` is how deep in modules it stands.
fn from_root(path: &[String], depth: usize) -> Option<&[String]> {
    let first = path.first()?;
    if path.len() > 1 && (first == "crate" || first == "ppdnn") {
        return Some(&path[1..]);
    }
    let climbs = path.iter().skip(usize::from(first == "self")).take_while(|part| *part == "super").count();
    let rest = &path[climbs + usize::from(first == "self")..];
    (climbs > 0 && climbs == depth && !rest.is_empty()).then_some(rest)
}

/// A path as it stands in a file.
struct Use {
    line: usize,
    path: Vec<String>,
    /// A lone word that is no `use` either, such as the name in `mod wgpu;`.
    alone: bool,
    /// Inline modules around it.
    depth: usize,
    /// Whether it stands in an inline module `tests`.
    test: bool,
}

/// All paths of a file, with the trees of `use` spelled out; macros end in `!`.
fn uses(text: &str) -> Vec<Use> {
    let tokens = tokens(text);
    let word = |at: usize| tokens.get(at).map_or("", |(_, token)| token.as_str());
    let mut found = Vec::new();
    let mut braces: Vec<Option<&str>> = Vec::new(); // the inline module that each open brace begins, if any
    let mut at = 0;
    while at < tokens.len() {
        match word(at) {
            "{" => braces.push((at > 1 && word(at - 2) == "mod").then(|| word(at - 1))),
            "}" => {
                braces.pop();
            }
            name if is_name(name) && !(at > 0 && word(at - 1) == ".") => {
                let mut paths = Vec::new();
                let start = at;
                at = tree(&tokens, at, &[], &mut paths);
                let alone = start == 0 || !matches!(word(start - 1), "use" | "crate" | "{" | ",");
                let depth = braces.iter().flatten().count();
                let test = braces.contains(&Some("tests"));
                found.extend(paths.into_iter().map(|(line, path)| Use { line, path, alone, depth, test }));
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

type Token = (usize, String);

/// Reads `a::b::{c, d::*}` at a token; returns where it ends.
fn tree(tokens: &[Token], mut at: usize, before: &[String], found: &mut Vec<(usize, Vec<String>)>) -> usize {
    let word = |at: usize| tokens.get(at).map_or("", |(_, token)| token.as_str());
    let mut path = before.to_vec();
    loop {
        let Some((line, token)) = tokens.get(at) else { return at };
        if token == "{" {
            at += 1;
            while at < tokens.len() && word(at) != "}" {
                let end = tree(tokens, at, &path, found);
                at = end.max(at + 1);
            }
            return at + 1;
        }
        if !is_name(token) && token != "*" {
            return at;
        }
        path.push(token.clone());
        at += 1;
        if word(at) == "::" && (is_name(word(at + 1)) || matches!(word(at + 1), "{" | "*")) {
            at += 1;
        } else {
            if word(at) == "!" && word(at + 1) != "=" {
                path.last_mut().expect("a word was just added").push('!');
            }
            found.push((*line, path));
            return at;
        }
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The words and signs of a file with their lines; no comments, no strings, no characters, no lifetimes, no numbers.
fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(c) = rest.chars().next() {
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(len) = string(rest) {
            len
        } else if let Some(len) = character(rest) {
            len
        } else if is_name(rest) || c.is_ascii_digit() {
            let len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            if is_name(rest) {
                out.push((line, rest[..len].to_owned()));
            }
            len
        } else if rest.starts_with("::") {
            out.push((line, "::".to_owned()));
            2
        } else {
            if !c.is_whitespace() {
                out.push((line, c.to_string()));
            }
            c.len_utf8()
        };
        line += rest[..len].matches('\n').count();
        rest = &rest[len..];
    }
    out
}

/// The length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let (mut at, mut open) = (2, 1);
    while open > 0 && at < text.len() {
        let rest = &text.as_bytes()[at..];
        let (step, change) = if rest.starts_with(b"*/") {
            (2, -1)
        } else if rest.starts_with(b"/*") {
            (2, 1)
        } else {
            (1, 0)
        };
        at += step;
        open += change;
    }
    at
}

/// The length of a string literal of any kind.
fn string(text: &str) -> Option<usize> {
    let prefix = text.find(|c| !matches!(c, 'b' | 'c' | 'r')).unwrap_or(text.len());
    match &text[..prefix] {
        "" | "b" | "c" => text[prefix..].starts_with('"').then(|| quoted(text, prefix, '"')),
        "r" | "br" | "cr" => {
            let hashes = text[prefix..].find(|c| c != '#')?;
            let body = text[prefix + hashes..].strip_prefix('"')?;
            let end = format!("\"{}", "#".repeat(hashes));
            Some(text.len() - body.len() + body.find(&end).map_or(body.len(), |at| at + end.len()))
        }
        _ => None,
    }
}

/// The length of what is quoted from byte `from` on, with backslashes that escape.
fn quoted(text: &str, from: usize, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text[from + 1..].char_indices() {
        if c == quote && !escaped {
            return from + 1 + at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// The length of a character literal, or of the tick and name of a lifetime.
fn character(text: &str) -> Option<usize> {
    let from = usize::from(text.starts_with("b'"));
    let mut rest = text[from..].strip_prefix('\'')?.chars();
    let (first, second) = (rest.next()?, rest.next());
    if first == '\\' || second == Some('\'') {
        return Some(quoted(text, from, '\''));
    }
    let name = text[from + 1..].find(|c: char| !c.is_alphanumeric() && c != '_');
    Some(from + 1 + name.unwrap_or(text.len() - from - 1))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file: its path from the root, and its text.
fn sources() -> Vec<(String, String)> {
    let mut folders = vec![root().join("src")];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a source folder can be read") {
            let path = entry.expect("a source folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    let named = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source file is text");
        let path = path.strip_prefix(root()).expect("sources lie in the root").to_string_lossy().replace('\\', "/");
        (path, text)
    };
    files.into_iter().map(named).collect()
}
