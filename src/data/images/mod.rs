//! Images in files, PNG and JPEG, in a folder for each class.
//!
//! Files are decoded one by one; memory holds their names and one image. Their order is pseudorandom and depends on nothing but
//! their names, so that the first rows are of all classes.

mod decode;
mod folder;
mod jpeg_end;
mod resize;

use std::path::Path;

use crate::data::description::ImageFormat;
use crate::data::pick::Pick;
use crate::data::visit::{Row, Set, Visitor};
use crate::data::{At, Description, Problem, ProblemKind};
use crate::error::{Error, Result};
use crate::input;

pub(crate) use decode::size;
pub(crate) use folder::{ImageFile, class_folders, files_in, image_files, parts};

/// Reads the images of a folder; see [`visit`](crate::data::visit::visit).
pub(crate) fn visit(
    path: &Path,
    description: &Description,
    format: &ImageFormat,
    set: Option<Set>,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    let pick = Pick::new(&description.split);
    let mut features = vec![0.0; description.features()];
    for (set, folder) in parts(path, description, set) {
        let mut unknown =
            |file: &Path, kind| visitor.problem(file, Problem { at: At::File, column: None, kind, value: None });
        let files = match set {
            Some(Set::Ask) => files_in(&folder)?,
            _ => image_files(&folder, &description.target.names(), &mut unknown)?,
        };
        for (number, ImageFile { file, class, .. }) in (0..).zip(&files) {
            let kind = features_of(file, format, &mut features)?.err();
            if let Some(kind) = kind {
                visitor.problem(file, Problem { at: At::File, column: None, kind, value: None });
            }
            let set = set.or_else(|| pick.as_ref().map(|pick| pick.set(number))).unwrap_or(Set::Train);
            #[expect(clippy::cast_precision_loss, reason = "numbers of classes are below 1,000")]
            let class = [*class as f32];
            if visitor.row(Row { set, fits: kind.is_none(), features: &features, targets: &class }).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Writes the features of an image, or says what is wrong with it.
///
/// # Errors
/// [`Error::File`] if the file cannot be read.
fn features_of(
    file: &Path,
    format: &ImageFormat,
    features: &mut [f32],
) -> Result<std::result::Result<(), ProblemKind>> {
    let bytes = read(file)?;
    Ok(bytes.and_then(|bytes| {
        let ImageFormat { size, resize } = format;
        let wanted = if *resize { None } else { Some([size.width, size.height]) };
        let pixels = decode::decode(&bytes, wanted)?.into_channels(size.channels);
        if [pixels.width, pixels.height] == [size.width, size.height] {
            features.iter_mut().zip(&pixels.values).for_each(|(x, value)| *x = f32::from(*value) / 255.0);
        } else {
            resize::resize(&pixels, size, features);
        }
        Ok(())
    }))
}

/// The bytes of a file that is not too long for an image.
fn read(file: &Path) -> Result<std::result::Result<Vec<u8>, ProblemKind>> {
    let bytes = input::start(file, MOST_BYTES + 1).map_err(|e| Error::file(file, e))?;
    let too_large = ProblemKind::LargeImage;
    Ok(if bytes.len() as u64 > MOST_BYTES { Err(too_large) } else { Ok(bytes) })
}

/// Width and height, and the number of channels, of a file that is an image.
///
/// # Errors
/// [`Error::File`] if the file cannot be read.
pub(crate) fn looked_at(file: &Path) -> Result<Option<([usize; 2], usize)>> {
    Ok(read(file)?.ok().and_then(|bytes| size(&bytes)))
}

/// Bytes of a file.
const MOST_BYTES: u64 = 64 << 20;
