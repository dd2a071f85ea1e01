//! The values of one column, as texts.

use std::sync::Arc;
use std::vec;

use csv::ByteRecord;
use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::RowGroupMetaData;
use parquet::schema::types::ColumnDescriptor;

use crate::data::table::parquet::NESTED;
use crate::data::table::parquet::pages::{Chunks, Pages};

/// A column of a row group.
pub(super) struct Column {
    cells: Box<dyn Cells>,
    /// Holds a text while it is made.
    text: Vec<u8>,
}

impl Column {
    /// Opens column `at` of a row group.
    pub(super) fn open(chunks: &Arc<Chunks>, group: &RowGroupMetaData, at: usize) -> Result<Self> {
        let pages = Pages::open(chunks, group, at)?;
        let kind = group.column(at).column_descr_ptr();
        let unsigned = matches!(
            kind.converted_type(),
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64
        );
        let optional = kind.max_def_level() > 0;
        let cells: Box<dyn Cells> = match get_column_reader(kind, Box::new(pages)) {
            ColumnReader::BoolColumnReader(reader) => typed(reader, optional, shown),
            ColumnReader::Int32ColumnReader(reader) if unsigned => {
                typed(reader, optional, |x: &i32, text| shown(&x.cast_unsigned(), text))
            }
            ColumnReader::Int32ColumnReader(reader) => typed(reader, optional, shown),
            ColumnReader::Int64ColumnReader(reader) if unsigned => {
                typed(reader, optional, |x: &i64, text| shown(&x.cast_unsigned(), text))
            }
            ColumnReader::Int64ColumnReader(reader) => typed(reader, optional, shown),
            ColumnReader::FloatColumnReader(reader) => typed(reader, optional, shown),
            ColumnReader::DoubleColumnReader(reader) => typed(reader, optional, shown),
            ColumnReader::ByteArrayColumnReader(reader) => {
                typed(reader, optional, |bytes: &ByteArray, text| text.extend(bytes.data()))
            }
            _ => return Err(ParquetError::NYI("the type of a column".to_owned())),
        };
        Ok(Self { cells, text: Vec::new() })
    }

    /// Decodes the values of the next rows.
    pub(super) fn decode(&mut self, rows: usize) -> Result<()> {
        self.cells.decode(rows)
    }

    /// Adds the value of the next decoded row to a record, an empty text if it is missing; `None` if there is none.
    pub(super) fn push(&mut self, record: &mut ByteRecord) -> Option<()> {
        self.text.clear();
        self.cells.next(&mut self.text)?;
        record.push_field(&self.text);
        Some(())
    }
}

/// Why a column cannot be read; `None` if it can.
pub(super) fn unsupported(column: &ColumnDescriptor) -> Option<&'static str> {
    if column.max_rep_level() > 0 || column.max_def_level() > 1 {
        return Some(NESTED);
    }
    if column.converted_type() == ConvertedType::DECIMAL
        || matches!(column.logical_type_ref(), Some(LogicalType::Decimal { .. }))
    {
        return Some("has decimals, which are not supported; export it as float64 or as text");
    }
    let plain = !matches!(column.physical_type(), Type::FIXED_LEN_BYTE_ARRAY | Type::INT96);
    (!plain).then_some("has a type that is not supported; export it as text, float32, float64 or integers")
}

/// Decoded values, the next first.
trait Cells {
    fn decode(&mut self, rows: usize) -> Result<()>;
    fn next(&mut self, text: &mut Vec<u8>) -> Option<()>;
}

struct Typed<T: DataType> {
    reader: ColumnReaderImpl<T>,
    values: vec::IntoIter<T::T>,
    /// Of an optional column, 1 for each row that has a value, and 0 for each that has none.
    levels: Option<vec::IntoIter<i16>>,
    write: fn(&T::T, &mut Vec<u8>),
}

fn typed<T: DataType>(reader: ColumnReaderImpl<T>, optional: bool, write: fn(&T::T, &mut Vec<u8>)) -> Box<dyn Cells> {
    Box::new(Typed { reader, values: Vec::new().into_iter(), levels: optional.then(|| Vec::new().into_iter()), write })
}

impl<T: DataType> Cells for Typed<T> {
    fn decode(&mut self, rows: usize) -> Result<()> {
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        let (read, ..) = self.reader.read_records(rows, Some(&mut levels), None, &mut values)?;
        if read != rows {
            return Err(ParquetError::EOF("a column has fewer values than rows".to_owned()));
        }
        self.values = values.into_iter();
        self.levels = self.levels.is_some().then(|| levels.into_iter());
        Ok(())
    }

    fn next(&mut self, text: &mut Vec<u8>) -> Option<()> {
        let given = match &mut self.levels {
            None => true,
            Some(levels) => levels.next()? == 1,
        };
        if given {
            (self.write)(&self.values.next()?, text);
        }
        Some(())
    }
}

/// A number with all digits that tell it from others.
fn shown(x: &impl ToString, text: &mut Vec<u8>) {
    text.extend(x.to_string().bytes());
}
