//! Models come back from their files, and what is no model is refused.

use std::fs;

use super::*;
use crate::fixed::Profile;

#[test]
fn a_model_comes_back_from_its_file() {
    let model = Model::dense("tiny", 3, &[2], 2).unwrap();
    let parameters = [vec![1.0, -1.0, 0.5, 0.0, 0.0, 2.0], vec![0.0, -0.5], vec![1.0, 0.0, 0.0, 1.0], vec![0.25, 0.0]];
    let saved = TrainedModel::new(model, None, &parameters).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    saved.save(&path).unwrap();
    assert_eq!(TrainedModel::load(&path).unwrap(), saved);
    let saved = TrainedModel { profile: Some(Profile::small()), ..saved.trained_on("mnist") };
    let unknown = Profile { name: "\u{1b}[2J", ..Profile::small() };
    TrainedModel { profile: Some(unknown), ..saved.clone() }.save(&path).unwrap();
    let refused = TrainedModel::load(&path).unwrap_err().to_string();
    assert!(refused.contains("none of `small`, `wide` and `deep`") && !refused.contains('\u{1b}'), "{refused:?}");
    saved.save(&path).unwrap();
    assert_eq!(TrainedModel::load(&path).unwrap(), saved);
    assert!(saved.save_new(&path).is_err() && saved.save_new(&folder.path().join("new")).is_ok());
    assert!(saved.clone().trained_on("a\u{1b}[31m").save(&path).is_ok() && TrainedModel::load(&path).is_err());
    let nowhere = saved.save(&folder.path().join("gone/model")).unwrap_err().to_string();
    assert!(nowhere.contains("gone/model: ") && !nowhere.contains("at path"), "{nowhere}");
    // relu([1, 0, 1] w + b) = relu([1, 0.5]), by hand
    let rows = ndarray::arr2(&[[1.0, 0.0, 1.0]]);
    assert_eq!(saved.logits(rows.view()).unwrap(), ndarray::arr2(&[[1.25, 0.5]]));
    assert_eq!(saved.accuracy(rows.view(), &[0]).unwrap(), 1.0);
    assert_eq!(saved.accuracy(rows.view(), &[1]).unwrap(), 0.0);
    // (x - 1) / 2 turns [3, 1, 3] into [1, 0, 1]
    let scaled = TrainedModel { normalization: Some(Normalization::uniform(1.0, 2.0)), ..saved };
    scaled.save(&path).unwrap();
    let rows = ndarray::arr2(&[[3.0, 1.0, 3.0]]);
    assert_eq!(TrainedModel::load(&path).unwrap().logits(rows.view()).unwrap(), ndarray::arr2(&[[1.25, 0.5]]));
}

#[test]
fn parameters_that_were_changed_are_an_error_and_no_panic() {
    let model = Model::dense("tiny", 3, &[], 2).unwrap();
    let saved = TrainedModel::new(model, None, &[vec![0.0; 6], vec![0.0; 2]]).unwrap();
    let rows = ndarray::arr2(&[[1.0, 0.0, 1.0]]);
    assert!(saved.logits(rows.view()).is_ok());
    let weight = |rows, columns| (Array2::zeros([rows, columns]), Array1::zeros(columns));
    for parameters in [
        Vec::new(),
        vec![weight(2, 2)],
        vec![weight(3, 2), weight(3, 2)],
        vec![(Array2::zeros([3, 2]), Array1::zeros(3))],
    ] {
        let saved = TrainedModel { parameters, ..saved.clone() };
        assert!(saved.logits(rows.view()).unwrap_err().is_usage());
        assert!(saved.save(Path::new("never")).unwrap_err().is_usage());
    }
}

/// A file of tensors of single precision, and of no model.
fn plain(path: &Path, tensors: &[(&str, &[usize], &[f32])]) {
    let data: Vec<_> = tensors.iter().map(|(.., x)| bytes(x.iter())).collect();
    let mut all = Vec::new();
    for ((name, shape, _), data) in tensors.iter().zip(&data) {
        all.push((*name, TensorView::new(Dtype::F32, shape.to_vec(), data).unwrap()));
    }
    fs::write(path, serialize(all, None).unwrap()).unwrap();
}

