//! Saves a trained model, in another place where its own cannot be written to: to train it again costs more than a file in the
//! way.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::nn::TrainedModel;

/// Saves a model in `file`, or else under `name` and a number in the current folder or in that for temporary files. Where it is,
/// and what went wrong.
pub(super) fn save(saved: &TrainedModel, file: &Path, name: &str) -> (Option<PathBuf>, Result<()>) {
    let reason = match saved.save(file) {
        Ok(()) => return (Some(file.to_owned()), Ok(())),
        Err(Error::File { source, .. }) => source,
        Err(e) => return (None, Err(e)),
    };
    let places = [PathBuf::new(), env::temp_dir()];
    let Some(path) = places.iter().find_map(|folder| beside_others(saved, folder, name)) else {
        let advice = format!(
            "neither the current folder nor {} can be written to, so the trained model is lost; free some space and train again",
            places[1].display()
        );
        return (None, Err(Error::file_with(file, &reason, &advice)));
    };
    let advice =
        format!("the trained model is saved as {} instead; keep that file, it is the only copy", path.display());
    (Some(path), Err(Error::file_with(file, &reason, &advice)))
}

/// Saves it in a folder, under a number that is not taken.
fn beside_others(saved: &TrainedModel, folder: &Path, name: &str) -> Option<PathBuf> {
    let path = |n: u32| folder.join(format!("{name}-{n}.safetensors"));
    let free = (1..=MOST).map(path).find(|path| path.symlink_metadata().is_err())?;
    saved.save_new(&free).ok().map(|()| free)
}

/// Files that are looked at.
const MOST: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Model;

    #[test]
    fn a_model_whose_folder_is_gone_is_saved_under_a_number_that_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let saved =
            TrainedModel::new(Model::dense("tiny", 3, &[], 2).unwrap(), None, &[vec![0.0; 6], vec![0.0; 2]]).unwrap();
        let own = folder.path().join("model.safetensors");
        let (path, ended) = save(&saved, &own, "tiny");
        assert!(ended.is_ok() && path == Some(own));
        std::fs::write(folder.path().join("tiny-1.safetensors"), "another").unwrap();
        let path = beside_others(&saved, folder.path(), "tiny").unwrap();
        assert!(path.ends_with("tiny-2.safetensors") && TrainedModel::load(&path).unwrap() == saved);
        assert_eq!(std::fs::read(folder.path().join("tiny-1.safetensors")).unwrap(), b"another");
        assert_eq!(beside_others(&saved, &folder.path().join("gone"), "tiny"), None);
    }
}
