//! What two descriptions do not have in common, in words that say nothing of the one that is not public.

use crate::data::description::{Column, ColumnKind, DataFormat, Description, Scaling, TableFormat};

impl Description {
    /// The first thing in which this description differs from the one of a job; `None` if the two are the same. The text leaves
    /// its owner: it has names and values of the job alone.
    pub fn difference(&self, jobs: &Self) -> Option<String> {
        if self == jobs {
            return None;
        }
        let format = match (&self.format, &jobs.format) {
            (DataFormat::Array(mine), DataFormat::Array(theirs)) => mine.difference(theirs).map(str::to_owned),
            (DataFormat::Image(mine), DataFormat::Image(theirs)) => mine.difference(theirs).map(str::to_owned),
            (DataFormat::Records(mine), DataFormat::Records(theirs)) => mine.difference(theirs).map(str::to_owned),
            (DataFormat::Table(mine), DataFormat::Table(theirs)) => mine.difference(theirs),
            (_, theirs) => Some(format!("the data is {} in the job, and something else here", theirs.in_words())),
        };
        Some(format.unwrap_or_else(|| self.elsewhere(jobs).to_owned()))
    }

    /// The key that differs where the format does not.
    fn elsewhere(&self, jobs: &Self) -> &'static str {
        let keys =
            [("the name", self.name != jobs.name), ("the split into training and test rows", self.split != jobs.split)];
        first_true(&keys).or(self.target.difference(&jobs.target)).unwrap_or("the task")
    }
}

impl DataFormat {
    fn in_words(&self) -> &'static str {
        match self {
            Self::Array(_) => "arrays",
            Self::Image(_) => "image files",
            Self::Records(_) => "binary records",
            Self::Table(_) => "a table",
        }
    }
}

impl TableFormat {
    fn difference(&self, jobs: &Self) -> Option<String> {
        let mine = self.columns.iter().map(Some).chain(std::iter::repeat(None));
        let theirs = jobs.columns.iter().map(Some).chain(std::iter::repeat(None));
        let most = self.columns.len().max(jobs.columns.len());
        let column = (1..=most).zip(mine.zip(theirs)).find(|(_, (mine, theirs))| mine != theirs);
        if let Some((number, (mine, theirs))) = column {
            return Some(between_columns(number, mine, theirs));
        }
        let keys = [
            ("the label's column", self.label != jobs.label),
            ("`missing_values`", self.missing != jobs.missing),
            ("the delimiter", self.delimiter != jobs.delimiter),
        ];
        first_true(&keys).map(str::to_owned)
    }
}

/// The first key that differs.
pub(super) fn first_true(keys: &[(&'static str, bool)]) -> Option<&'static str> {
    keys.iter().find(|(_, differs)| *differs).map(|(key, _)| *key)
}

fn between_columns(number: usize, mine: Option<&Column>, theirs: Option<&Column>) -> String {
    let (mine, theirs) = match (mine, theirs) {
        (Some(mine), Some(theirs)) if mine.name == theirs.name => {
            return format!("column {number}, `{}`: {}", theirs.name, between_kinds(&mine.kind, &theirs.kind));
        }
        pair => pair,
    };
    match (mine, theirs) {
        (None, Some(theirs)) => format!("column {number}, `{}`, is in the job only", theirs.name),
        (_, Some(theirs)) => format!("column {number} is `{}` in the job, and another one here", theirs.name),
        (_, None) => format!("column {number} is not in the job"),
    }
}

fn between_kinds(mine: &ColumnKind, theirs: &ColumnKind) -> String {
    use ColumnKind::{Category, Ignore, Number};
    let kind = |kind: &ColumnKind| match kind {
        Category { .. } => "category",
        Ignore => "ignore",
        Number { .. } => "number",
    };
    match (mine, theirs) {
        (Number { scaling: Scaling { range: a, .. }, .. }, Number { scaling: Scaling { range: b, .. }, .. })
            if a != b =>
        {
            let range = b.map_or("none".into(), |[low, high]| format!("[{low}, {high}]"));
            format!("the range is {range} in the job, and another one here")
        }
        (Category { categories: a, .. }, Category { categories: b, .. }) if a != b => "the categories differ".into(),
        (Number { .. }, Number { .. }) | (Category { .. }, Category { .. }) => {
            "how missing values, values out of range, or the scale are treated differs".into()
        }
        _ => format!("the kind is {} in the job, and another one here", kind(theirs)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::description::tests::{number, small};

    #[test]
    fn the_column_that_differs_is_named() {
        assert_eq!(small().difference(&small()), None);
        let differs = |change: &dyn Fn(&mut Description)| {
            let mut job = small();
            change(&mut job);
            small().difference(&job).unwrap()
        };
        let age = number(Some([0.0, 90.0]), None);
        let text = differs(&|d| d.table().columns[0].kind = age.clone());
        assert_eq!(text, "column 1, `age`: the range is [0, 90] in the job, and another one here");
        let text = differs(&|d| d.table().columns[2].kind = age.clone());
        assert_eq!(text, "column 3, `id`: the kind is number in the job, and another one here");
        assert_eq!(differs(&|d| d.table().columns.swap(0, 1)), "column 1 is `city` in the job, and another one here");
        assert_eq!(differs(&|d| drop(d.table().columns.pop())), "column 4 is not in the job");
        assert_eq!(differs(&|d| d.classes().swap(0, 1)), "the classes of the label");
        assert_eq!(differs(&|d| d.table().missing.clear()), "`missing_values`");
    }
}
