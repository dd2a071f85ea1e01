//! Files that are made to exhaust their reader: they nest, and announce what they do not have.

use std::fs;
use std::path::Path;

use ppdnn::data::Description;

use crate::damaged::peak_kib;
use crate::load;

/// A file of two columns of integers, `a` and `b`, with the values 1 and 2 each, and what may be wrong in it.
struct File {
    /// Columns that the root and the schema announce.
    children: i64,
    elements: u64,
    groups: u64,
    rows: i64,
    /// Of the pages of column `a`.
    place: [i64; 2],
    dictionary: Option<i64>,
    /// The page of both columns, as its header and its bytes.
    page: [Vec<u8>; 2],
    /// Fields at the end of the file's metadata, a column of the schema, a row group, a column of it, its metadata.
    more: [Vec<u8>; 5],
    footer_length: Option<u32>,
}

impl File {
    fn new() -> Self {
        let page = [page_header(8, 8, 2), vec![1, 0, 0, 0, 2, 0, 0, 0]];
        let place = [4, (page[0].len() + page[1].len()).try_into().unwrap()];
        let (more, footer_length, dictionary) = (Default::default(), None, None);
        Self { children: 2, elements: 3, groups: 1, rows: 2, place, dictionary, page, more, footer_length }
    }

    fn bytes(&self) -> Vec<u8> {
        let page = self.page.concat();
        let [file, schema, group, column, metadata] = &self.more;
        let element = |name| [&[0x15, 2, 0x25, 0, 0x18, 1, name], &schema[..], &[0]].concat();
        let chunk = |[start, length]: [i64; 2]| {
            // codec 0; total_compressed_size; data_page_offset
            let mut bytes = [&[0x3c, 0x45, 0, 0x36][..], &int(length), &[0x26], &int(start)].concat();
            if let Some(dictionary) = self.dictionary {
                bytes.extend([&[0x26][..], &int(dictionary)].concat());
            }
            [&bytes[..], metadata, &[0], column, &[0]].concat()
        };
        let length = i64::try_from(page.len()).unwrap();
        let footer = [
            &[0x15, 2],
            &list(self.elements)[..],
            &[0x48, 1, b'r', 0x15],
            &int(self.children),
            &[0],
            &element(b'a'),
            &element(b'b'),
            &[0x16, 4],
            &list(self.groups),
            &list(2),
            &chunk(self.place),
            &chunk([4 + length, length]),
            &[0x26],
            &int(self.rows),
            group,
            &[0],
            file,
            &[0],
        ]
        .concat();
        let footer_length = self.footer_length.unwrap_or_else(|| footer.len().try_into().unwrap());
        [b"PAR1", &page[..], &page, &footer, &footer_length.to_le_bytes(), b"PAR1"].concat()
    }
}

/// The header of a data page in the encoding plain.
fn page_header(unpacked: i64, packed: i64, values: i64) -> Vec<u8> {
    let sizes = [&[0x15, 0, 0x15][..], &int(unpacked), &[0x15], &int(packed)].concat();
    [&sizes, &[0x2c, 0x15][..], &int(values), &[0x15, 0, 0x15, 6, 0x15, 6, 0, 0]].concat()
}

fn varint(mut x: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while x >= 0x80 {
        bytes.push(x.to_le_bytes()[0] | 0x80);
        x >>= 7;
    }
    bytes.push(x.to_le_bytes()[0]);
    bytes
}

fn int(x: i64) -> Vec<u8> {
    varint((x << 1 ^ x >> 63).cast_unsigned())
}

/// The next field but none, a list of so many structs.
fn list(length: u64) -> Vec<u8> {
    [&[0x19, 0xfc][..], &varint(length)].concat()
}

/// Field 100 of a struct, of a type.
fn field(kind: u8) -> Vec<u8> {
    vec![kind, 200, 1]
}

/// The number of a file's rows, or why they cannot be read.
fn read(path: &Path, bytes: &[u8]) -> Result<u64, String> {
    let text = "name = \"crafted\"\nlabel = \"b\"\nclasses = [\"1\", \"2\"]\n\
                [[columns]]\nname = \"a\"\nkind = \"number\"\nrange = [0, 10]\n";
    fs::write(path, bytes).unwrap();
    let data = load(path, &Description::parse(text).unwrap()).map_err(|e| e.to_string())?;
    Ok((data.train.len() + data.test.len()) as u64)
}

