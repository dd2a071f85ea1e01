//! The columns of a file (parquet.thrift, `SchemaElement`).

use crate::data::table::parquet::fault::{Fault, NO_FOOTER, shown};
use crate::data::table::parquet::thrift::{BINARY, I32, STRUCT, Thrift};

/// A column.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Whether a value may be missing.
    pub(super) optional: bool,
}

/// The type of a column's values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Bool,
    Bytes,
    F32,
    F64,
    I32,
    I64,
    U32,
    U64,
}

/// An element of a schema.
#[derive(Default)]
struct Element<'b> {
    name: &'b [u8],
    /// `Type`, where it is no group.
    physical: Option<i32>,
    /// `FieldRepetitionType`: 0 required, 1 optional, 2 repeated.
    repetition: Option<i32>,
    children: i32,
    meaning: Meaning,
}

/// As much of a logical type as changes what is read.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Meaning {
    Decimal,
    #[default]
    Plain,
    Unsigned,
}

/// The columns of a `list<SchemaElement>`: a tree, each element before its children. Only the root may have any.
pub(super) fn columns(bytes: &mut Thrift<'_>) -> Result<Vec<Column>, Fault> {
    let length = bytes.list(STRUCT).filter(|length| *length > 0).ok_or(NO_FOOTER)?;
    let root = element(bytes).ok_or(NO_FOOTER)?;
    let mut columns = Vec::new();
    for _ in 1..length {
        let element = element(bytes).ok_or(NO_FOOTER)?;
        columns.push(column(&element)?);
    }
    if u64::try_from(root.children) != Ok(length - 1) {
        return Err(NO_FOOTER.into());
    }
    if columns.len() < 2 {
        return Err("has fewer than two columns; a table needs a label and at least one other column".into());
    }
    Ok(columns)
}

fn column(element: &Element<'_>) -> Result<Column, Fault> {
    let name = str::from_utf8(element.name).map_err(|_| NO_FOOTER)?.to_owned();
    match kind(element) {
        Ok(kind) => Ok(Column { name, kind, optional: element.repetition == Some(1) }),
        Err(reason) => Err(format!("{}: {reason}", shown(&name)).into()),
    }
}

fn kind(element: &Element<'_>) -> Result<Kind, &'static str> {
    let (Some(physical), Some(0 | 1), ..=0) = (element.physical, element.repetition, element.children) else {
        return Err("has lists or records; export its parts as columns of their own");
    };
    if element.meaning == Meaning::Decimal {
        return Err("has decimals, which are not supported; export it as float64 or as text");
    }
    let unsigned = element.meaning == Meaning::Unsigned;
    Ok(match physical {
        0 => Kind::Bool,
        1 if unsigned => Kind::U32,
        1 => Kind::I32,
        2 if unsigned => Kind::U64,
        2 => Kind::I64,
        4 => Kind::F32,
        5 => Kind::F64,
        6 => Kind::Bytes,
        // INT96 and FIXED_LEN_BYTE_ARRAY
        3 | 7 => return Err("has a type that is not supported; export it as text, float32, float64 or integers"),
        _ => return Err("has a type that Parquet does not have; export the table again"),
    })
}

/// `SchemaElement`: `1: Type type`, `3: FieldRepetitionType`, `4: string name`, `5: i32 num_children`, `6: ConvertedType`,
/// `10: LogicalType`.
fn element<'b>(bytes: &mut Thrift<'b>) -> Option<Element<'b>> {
    let (mut last, mut element) = (0, Element::default());
    while let Some(field) = bytes.field(&mut last)? {
        match field {
            (1, I32) => element.physical = Some(bytes.number()?),
            (3, I32) => element.repetition = Some(bytes.number()?),
            (4, BINARY) => element.name = bytes.bytes()?,
            (5, I32) => element.children = bytes.number()?,
            (6, I32) => match bytes.number::<i32>()? {
                5 => element.meaning = Meaning::Decimal,
                11..=14 => element.meaning = Meaning::Unsigned,
                _ => {}
            },
            (10, STRUCT) => match logical(bytes)? {
                Meaning::Plain => {}
                meaning => element.meaning = meaning,
            },
            (1 | 3..=6 | 10, _) => return None,
            (_, kind) => bytes.skip(kind)?,
        }
    }
    Some(element)
}

/// `LogicalType`, a union: `5: DecimalType`, `10: IntType`, which has `2: bool isSigned`.
fn logical(bytes: &mut Thrift<'_>) -> Option<Meaning> {
    let (mut last, mut meaning) = (0, Meaning::Plain);
    while let Some(field) = bytes.field(&mut last)? {
        match field {
            (10, STRUCT) if bytes.numbers::<3>()?[2] == Some(0) => meaning = Meaning::Unsigned,
            (10, STRUCT) => {}
            (5, kind) => {
                bytes.skip(kind)?;
                meaning = Meaning::Decimal;
            }
            (_, kind) => bytes.skip(kind)?,
        }
    }
    Some(meaning)
}
