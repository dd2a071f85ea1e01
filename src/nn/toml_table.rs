//! Tables of a TOML file, read entry by entry, so that every error has a line and unknown keys are reported.

use std::fmt::{self, Display};
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::rc::Rc;

use serde::de::value::StrDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::error::Error;

/// What is wrong with a file, and in which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    line: usize,
    reason: String,
}

impl LineError {
    pub(crate) fn new(line: usize, reason: String) -> Self {
        Self { line, reason }
    }

    /// As an error about a file.
    pub(crate) fn in_file(self, path: &Path) -> Error {
        Error::format(path, self.to_string())
    }
}

impl Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for LineError {}

impl serde::de::Error for LineError {
    /// An error of a value: the line is that of its entry.
    fn custom<T: Display>(reason: T) -> Self {
        Self::new(0, reason.to_string())
    }
}

type Result<T> = std::result::Result<T, LineError>;

/// A table whose entries are taken one by one.
pub struct TomlTable<'a> {
    text: &'a str,
    /// Where the lines of the text end, ascending.
    ends: Rc<[usize]>,
    /// What errors call it; empty for the file itself.
    place: String,
    line: usize,
    entries: DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> TomlTable<'a> {
    /// The table that is a whole file.
    pub(crate) fn parse(text: &'a str) -> Result<Self> {
        let ends: Rc<[usize]> = text.bytes().zip(0..).filter(|(byte, _)| *byte == b'\n').map(|(_, at)| at).collect();
        let entries = DeTable::parse(text).map_err(|e| {
            let at = e.span().map_or(0, |span| span.start);
            LineError::new(line(&ends, at), e.message().to_owned())
        })?;
        Ok(Self { text, ends, place: String::new(), line: 1, entries: entries.into_inner(), known: Vec::new() })
    }

    /// The line that it begins in.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The same under another name.
    pub(crate) fn called(self, place: impl Into<String>) -> Self {
        Self { place: place.into(), ..self }
    }

    /// An error about the table.
    pub fn wrong(&self, reason: impl Display) -> LineError {
        LineError::new(self.line, self.placed(&reason))
    }

    /// Claims that every entry was taken.
    pub(crate) fn finish(self) -> Result<()> {
        match self.entries.keys().min_by_key(|key| key.span().start) {
            None => Ok(()),
            Some(key) => {
                let reason = format!("unknown key `{}`; known keys: {}", brief(key.get_ref()), list(&self.known));
                Err(LineError::new(line(&self.ends, key.span().start), self.placed(&reason)))
            }
        }
    }

    /// A text that `fits` accepts; `claim` describes such texts in the error. `None` if the entry is missing.
    ///
    /// # Errors
    /// With the line of the entry, if it has another type or value.
    pub fn text(&mut self, key: &'static str, claim: &str, fits: impl Fn(&str) -> bool) -> Result<Option<String>> {
        self.take(key, claim, |value| value.as_str().filter(|text| fits(text)).map(str::to_owned))
    }

    /// One of some words.
    ///
    /// # Errors
    /// As [`TomlTable::text`].
    pub fn word<T: Clone>(&mut self, key: &'static str, words: &[(&str, T)]) -> Result<Option<T>> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let claim = format!("one of {}", list(&names));
        self.take(key, &claim, |value| {
            let word = value.as_str()?;
            words.iter().find(|(name, _)| *name == word).map(|(_, what)| what.clone())
        })
    }

    /// A whole number from `least` to `most`.
    ///
    /// # Errors
    /// As [`TomlTable::text`].
    pub fn whole(&mut self, key: &'static str, least: u32, most: u32) -> Result<Option<u32>> {
        self.take(key, &format!("an integer from {least} to {most}"), |value| {
            let number = value.as_integer()?;
            let number = u32::from_str_radix(number.as_str(), number.radix()).ok()?;
            (least..=most).contains(&number).then_some(number)
        })
    }

    /// Rows and columns, each from `least` to `most`: a list of two, or one number for both.
    ///
    /// # Errors
    /// As [`TomlTable::text`].
    pub fn pair(&mut self, key: &'static str, least: u32, most: u32) -> Result<Option<[usize; 2]>> {
        let claim = format!("an integer from {least} to {most}, or a list of two: rows, columns");
        self.take(key, &claim, |value| {
            let whole = |value: &DeValue<'_>| {
                let number = value.as_integer()?;
                let number = u32::from_str_radix(number.as_str(), number.radix()).ok()?;
                (least..=most).contains(&number).then_some(number as usize)
            };
            match value.as_array().map(|list| list.iter().map(|entry| whole(entry.get_ref())).collect::<Vec<_>>()) {
                None => whole(value).map(|n| [n, n]),
                Some(list) => match list[..] {
                    [Some(rows), Some(columns)] => Some([rows, columns]),
                    _ => None,
                },
            }
        })
    }

    /// A number that fits.
    ///
    /// # Errors
    /// As [`TomlTable::text`].
    pub fn number(&mut self, key: &'static str, claim: &str, fits: impl Fn(f64) -> bool) -> Result<Option<f64>> {
        self.take(key, claim, |value| number(value).filter(|x| fits(*x)))
    }

    /// A list of texts that `fits` accepts.
    ///
    /// # Errors
    /// As [`TomlTable::text`].
    pub(crate) fn texts(
        &mut self,
        key: &'static str,
        claim: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Result<Option<Vec<String>>> {
        self.take(key, &format!("a list of texts, each of {claim}"), |value| {
            let text =
                |entry: &Spanned<DeValue<'a>>| entry.get_ref().as_str().filter(|text| fits(text)).map(str::to_owned);
            value.as_array()?.iter().map(text).collect()
        })
    }

    /// A list of whole numbers: how many there may be, and what each may be; `claim` describes such a list in the error.
    ///
    /// # Errors
    /// As [`TomlTable::text`].
    pub(crate) fn wholes(
        &mut self,
        key: &'static str,
        claim: &str,
        lengths: RangeInclusive<usize>,
        values: RangeInclusive<usize>,
    ) -> Result<Option<Vec<usize>>> {
        self.take(key, claim, |value| {
            let whole = |entry: &Spanned<DeValue<'a>>| {
                let number = entry.get_ref().as_integer()?;
                usize::from_str_radix(number.as_str(), number.radix()).ok().filter(|n| values.contains(n))
            };
            let list: Option<Vec<usize>> = value.as_array()?.iter().map(whole).collect();
            list.filter(|list| lengths.contains(&list.len()))
        })
    }

    /// The ends of an interval, the smaller first.
    ///
    /// # Errors
    /// As [`TomlTable::text`].
    pub(crate) fn interval(&mut self, key: &'static str) -> Result<Option<[f64; 2]>> {
        self.take(key, "a list of two numbers, the smaller first", |value| {
            let ends: Option<Vec<f64>> = value.as_array()?.iter().map(|entry| number(entry.get_ref())).collect();
            let [low, high] = <[f64; 2]>::try_from(ends?).ok()?;
            (low < high).then_some([low, high])
        })
    }

    /// True or false.
    ///
    /// # Errors
    /// As [`TomlTable::text`].
    pub fn flag(&mut self, key: &'static str) -> Result<Option<bool>> {
        self.take(key, "true or false", DeValue::as_bool)
    }

    /// The entries that a struct has fields of. Where a value does not fit, the error of its deserializer says what it has to be.
    pub(crate) fn fields<T: Deserialize<'a>>(&mut self) -> Result<T> {
        T::deserialize(Fields(self))
    }

    /// A table in the table.
    ///
    /// # Errors
    /// As [`TomlTable::text`].
    pub fn table(&mut self, key: &'static str) -> Result<Option<Self>> {
        let Some((at, value)) = self.remove(key) else { return Ok(None) };
        let place = if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) };
        self.inner(at.start, value).map(|table| Some(table.called(place))).ok_or_else(|| {
            let (line, source) = (line(&self.ends, at.start), self.source(&at));
            LineError::new(line, self.placed(&format!("`{key}` must be a section, not `{source}`")))
        })
    }

    /// The tables of a list; `None` if there is no list.
    pub(crate) fn tables(&mut self, key: &'static str) -> Result<Vec<Self>> {
        let Some((at, value)) = self.remove(key) else { return Ok(Vec::new()) };
        let DeValue::Array(list) = value else {
            let reason = format!("`{key}` must be a list of sections, `[[{key}]]`, not `{}`", self.source(&at));
            return Err(LineError::new(line(&self.ends, at.start), self.placed(&reason)));
        };
        let mut tables = Vec::new();
        for entry in list {
            let at = entry.span();
            let table = self.inner(at.start, entry.into_inner()).ok_or_else(|| {
                let reason =
                    format!("`{key}` must be a list of sections, `[[{key}]]`, with `{}` in none", self.source(&at));
                LineError::new(line(&self.ends, at.start), self.placed(&reason))
            })?;
            tables.push(table);
        }
        Ok(tables)
    }

    fn inner(&self, start: usize, value: DeValue<'a>) -> Option<Self> {
        let DeValue::Table(entries) = value else { return None };
        let (ends, line) = (self.ends.clone(), line(&self.ends, start));
        Some(Self { text: self.text, ends, place: String::new(), line, entries, known: Vec::new() })
    }

    /// Takes an entry out and reads it.
    fn take<T>(
        &mut self,
        key: &'static str,
        claim: &str,
        read: impl Fn(&DeValue<'a>) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some((at, value)) = self.remove(key) else { return Ok(None) };
        read(&value).map(Some).ok_or_else(|| self.mismatch(key, claim, &at))
    }

    /// The error of an entry that does not fit.
    fn mismatch(&self, key: &str, claim: &str, at: &Range<usize>) -> LineError {
        let reason = format!("`{key}` must be {claim}, not `{}`", self.source(at));
        LineError::new(line(&self.ends, at.start), self.placed(&reason))
    }

    fn remove(&mut self, key: &'static str) -> Option<(Range<usize>, DeValue<'a>)> {
        self.known.push(key);
        let value: Spanned<DeValue<'a>> = self.entries.remove(key)?;
        Some((value.span(), value.into_inner()))
    }

    fn placed(&self, reason: &dyn Display) -> String {
        if self.place.is_empty() { reason.to_string() } else { format!("{}: {reason}", self.place) }
    }

    fn source(&self, at: &Range<usize>) -> String {
        brief(self.text.get(at.clone()).unwrap_or_default())
    }
}