/// Tries files, each of which must be refused with a text.
fn refused(says: &str, files: impl IntoIterator<Item = (&'static str, Vec<u8>)>) {
    let folder = tempfile::tempdir().unwrap();
    let (path, before) = (folder.path().join("crafted.parquet"), peak_kib());
    assert_eq!(read(&path, &File::new().bytes()), Ok(2), "nothing else is wrong with the file");
    for (name, bytes) in files {
        let text = read(&path, &bytes).expect_err(name);
        assert!(text.contains(says), "{name}: `{says}` is not in {text}");
        assert!(text.starts_with(&path.display().to_string()), "{text}");
    }
    assert!(peak_kib() < before + (1 << 19), "more than 512 MiB for small files");
}

#[test]
fn groups_in_groups_without_end_are_refused() {
    let footer = |levels: u32| {
        // each of one child; the name "a"
        let levels = [0x48, 1, b'a', 0x15, 2, 0].repeat(levels as usize);
        [&[0x15, 2][..], &list(100_001), &levels, &[0x48, 1, b'z', 0], &[0]].concat()
    };
    let file = |footer: Vec<u8>| {
        let length = u32::try_from(footer.len()).unwrap();
        [&b"PAR1"[..], &footer, &length.to_le_bytes(), b"PAR1"].concat()
    };
    refused("column `a`: has lists or records", [("groups", file(footer(100_000)))]);
}

#[test]
fn unknown_fields_that_nest_without_end_are_refused() {
    let wheres = ["the file's metadata", "the schema", "a row group", "a column", "a column's metadata"];
    // structs in structs; lists in lists; both in turn
    let deep = |open: &[u8], close: &[u8]| [open.repeat(100_000), close.repeat(100_000)].concat();
    let kinds = [(12, deep(&[0x1c], &[0])), (9, deep(&[0x19], &[0])), (12, deep(&[0x19, 0x1c], &[0]))];
    let files = wheres.iter().enumerate().flat_map(|(at, name)| {
        kinds.iter().map(move |(kind, deep)| {
            let mut file = File::new();
            file.more[at] = [field(*kind), deep.clone()].concat();
            (*name, file.bytes())
        })
    });
    refused("its Parquet footer cannot be read", files);
    // flat, they are passed over
    let folder = tempfile::tempdir().unwrap();
    for at in 0..wheres.len() {
        let mut file = File::new();
        file.more[at] = [field(12), vec![0x1c, 0, 0]].concat();
        assert_eq!(read(&folder.path().join("flat.parquet"), &file.bytes()), Ok(2));
    }
    let mut page = File::new();
    page.page[0].pop();
    page.page[0].extend([field(12), deep(&[0x1c], &[0]), vec![0]].concat());
    page.place[1] = (page.page[0].len() + page.page[1].len()).try_into().unwrap();
    refused("row 0 (from 0), column `a`: is damaged", [("the header of a page", page.bytes())]);
}

#[test]
fn footers_that_announce_what_is_not_there_are_refused() {
    let file = |change: &dyn Fn(&mut File)| {
        let mut file = File::new();
        change(&mut file);
        file.bytes()
    };
    let many = 1 << 31;
    refused(
        "its Parquet footer cannot be read",
        [
            ("children", file(&|f| f.children = many - 1)),
            ("2^31 children", file(&|f| f.children = many)),
            ("fewer children", file(&|f| f.children = 1)),
            ("no children", file(&|f| f.children = -1)),
            ("elements", file(&|f| f.elements = 1 << 31)),
            ("row groups", file(&|f| f.groups = 1 << 31)),
            ("2^63 row groups", file(&|f| f.groups = 1 << 63)),
            ("negative rows", file(&|f| f.rows = -1)),
            ("negative offset", file(&|f| f.place[0] = -1)),
            ("negative length", file(&|f| f.place[1] = i64::MIN)),
            ("a list of 2^31 booleans", file(&|f| f.more[0] = [field(9), vec![0xf1], varint(1 << 31)].concat())),
            ("a text of 2^31 bytes", file(&|f| f.more[3] = [field(8), varint(1 << 31)].concat())),
            ("a footer of 4 GiB", file(&|f| f.footer_length = Some(u32::MAX))),
            ("no footer", file(&|f| f.footer_length = Some(0))),
        ],
    );
    refused(
        "is damaged or truncated; copy",
        [
            ("2^62 rows", file(&|f| f.rows = 1 << 62)),
            ("as many rows as possible", file(&|f| f.rows = i64::MAX)),
            ("an offset beyond the file", file(&|f| f.place[0] = 1 << 40)),
            ("the largest offset", file(&|f| f.place[0] = i64::MAX)),
            ("a length beyond the file", file(&|f| f.place[1] = 1 << 40)),
            ("the largest length", file(&|f| f.place[1] = i64::MAX)),
            // 2 rows are there
            ("a third row", file(&|f| f.rows = 3)),
            ("a page cut short", file(&|f| f.place[1] -= 1)),
            ("no page", file(&|f| f.place[1] = 0)),
            ("a dictionary that is none", file(&|f| f.dictionary = Some(2))),
        ],
    );
    refused("is encrypted", [("encrypted", file(&|f| f.more[0] = vec![0x4c, 0]))]);
}

#[test]
fn pages_that_announce_what_is_not_there_are_refused() {
    let file = |header: Vec<u8>, bytes: &[u8]| {
        let mut file = File { page: [header, bytes.to_vec()], ..File::new() };
        file.place[1] = (file.page[0].len() + bytes.len()).try_into().unwrap();
        file.bytes()
    };
    let most = i64::from(i32::MAX);
    let data = &File::new().page[1];
    // type 2, a dictionary of so many entries; version 2, with levels of so many bytes
    let dictionary = |values| [&[0x15, 4, 0x15, 16, 0x15, 16, 0x4c, 0x15][..], &int(values), &[0x15, 0, 0, 0]].concat();
    let version2 = |levels| {
        let start = [0x15, 6, 0x15, 16, 0x15, 16, 0x5c, 0x15, 4, 0x15, 0, 0x15, 4, 0x15, 0, 0x15];
        [&start[..], &int(levels), &[0x15, 0, 0, 0]].concat()
    };
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read(&folder.path().join("version2.parquet"), &file(version2(0), data)), Ok(2));
    refused(
        "row 0 (from 0), column `a`: is damaged or truncated",
        [
            ("2 GiB packed", file(page_header(8, most, 2), data)),
            ("a negative size", file(page_header(8, -1, 2), data)),
            ("negative values", file(page_header(8, 8, -1), data)),
            ("a dictionary", file(dictionary(most), data)),
            ("levels", file(version2(most), data)),
            ("negative levels", file(version2(-1), data)),
            ("no value", file(page_header(3, 3, most), &[1, 0, 0])),
        ],
    );
    refused(
        "row 1 (from 0), column `a`: is damaged or truncated",
        [("one value", file(page_header(4, 4, most), &data[..4]))],
    );
}
