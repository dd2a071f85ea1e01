//! A first description of image files, guessed from their folders and sizes.

use std::fmt::Write as _;
use std::path::Path;

use crate::data::description::draft::{Draft, HEAD, SPLIT, finished, list, name, quoted};
use crate::data::images::{class_folders, image_files, looked_at};
use crate::error::{Error, Result};

/// Guesses the description of a folder's images: its folders, or those in its folder `train`, are the classes, and the size is that
/// of the first image. `None` if it has no folder with an image.
///
/// # Errors
/// [`Error::File`] if a folder cannot be read; [`Error::Format`] if its folders cannot be classes.
pub(super) fn draft(path: &Path) -> Result<Option<Draft>> {
    let train = path.join("train");
    let parted = train.is_dir();
    let folder = if parted { train.as_path() } else { path };
    let classes: Vec<String> = class_folders(folder)?.into_iter().map(|(name, _)| name).collect();
    if classes.is_empty() {
        return Ok(None);
    }
    let files = image_files(folder, &classes, &mut |_, _| ())?;
    let mut sizes = Vec::new();
    for image in &files {
        sizes.extend(looked_at(&image.file)?);
    }
    let Some(([width, height], _)) = sizes.first().copied() else { return Ok(None) };
    if classes.len() < 2 {
        let text = format!("has one folder with images, `{}`; there must be one for each class", classes[0]);
        return Err(Error::format(folder, text));
    }
    let channels = if sizes.iter().any(|(_, channels)| *channels > 2) { 3 } else { 1 };
    let mut text = HEAD.to_owned();
    let _ = writeln!(text, "name = {}\ntask = \"classification\"", quoted(&name(path)));
    let _ = writeln!(text, "classes = {}    # the names of the folders", list(&classes));
    if !parted {
        text += SPLIT;
    }
    let _ = writeln!(text, "\n[image]\nheight = {height}\nwidth = {width}\nchannels = {channels}    # 1 is grey");
    let others = sizes.iter().filter(|(size, _)| *size != [width, height]).count();
    if others > 0 {
        let _ = writeln!(text, "resize = true    # {others} images have another size");
    }
    finished(path, text, files.len() as u64).map(Some)
}
