//! Answers to private questions in files: CSV, JSON and NPY.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::error::{Error, Result};
use crate::nn::Task;
use crate::prediction::{AnswerKind, Answers, PredictionJob};

/// A file for answers, of which the form follows from its name.
pub(super) struct AnswersFile {
    path: PathBuf,
    form: Form,
    /// Beside it, until the answers are there.
    file: NamedTempFile,
}

enum Form {
    Csv,
    Json,
    Npy,
}

impl AnswersFile {
    /// A file that does not exist yet, or that may be replaced. That it can be written is known from here on.
    ///
    /// # Errors
    /// [`Error::Usage`] and [`Error::File`] if it cannot.
    pub(super) fn new(path: &Path, replace: bool) -> Result<Self> {
        let form = match path.extension().and_then(|end| end.to_str()) {
            Some("csv") => Form::Csv,
            Some("json") => Form::Json,
            Some("npy") => Form::Npy,
            _ => {
                let text =
                    format!("{}: answers are written as .csv, .json or .npy; choose one of these", path.display());
                return Err(Error::Usage(text));
            }
        };
        if path.exists() && !replace {
            let text = format!("{} already exists; choose another file, or add --overwrite", path.display());
            return Err(Error::Usage(text));
        }
        if path.is_dir() {
            return Err(Error::Usage(format!("{} is a folder; choose a file", path.display())));
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(folder).map_err(|e| Error::file(path, e))?;
        Ok(Self { path: path.to_owned(), form, file })
    }

    /// Writes the answers in the order of their rows.
    pub(super) fn write(mut self, job: &PredictionJob, answers: &Answers, names: Option<&[String]>) -> Result<()> {
        let text = match self.form {
            Form::Csv => {
                let rows = (0..answers.len()).map(|row| csv_row(row, answers, row, names) + "\n");
                (std::iter::once(csv_header(job, names) + "\n").chain(rows)).collect::<String>().into_bytes()
            }
            Form::Json => (as_json(answers).to_string() + "\n").into_bytes(),
            Form::Npy => npy(answers),
        };
        self.file.write_all(&text).map_err(|e| Error::file(&self.path, e))?;
        self.file.persist(&self.path).map_err(|e| Error::file(&self.path, e.error)).map(drop)
    }
}

/// The first line of a CSV file of answers.
pub(super) fn csv_header(job: &PredictionJob, names: Option<&[String]>) -> String {
    let (model, kind) = (&job.card.model, job.answers);
    if kind == AnswerKind::Class && model.task() == Task::Classification {
        return "row,class".into();
    }
    // the only output for two classes is about the second
    let skipped = model.classes().saturating_sub(model.outputs()).min(1);
    let kind = if kind == AnswerKind::Class { "label".to_owned() } else { kind.to_string() };
    let name = |at: usize| names.and_then(|names| names.get(at).cloned()).unwrap_or_else(|| at.to_string());
    let fields = (0..model.outputs()).map(|output| match model.task() {
        Task::Regression => quoted(&name(output)),
        _ => quoted(&format!("{kind}[{}]", name(output + skipped))),
    });
    std::iter::once("row".to_owned()).chain(fields).collect::<Vec<_>>().join(",")
}

/// A line of a CSV file: the number of a row, and its answer, which is number `at` of `answers`.
pub(super) fn csv_row(number: usize, answers: &Answers, at: usize, names: Option<&[String]>) -> String {
    match answers {
        Answers::Classes(classes) => {
            let class = classes[at];
            let name =
                names.and_then(|names| names.get(class as usize)).map_or_else(|| class.to_string(), |n| quoted(n));
            format!("{number},{name}")
        }
        Answers::Labels(labels) => {
            let values = labels.row(at).iter().map(|label| u8::from(*label).to_string()).collect::<Vec<_>>().join(",");
            format!("{number},{values}")
        }
        Answers::Probabilities(x) | Answers::Values(x) => {
            let values = x.row(at).iter().map(f32::to_string).collect::<Vec<_>>().join(",");
            format!("{number},{values}")
        }
    }
}

/// A field of CSV.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// The answers as a JSON array, an element a row.
pub(super) fn as_json(answers: &Answers) -> Value {
    match answers {
        Answers::Classes(classes) => json!(classes),
        Answers::Labels(labels) => labels.rows().into_iter().map(|row| json!(row.to_vec())).collect(),
        Answers::Probabilities(x) | Answers::Values(x) => x.rows().into_iter().map(|row| json!(row.to_vec())).collect(),
    }
}

/// The answers as an NPY file of format 1.0 (NumPy Enhancement Proposal 1): `<u4` of shape `(rows,)`, `|b1` of `(rows, labels)`,
/// or `<f4` of `(rows, outputs)`.
fn npy(answers: &Answers) -> Vec<u8> {
    let (kind, shape, body) = match answers {
        Answers::Classes(x) => ("<u4", format!("({},)", x.len()), bytes(x.iter().map(|x| x.to_le_bytes()))),
        Answers::Labels(x) => {
            ("|b1", format!("({}, {})", x.nrows(), x.ncols()), x.iter().map(|label| u8::from(*label)).collect())
        }
        Answers::Probabilities(x) | Answers::Values(x) => {
            ("<f4", format!("({}, {})", x.nrows(), x.ncols()), bytes(x.iter().map(|x| x.to_le_bytes())))
        }
    };
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    // magic, version, length, and a line feed at the end, are a multiple of 64 bytes
    let len = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend(u16::try_from(len).unwrap_or(u16::MAX).to_le_bytes());
    file.extend(format!("{header:<width$}\n", width = len - 1).bytes());
    file.extend(body);
    file
}

fn bytes(values: impl Iterator<Item = [u8; 4]>) -> Vec<u8> {
    values.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_npy_file_has_a_header_of_whole_lines_and_little_endian_values() {
        let file = npy(&Answers::Values(ndarray::arr2(&[[1.0, -2.0], [0.5, 0.0], [3.0, 4.0]])));
        let len = usize::from(u16::from_le_bytes([file[8], file[9]]));
        assert_eq!((10 + len) % 64, 0);
        let header = std::str::from_utf8(&file[10..10 + len]).unwrap();
        assert!(
            header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }") && header.ends_with('\n')
        );
        assert_eq!(file[10 + len..10 + len + 8], [0, 0, 128, 63, 0, 0, 0, 192]);
        assert_eq!(file.len(), 10 + len + 24);
    }

    #[test]
    fn names_with_commas_are_quoted() {
        let names = ["yes, sir".to_owned(), "no \"".to_owned()];
        let answers = Answers::Classes(vec![0, 1]);
        assert_eq!(csv_row(5, &answers, 0, Some(&names)), "5,\"yes, sir\"");
        assert_eq!(csv_row(6, &answers, 1, Some(&names)), "6,\"no \"\"\"");
        assert_eq!(csv_row(6, &answers, 1, None), "6,1");
    }
}
