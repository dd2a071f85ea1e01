//! The files of images, and the classes that their folders say.

use std::fs;
use std::path::{Path, PathBuf};

use crate::data::visit::Set;
use crate::data::{Description, ProblemKind, Split};
use crate::error::{Error, Result};

/// A file of a class.
pub(crate) struct ImageFile {
    /// Where it stands among the others.
    order: [u8; 16],
    pub(crate) file: PathBuf,
    pub(crate) class: u32,
}

/// The folders of the parts of the data: `train` and `test`, if the description does not split the rows and `train` is no class.
pub(crate) fn parts(path: &Path, description: &Description, set: Option<Set>) -> Vec<(Option<Set>, PathBuf)> {
    let [train, test] = ["train", "test"].map(|name| path.join(name));
    let own = set.is_none() && description.split == Split::Files && train.is_dir();
    if !own || description.target.names().iter().any(|class| class == "train") {
        return vec![(set, path.to_owned())];
    }
    let test = test.is_dir().then_some((Some(Set::Test), test));
    [(Some(Set::Train), train)].into_iter().chain(test).collect()
}

/// The image files of a folder of classes, in their order; what is no class and no image goes to `note`.
///
/// # Errors
/// [`Error::File`] if a folder cannot be read; [`Error::Format`] if it has no folder of a class.
pub(crate) fn image_files(
    folder: &Path,
    classes: &[String],
    note: &mut dyn FnMut(&Path, ProblemKind),
) -> Result<Vec<ImageFile>> {
    let mut files = Vec::new();
    let mut found = false;
    for (name, path) in class_folders(folder)? {
        let Some(class) = (0..).zip(classes).find(|(_, class)| **class == name).map(|(number, _)| number) else {
            note(&path, ProblemKind::UnknownFolder);
            continue;
        };
        found = true;
        for (file_name, file) in entries(&path)? {
            if file.is_dir() {
                note(&file, ProblemKind::NotImage);
                continue;
            }
            let hash = blake3::hash(format!("{name}/{file_name}").as_bytes());
            let order = *hash.as_bytes().first_chunk().expect("a hash has 32 bytes");
            files.push(ImageFile { order, file, class });
        }
    }
    if !found {
        let first = classes.first().map_or("", String::as_str);
        let text = format!(
            "has no folder that is named like a class of the description (`{first}`, ..); its images must be in one folder \
             for each class"
        );
        return Err(Error::format(folder, text));
    }
    files.sort_by(|a, b| (a.order, &a.file).cmp(&(b.order, &b.file)));
    Ok(files)
}

/// The image files in a folder itself, by name, whatever their class.
///
/// # Errors
/// [`Error::File`] if the folder cannot be read; [`Error::Format`] if it has no file.
pub(crate) fn files_in(folder: &Path) -> Result<Vec<ImageFile>> {
    let mut files = entries(folder)?;
    files.retain(|(_, path)| path.is_file());
    files.sort();
    if files.is_empty() {
        return Err(Error::format(
            folder,
            "has no image; images to ask about must be in the folder itself, not in others",
        ));
    }
    let order = [0; 16];
    Ok(files.into_iter().map(|(_, file)| ImageFile { order, file, class: 0 }).collect())
}

/// The folders in a folder, by name.
///
/// # Errors
/// [`Error::File`] if it cannot be read.
pub(crate) fn class_folders(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut folders = entries(folder)?;
    folders.retain(|(_, path)| path.is_dir());
    folders.sort();
    Ok(folders)
}

/// What is in a folder, without what systems leave there.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let fail = |e| Error::file(folder, e);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !["Thumbs.db", "desktop.ini"].contains(&name.as_str()) {
            entries.push((name, entry.path()));
        }
    }
    Ok(entries)
}
