//! Tables of a TOML file, read entry by entry, so that whatever is wrong has a line and what is not known is told.

use std::fmt::{self, Display};
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::Error;

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct At {
    line: usize,
    reason: String,
}

impl At {
    pub(super) fn new(line: usize, reason: String) -> Self {
        Self { line, reason }
    }

    /// As an error about a file.
    pub(super) fn in_file(self, path: &Path) -> Error {
        Error::format(path, self.to_string())
    }
}

impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

type Result<T> = std::result::Result<T, At>;

/// A table whose entries are taken one by one.
pub(super) struct Table<'a> {
    text: &'a str,
    /// What errors call it; empty for the file itself.
    place: String,
    line: usize,
    entries: DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// The table that is a whole file.
    pub(super) fn parse(text: &'a str) -> Result<Self> {
        let entries = DeTable::parse(text).map_err(|e| {
            let at = e.span().map_or(0, |span| span.start);
            At::new(line(text, at), e.message().to_owned())
        })?;
        Ok(Self { text, place: String::new(), line: 1, entries: entries.into_inner(), known: Vec::new() })
    }

    /// The line that it begins in.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// The same under another name.
    pub(super) fn called(self, place: impl Into<String>) -> Self {
        Self { place: place.into(), ..self }
    }

    /// An error about the table.
    pub(super) fn wrong(&self, reason: impl Display) -> At {
        At::new(self.line, self.placed(&reason))
    }

    /// Claims that every entry was taken.
    pub(super) fn finish(self) -> Result<()> {
        match self.entries.keys().min_by_key(|key| key.span().start) {
            None => Ok(()),
            Some(key) => {
                let reason = format!("`{}` is not known; there are {}", brief(key.get_ref()), list(&self.known));
                Err(At::new(line(self.text, key.span().start), self.placed(&reason)))
            }
        }
    }

    /// A text.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        claim: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Result<Option<String>> {
        self.take(key, claim, |value| value.as_str().filter(|text| fits(text)).map(str::to_owned))
    }

    /// One of some words.
    pub(super) fn word<T: Clone>(&mut self, key: &'static str, words: &[(&str, T)]) -> Result<Option<T>> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let claim = format!("one of {}", list(&names));
        self.take(key, &claim, |value| {
            let word = value.as_str()?;
            words.iter().find(|(name, _)| *name == word).map(|(_, what)| what.clone())
        })
    }

    /// A whole number from `least` to `most`.
    pub(super) fn whole(&mut self, key: &'static str, least: u32, most: u32) -> Result<Option<u32>> {
        self.take(key, &format!("a whole number from {least} to {most}"), |value| {
            let number = value.as_integer()?;
            let number = u32::from_str_radix(number.as_str(), number.radix()).ok()?;
            (least..=most).contains(&number).then_some(number)
        })
    }

    /// Rows and columns, each from `least` to `most`: a list of two, or one number for both.
    pub(super) fn pair(&mut self, key: &'static str, least: u32, most: u32) -> Result<Option<[usize; 2]>> {
        let claim = format!("a whole number from {least} to {most}, or a list of two: rows, columns");
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
    pub(super) fn number(&mut self, key: &'static str, claim: &str, fits: impl Fn(f64) -> bool) -> Result<Option<f64>> {
        self.take(key, claim, |value| {
            let text = value.as_float().map(|x| x.as_str()).or_else(|| value.as_integer().map(|x| x.as_str()))?;
            text.parse().ok().filter(|x| fits(*x))
        })
    }

    /// True or false.
    pub(super) fn flag(&mut self, key: &'static str) -> Result<Option<bool>> {
        self.take(key, "true or false", DeValue::as_bool)
    }

    /// A table in the table.
    pub(super) fn table(&mut self, key: &'static str) -> Result<Option<Self>> {
        let Some((at, value)) = self.remove(key) else { return Ok(None) };
        let place = if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) };
        self.inner(at.start, value).map(|table| Some(table.called(place))).ok_or_else(|| {
            let (line, source) = (line(self.text, at.start), self.source(&at));
            At::new(line, self.placed(&format!("`{key}` has to be a section, not `{source}`")))
        })
    }

    /// The tables of a list; none where there is no list.
    pub(super) fn tables(&mut self, key: &'static str) -> Result<Vec<Self>> {
        let Some((at, value)) = self.remove(key) else { return Ok(Vec::new()) };
        let DeValue::Array(list) = value else {
            let reason = format!("`{key}` has to be a list of sections, `[[{key}]]`, not `{}`", self.source(&at));
            return Err(At::new(line(self.text, at.start), self.placed(&reason)));
        };
        let mut tables = Vec::new();
        for entry in list {
            let at = entry.span();
            let table = self.inner(at.start, entry.into_inner()).ok_or_else(|| {
                let reason =
                    format!("`{key}` has to be a list of sections, `[[{key}]]`, with `{}` in none", self.source(&at));
                At::new(line(self.text, at.start), self.placed(&reason))
            })?;
            tables.push(table);
        }
        Ok(tables)
    }

    fn inner(&self, start: usize, value: DeValue<'a>) -> Option<Self> {
        let DeValue::Table(entries) = value else { return None };
        Some(Self { text: self.text, place: String::new(), line: line(self.text, start), entries, known: Vec::new() })
    }

    /// Takes an entry out and reads it.
    fn take<T>(
        &mut self,
        key: &'static str,
        claim: &str,
        read: impl Fn(&DeValue<'a>) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some((at, value)) = self.remove(key) else { return Ok(None) };
        read(&value).map(Some).ok_or_else(|| {
            let reason = format!("`{key}` has to be {claim}, not `{}`", self.source(&at));
            At::new(line(self.text, at.start), self.placed(&reason))
        })
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

fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}
