//! What a description has to be, whoever it is from.

use std::collections::HashSet;

use crate::data::description::{ColumnKind, DataFormat, Description, MissingCategory, Split, TableFormat, Target};
use crate::data::names;
use crate::error::{Error, Result};
use crate::net::{is_printable, printable};
use crate::nn::Task;

/// Most features of a row.
pub(super) const MOST_FEATURES: usize = 1 << 20;
/// Most features whose mean and deviation are revealed: their sums are one message.
const MOST_STANDARDIZED: usize = 1 << 15;
/// Most classes.
pub(super) const MOST_CLASSES: usize = 1000;
/// Most bytes of a name, a category or a class.
pub(super) const MOST_BYTES: usize = 128;

impl Description {
    /// Checks a description from an untrusted source.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the column or the key that is invalid.
    pub fn check(&self) -> Result<()> {
        let Self { name, target, format, split } = self;
        if !is_name(name) {
            return Err(wrong(&format!("`name` must be {NAME}")));
        }
        if names().any(|known| known == name) {
            return Err(wrong(&format!("`name`: {name} is a data set that ppdnn knows; choose another name")));
        }
        target.check().map_err(|e| wrong(&e))?;
        match format {
            DataFormat::Array(array) => array.check(split),
            DataFormat::Table(table) => table.check(target).and_then(|()| table.check_split(target, split)),
            DataFormat::Image(_) | DataFormat::Records(_) if target.task() != Task::Classification => {
                Err("images and records have classes; use `task = \"classification\"`, or arrays".into())
            }
            DataFormat::Image(image) => image.check(&target.names(), split),
            DataFormat::Records(record) => record.check(split),
        }
        .map_err(|reason| wrong(&reason))?;
        match self.features() {
            0 => Err(wrong("there is no feature: all columns are ignored")),
            n if n > MOST_FEATURES => {
                Err(wrong(&format!("it has {n} features; at most {MOST_FEATURES} are supported")))
            }
            _ if self.standardized().len() > MOST_STANDARDIZED => {
                Err(wrong(&format!("`reveal = true` is for at most {MOST_STANDARDIZED} features")))
            }
            _ if matches!(split, Split::Seed { test, .. } if !(*test > 0.0 && *test < 1.0)) => {
                Err(wrong("split: `test` must be above 0 and below 1"))
            }
            _ => Ok(()),
        }
    }
}

/// What is wrong, without the name of the description.
pub(super) type Checked = std::result::Result<(), String>;

impl TableFormat {
    fn check(&self, target: &Target) -> Checked {
        let Self { label, columns, missing, delimiter } = self;
        label.iter().try_for_each(|label| text("label", label))?;
        let classes = if let Target::Class(classes) = target { classes.as_slice() } else { &[] };
        if label.is_some() == classes.is_empty() {
            return Err("`label` goes with `classes`, and with no other task".into());
        }
        missing.iter().filter(|text| !text.is_empty()).try_for_each(|entry| text("missing_values", entry))?;
        if let Some(class) = classes.iter().find(|class| self.is_missing(class)) {
            return Err(format!("`classes`: `{class}` is also in `missing_values`"));
        }
        let taken = |c: u8| !c.is_ascii() || c.is_ascii_alphanumeric() || b"\"\r\n.-".contains(&c);
        if delimiter.is_some_and(taken) {
            return Err("`delimiter` must be one ASCII character, such as \",\", \";\" or \"\\t\"".into());
        }
        let learned = self.learned(target);
        let mut seen: HashSet<&str> = learned.iter().copied().collect();
        for column in columns {
            text("name of a column", &column.name)?;
            if learned.contains(&column.name.as_str()) {
                return Err(format!("column `{}` is to be learned; remove it from the columns", column.name));
            }
            if !seen.insert(&column.name) {
                return Err(format!("two columns have the name `{}`", column.name));
            }
            self.check_kind(&column.kind).map_err(|reason| format!("column `{}`: {reason}", column.name))?;
        }
        Ok(())
    }