/// The entries of a table for the fields of a struct.
struct Fields<'t, 'a>(&'t mut TomlTable<'a>);

impl<'a> Deserializer<'a> for Fields<'_, 'a> {
    type Error = LineError;

    fn deserialize_any<V: Visitor<'a>>(self, _: V) -> Result<V::Value> {
        Err(self.0.wrong("only a struct has fields"))
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_map(Entries { table: self.0, fields: fields.iter(), next: None })
    }

    forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Those of the fields that the table has, in the order of the fields.
struct Entries<'t, 'a> {
    table: &'t mut TomlTable<'a>,
    fields: std::slice::Iter<'static, &'static str>,
    next: Option<(&'static str, Range<usize>, DeValue<'a>)>,
}

impl<'a> MapAccess<'a> for Entries<'_, 'a> {
    type Error = LineError;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Self { table, fields, next } = self;
        *next = fields.find_map(|field| table.remove(field).map(|(at, value)| (*field, at, value)));
        let Some((field, ..)) = next else { return Ok(None) };
        let name: StrDeserializer<'_, LineError> = field.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value> {
        let (field, at, value) = self.next.take().ok_or_else(|| self.table.wrong("a value comes after its name"))?;
        let value = ValueDeserializer::from(Spanned::new(at.clone(), value));
        seed.deserialize(value).map_err(|e| self.table.mismatch(field, e.message(), &at))
    }
}

/// A number, whole or not.
fn number(value: &DeValue<'_>) -> Option<f64> {
    let text = value.as_float().map(|x| x.as_str()).or_else(|| value.as_integer().map(|x| x.as_str()))?;
    text.parse().ok()
}

/// The beginning of what a file says, on one line.
fn brief(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut shown: String = line.chars().filter(|c| !c.is_control()).take(MOST_SHOWN).collect();
    if shown.len() < text.len() {
        shown += "..";
    }
    shown
}

/// Characters of a file that an error repeats.
const MOST_SHOWN: usize = 40;

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// The line of a position, from 1.
fn line(ends: &[usize], at: usize) -> usize {
    ends.partition_point(|end| *end < at) + 1
}