#[test]
fn parameters_to_begin_with_come_from_models_and_from_plain_files() {
    let model = Model::dense("tiny", 3, &[], 2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("start.safetensors");
    let (w, b) = ([1.0f32, -1.0, 0.5, 0.0, 0.0, 2.0], [0.25f32, -0.5]);
    let wide = [w.map(f64::from).to_vec(), b.map(f64::from).to_vec()];
    let normalization = Some(Normalization::uniform(1.0, 2.0));
    TrainedModel::new(model.clone(), normalization.clone(), &wide).unwrap().save(&path).unwrap();
    let load = || TrainedModel::load_parameters(&path, &model);
    let saved = InitialParameters { parameters: wide.to_vec(), normalization: Some(normalization), square: Vec::new() };
    assert_eq!(load().unwrap(), saved);
    let (weight, bias): (&[usize], &[usize]) = (&[3, 2], &[2]);
    plain(&path, &[("dense1.weight", weight, &w), ("dense1.bias", bias, &b)]);
    assert_eq!(load().unwrap(), InitialParameters { normalization: None, ..saved });
    assert!(TrainedModel::load(&path).unwrap_err().to_string().contains("does not name its layers"));
    let refused = |tensors: &[(&str, &[usize], &[f32])], says: &str| {
        plain(&path, tensors);
        let error = load().unwrap_err().to_string();
        assert!(error.contains("start.safetensors") && error.contains(says), "{error}");
    };
    refused(&[("dense1.weight", weight, &w)], "no `dense1.bias` of shape [2]");
    refused(
        &[("dense1.weight", &[2, 3], &w), ("dense1.bias", bias, &b)],
        "`dense1.weight` is [2, 3], it must be [3, 2]; PyTorch stores [outputs, inputs]: transpose all weights, including square ones",
    );
    refused(
        &[("dense1.weight", weight, &w), ("dense1.bias", bias, &b), ("dense2.bias", bias, &b)],
        "`dense2.bias` is not one of its parameters",
    );
}

#[test]
fn square_weights_of_a_file_that_says_nothing_of_itself_are_named() {
    let model = Model::dense("square", 2, &[2], 2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("start.safetensors");
    let (w, b) = ([1.0f32, -1.0, 0.5, 0.0], [0.25f32, -0.5]);
    let (weight, bias): (&[usize], &[usize]) = (&[2, 2], &[2]);
    let named = ["dense1", "dense2"].map(|name| [format!("{name}.weight"), format!("{name}.bias")]);
    let all: Vec<(&str, &[usize], &[f32])> =
        named.iter().flat_map(|[a, c]| [(a.as_str(), weight, &w[..]), (c.as_str(), bias, &b[..])]).collect();
    plain(&path, &all);
    let begun = TrainedModel::load_parameters(&path, &model).unwrap();
    assert_eq!(begun.square, ["dense1.weight", "dense2.weight"]);
    TrainedModel::new(model.clone(), None, &begun.parameters).unwrap().save(&path).unwrap();
    assert!(TrainedModel::load_parameters(&path, &model).unwrap().square.is_empty(), "a file of ppdnn says so");
}

#[test]
fn files_of_other_programs_are_named_with_how_to_convert_them() {
    let model = Model::dense("tiny", 3, &[], 2).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    let kinds =
        [(&b"PK\x03\x04"[..], "PyTorch"), (b"\x80\x02", "pickle"), (b"\x89HDF", "Keras"), (b"\x93NUMPY", "NumPy")];
    for (start, says) in kinds {
        fs::write(&path, [start, &[0; 200]].concat()).unwrap();
        let error = TrainedModel::load_parameters(&path, &model).unwrap_err().to_string();
        for words in ["model.pt: is a", says, "not a safetensors file", "save_file"] {
            assert!(error.contains(words), "`{words}` is not in {error}");
        }
        assert!(TrainedModel::load(&path).unwrap_err().to_string().contains("save_file"));
    }
}

#[test]
fn models_with_values_that_are_no_numbers_or_names_that_steer_a_terminal_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let load = |name: &str, deviation: f64, bias: f64| {
        let model = Model::dense(name, 3, &[], 2).unwrap();
        let scale = Some(Normalization::uniform(0.5, deviation));
        TrainedModel::new(model, scale, &[vec![0.0; 6], vec![0.0, bias]]).unwrap().save(&path).unwrap();
        TrainedModel::load(&path).map(drop).map_err(|e| e.to_string())
    };
    assert_eq!(load("tiny", 0.25, 1.0), Ok(()));
    for bias in [f64::NAN, f64::INFINITY] {
        assert!(load("tiny", 0.25, bias).unwrap_err().contains("`dense1.bias` has a value of"));
    }
    assert!(load("tiny", 0.0, 1.0).unwrap_err().contains("means and deviations that are impossible"));
    let error = load("a\u{1b}[31m\nerror: forged", 0.25, 1.0).unwrap_err();
    assert!(error.contains("control characters") && !error.contains("forged"), "{error}");
}

#[test]
fn files_that_are_no_models_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for text in [&b""[..], b"garbage", &[255; 64]] {
        fs::write(&path, text).unwrap();
        let error = TrainedModel::load(&path).unwrap_err().to_string();
        assert!(error.contains("model.safetensors"), "{error}");
    }
}
