//! Where sets are found.

use std::fs;
use std::path::PathBuf;

use ppdnn::data::SearchPath;
use tempfile::TempDir;

use crate::harness::{gzip, never, only, only_nothing, put, tiny, tiny_files};
use crate::mirror::{Reply, Server};

#[test]
fn places_are_searched_in_order() {
    let tiny = tiny(&[]);
    let root = TempDir::new().unwrap();
    let [a, b] = ["a", "b"].map(|name| root.path().join(name));
    let places = SearchPath { folders: vec![a.clone(), b.clone()], ..only_nothing() };
    let found = || tiny.load(&places, &mut never).unwrap().train.features()[[0, 0]];
    // Each step puts a set where it goes before all earlier ones, told apart by its first pixel.
    let steps =
        [(b.clone(), ""), (b.clone(), ".gz"), (b.join("tiny"), ".gz"), (a.clone(), ""), (a.join("tiny"), ".gz")];
    for (i, (folder, ending)) in steps.into_iter().enumerate() {
        let pixel = i as u8 + 1;
        put(&folder, &tiny, &tiny_files(pixel), ending);
        assert_eq!(found(), f32::from(pixel) / 255.0, "{}", folder.display());
    }
    fs::remove_file(a.join("tiny").join(tiny.files[3].name).with_extension("gz")).unwrap();
    assert_eq!(found(), 4.0 / 255.0, "a folder that lacks a file is passed over");
    let chosen = SearchPath { chosen: Some(b.join("tiny")), ..places.clone() };
    assert_eq!(tiny.load(&chosen, &mut never).unwrap().train.features()[[0, 0]], 3.0 / 255.0, "--data-dir goes first");
}

#[test]
fn plain_and_gzip_may_be_mixed() {
    let tiny = tiny(&[]);
    let place = TempDir::new().unwrap();
    put(place.path(), &tiny, &tiny_files(8), "");
    let plain = place.path().join(tiny.files[1].name);
    fs::write(place.path().join(format!("{}.gz", tiny.files[1].name)), gzip(&fs::read(&plain).unwrap())).unwrap();
    fs::remove_file(plain).unwrap();
    assert_eq!(tiny.load(&only(place.path()), &mut never).unwrap().train.labels(), [2, 0, 1]);
}

#[test]
fn a_chosen_folder_without_the_set_is_an_error_and_not_a_download() {
    let server = Server::new(Reply::Good, false);
    let tiny = tiny(&[&server.url]);
    let [place, cache] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    put(place.path(), &tiny, &tiny_files(0), "");
    fs::remove_file(place.path().join("test-labels")).unwrap();
    let places = SearchPath { cache: Some(cache.path().to_owned()), ..only(place.path()) };
    let error = tiny.load(&places, &mut never).unwrap_err();
    let at = place.path().display();
    assert!(error.is_usage());
    assert_eq!(
        error.to_string(),
        format!(
            "--data-dir has no tiny\n{at}/tiny lacks\n  train-images[.gz]\n  train-labels[.gz]\n  test-images[.gz]\n  \
             test-labels[.gz]\n{at} lacks\n  test-labels[.gz]\nput the files there or remove --data-dir"
        )
    );
    assert_eq!(server.requests(), 0);
}

#[test]
fn the_environment_names_the_places() {
    let env = |pairs: &'static [(&str, &str)]| {
        let places = SearchPath::from_env(None, |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| v.into()));
        let folders: Vec<String> = places.folders.iter().map(|folder| folder.display().to_string()).collect();
        (folders.join(":"), places.cache)
    };
    let all = env(&[("PPDNN_DATA", "/data"), ("XDG_CACHE_HOME", "/cache"), ("HOME", "/home/me")]);
    assert_eq!(all, ("/data:datasets:/cache/ppdnn:/usr/share/datasets".into(), Some("/cache/ppdnn".into())));
    let home = env(&[("PPDNN_DATA", ""), ("XDG_CACHE_HOME", "relative"), ("HOME", "/home/me")]);
    let cache: PathBuf = "/home/me/.cache/ppdnn".into();
    assert_eq!(home, ("datasets:/home/me/.cache/ppdnn:/usr/share/datasets".into(), Some(cache)));
    assert_eq!(env(&[]), ("datasets:/usr/share/datasets".into(), None));
}