    /// The reason why a kind of column is invalid.
    fn check_kind(&self, kind: &ColumnKind) -> Checked {
        match kind {
            ColumnKind::Ignore => Ok(()),
            ColumnKind::Category { categories, missing } => {
                texts("categories", categories)?;
                if let Some(category) = categories.iter().find(|category| self.is_missing(category)) {
                    return Err(format!("`categories`: `{category}` is also in `missing_values`"));
                }
                match missing {
                    _ if categories.is_empty() => Err("`categories` is empty".into()),
                    MissingCategory::Constant(text) if !categories.contains(text) => {
                        Err("`constant` is none of its categories".into())
                    }
                    _ => Ok(()),
                }
            }
            ColumnKind::Number { scaling, missing } => {
                scaling.check()?;
                match (scaling.range, missing) {
                    (_, Some(x)) if x.abs() >= f64::from(f32::MAX) || x.is_nan() => {
                        Err("`constant` must be a finite number".into())
                    }
                    (Some([low, high]), Some(x)) if !(low..=high).contains(x) => {
                        Err("`constant` is out of its `range`".into())
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// The columns that are to be learned.
    pub(crate) fn learned<'t>(&'t self, target: &'t Target) -> Vec<&'t str> {
        self.label.iter().map(String::as_str).chain(target.columns()).collect()
    }

    fn check_split(&self, target: &Target, split: &Split) -> Checked {
        let Split::Column { name, test, train } = split else { return Ok(()) };
        text("column of the split", name)?;
        text("test_value of the split", test)?;
        text("train_value of the split", train)?;
        if test == train {
            return Err("split: `test_value` and `train_value` are the same".into());
        }
        let feature = self.columns.iter().any(|column| column.name == *name && column.features() > 0);
        if feature || self.learned(target).contains(&name.as_str()) {
            return Err(format!("split: column `{name}` is a feature or to be learned; give it `kind = \"ignore\"`"));
        }
        Ok(())
    }
}

/// Refuses the split of a table for data without columns.
pub(super) fn no_column_split(split: &Split) -> Checked {
    match split {
        Split::Column { .. } => {
            Err("split: only the rows of a table are split by a `column`; use `test` and `seed`".into())
        }
        Split::Files | Split::Seed { .. } => Ok(()),
    }
}

/// Whether a text can be the name of data: it is part of the name of a folder.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(plain) && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// What [`is_name`] asks for.
pub(super) const NAME: &str = "1 to 64 letters, digits, `-`, `_` or `.`, starting with a letter or a digit";

/// Whether a text can be a name of a column, a category or a class. Fields are read without spaces around them.
pub(super) fn is_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= MOST_BYTES && is_printable(text) && text.trim() == text
}

/// What [`is_text`] asks for.
pub(super) const TEXT: &str = "1 to 128 bytes without control characters and without spaces around them";

pub(super) fn text(what: &str, entry: &str) -> Checked {
    if is_text(entry) {
        return Ok(());
    }
    let shown: String = printable(entry).chars().take(40).collect();
    Err(format!("`{what}`: `{shown}` must be {TEXT}"))
}

/// Some different texts.
pub(super) fn texts(what: &str, entries: &[String]) -> Checked {
    entries.iter().try_for_each(|entry| text(what, entry))?;
    let mut seen = HashSet::new();
    match entries.iter().find(|entry| !seen.insert(entry.as_str())) {
        None => Ok(()),
        Some(twice) => Err(format!("`{what}` has `{twice}` twice")),
    }
}

fn wrong(reason: &str) -> Error {
    Error::Usage(format!("data description: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::description::tests::small;
    use crate::data::description::{Scale, Scaling};

    /// Makes a description invalid.
    type Change<'a> = &'a dyn Fn(&mut Description);

    #[test]
    fn descriptions_that_no_job_can_have_are_refused_with_their_place() {
        small().check().unwrap();
        let refused = |change: &dyn Fn(&mut Description)| {
            let mut description = small();
            change(&mut description);
            description.check().unwrap_err().to_string()
        };
        let number = |range, constant| {
            move |d: &mut Description| {
                d.table().columns[0].kind = {
                    let scaling = Scaling { range, clip: false, scale: Scale::Range };
                    ColumnKind::Number { scaling, missing: constant }
                };
            }
        };
        let categories = |texts: &'static [&'static str], missing: MissingCategory| {
            move |d: &mut Description| {
                let categories = texts.iter().map(|text| (*text).to_owned()).collect();
                d.table().columns[1].kind = ColumnKind::Category { categories, missing: missing.clone() };
            }
        };
        let many = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>();
        let split_by = |name: &str, test: &str, train: &str| {
            let [name, test, train] = [name, test, train].map(str::to_owned);
            Split::Column { name, test, train }
        };
        let cases: [(Change<'_>, &str); 21] = [
            (&|d| d.name = "a/b".into(), "`name` must be"),
            (&|d| d.name = "mnist".into(), "mnist is a data set that ppdnn knows"),
            (&|d| d.classes().truncate(1), "has 1 entries; it must have 2 to 1000"),
            (&|d| *d.classes() = many(1001), "has 1001 entries"),
            (&|d| d.classes()[0] = "yes".into(), "`classes` has `yes` twice"),
            (&|d| d.classes()[0] = "?".into(), "also in `missing_values`"),
            (&|d| d.classes()[0] = "n\u{1b}[2J".into(), "`n?[2J` must be"),
            (&|d| d.table().columns[1].name = "age".into(), "two columns have the name `age`"),
            (&|d| d.table().columns[1].name = "answer".into(), "column `answer` is to be learned"),
            (&|d| d.table().columns[0].name = "x".repeat(129), "must be 1 to 128 bytes"),
            (&|d| d.table().columns.retain(|c| c.features() == 0), "no feature"),
            (&number(None, None), "column `age`: `range = [low, high]` is missing"),
            (&number(Some([1.0, 1.0]), None), "the smaller first"),
            (&number(Some([f64::NAN, 1.0]), None), "two finite numbers"),
            (&number(Some([0.0, 1.0]), Some(2.0)), "out of its `range`"),
            (&categories(&[], MissingCategory::Own), "is empty"),
            (&categories(&["a", "?"], MissingCategory::Own), "also in `missing_values`"),
            (&categories(&["a"], MissingCategory::Constant("b".into())), "none of its categories"),
            (&|d| d.split = Split::Seed { test: 1.0, seed: 1 }, "above 0 and below 1"),
            (&|d| d.split = split_by("age", "x", "y"), "is a feature or to be learned"),
            (&|d| d.split = split_by("id", "x", "x"), "are the same"),
        ];
        for (change, says) in cases {
            let text = refused(change);
            assert!(text.starts_with("data description: ") && text.contains(says), "{text}");
        }
        let wide = ColumnKind::Category { categories: many(MOST_FEATURES), missing: MissingCategory::Own };
        assert!(refused(&|d| d.table().columns[1].kind = wide.clone()).contains("at most 1048576"));
    }
}
