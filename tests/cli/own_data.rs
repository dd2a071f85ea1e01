//! Own data: a table is described, checked, trained on and evaluated; nothing of one that does not fit is uploaded.

use std::fmt::Write as _;
use std::fs;

use crate::cluster::{ALL, Cluster};
use crate::harness::{Ended, all_done, folder, run, shared};

/// A network for the table.
const NETWORK: &str = "\
name = \"own-net\"
[training]
batch = 16
epochs = 4
[[layers]]
kind = \"dense\"
outputs = 8
[[layers]]
kind = \"relu\"
[[layers]]
kind = \"dense\"
outputs = 2
";

/// A table of points and colours, whose label is the larger coordinate.
fn table(rows: u32, salt: u32) -> String {
    let mut text = "left,right,colour,answer\n".to_owned();
    for row in 0..rows {
        let (left, right) = ((row * 37 + salt) % 101, (row * 61 + 7 * salt) % 101);
        let colour = ["red", "green", "blue"][(row % 3) as usize];
        let _ = writeln!(text, "{left},{right},{colour},{}", if left > right { "left" } else { "right" });
    }
    text
}

/// The description of such tables.
const DESCRIPTION: &str = "\
name = \"points\"
label = \"answer\"
classes = [\"left\", \"right\"]
[split]
test = 0.25
[[columns]]
name = \"left\"
kind = \"number\"
range = [0, 100]
[[columns]]
name = \"right\"
kind = \"number\"
range = [0, 100]
[[columns]]
name = \"colour\"
kind = \"category\"
categories = [\"red\", \"green\", \"blue\"]
";

#[test]
fn a_table_is_described_checked_trained_on_by_two_owners_and_evaluated() {
    let _turn = shared();
    let dir = folder();
    let file = |name: &str| dir.path().join(name);
    fs::write(file("rows.csv"), table(800, 1)).unwrap();
    fs::write(file("net.toml"), NETWORK).unwrap();
    let drafted = run(dir.path(), &["data", "describe", "rows.csv", "--out", "rows.toml"]);
    let out = drafted.done();
    assert!(out.contains("800 rows, 5 features, 2 classes of label `answer`") && out.contains("`inputs = 5`"), "{out}");
    assert!(drafted.err.contains("a description is public"), "{drafted:?}");
    run(dir.path(), &["data", "describe", "rows.csv", "--out", "rows.toml"]).failed(1, &["rows.toml", "--out"]);
    let checked =
        run(dir.path(), &["data", "check", "rows.csv", "--description", "rows.toml", "--json"]).json().remove(0);
    let rows = ["train_rows", "test_rows"].map(|key| checked[key].as_u64().unwrap());
    assert_eq!(rows[0] + rows[1], 800);
    assert!(rows[1] > 100 && checked["fits"] == true && checked["features"] == 5, "{checked}");

    let train = ["train", "--data", "rows.csv", "--model", "net.toml", "--owners", "2", "--compare-clear"];
    let ended = run(dir.path(), &[&train[..], &["--description", "rows.toml", "--json", "--out", "out"]].concat());
    let summary = ended.json().pop().unwrap();
    assert_eq!(summary["dataset"].as_str(), Some("rows"), "{summary}");
    assert!(summary["peak_rss_mib"]["owner1"].is_number(), "{summary}");
    let accuracy = |key: &str| summary[key].as_f64().unwrap();
    assert!(accuracy("test_accuracy") > 0.8, "{summary}");
    assert!((accuracy("test_accuracy") - accuracy("clear_accuracy")).abs() < 0.03, "{summary}");
    let evaluated = run(dir.path(), &["evaluate", "out", "--data", "rows.csv", "--json"]).json().remove(0);
    assert_eq!(evaluated["rows"].as_u64(), Some(rows[1]));
    assert!((evaluated["test_accuracy"].as_f64().unwrap() - accuracy("test_accuracy")).abs() < 0.03);
    run(dir.path(), &["dry-run", "--data", "rows.csv", "--model", "net.toml", "--quiet"]).done();
}

#[test]
fn a_table_that_does_not_fit_ends_the_run_before_it_begins() {
    let _turn = shared();
    let dir = folder();
    fs::write(dir.path().join("net.toml"), NETWORK).unwrap();
    fs::write(dir.path().join("points.toml"), DESCRIPTION).unwrap();
    let rows = table(300, 1).replace("\n37,", "\nsecret,");
    fs::write(dir.path().join("points.csv"), rows).unwrap();
    let train = |more: &[&str]| run(dir.path(), &[&["train", "--model", "net.toml", "--out", "out"], more].concat());
    let ended = train(&["--data", "points.csv"]);
    ended.failed(1, &["points.csv: line", "column `left`: is not a number", "`ppdnn data check` lists all places"]);
    assert!(!ended.err.contains("secret") && !dir.path().join("out").exists(), "{ended:?}");
    // its owner sees the value
    let check = ["data", "check", "points.csv", "--description", "points.toml"];
    let ended = run(dir.path(), &check);
    ended.failed(1, &["does not fit points.toml", "problems in"]);
    assert!(ended.out.contains("[secret]") && ended.out.contains("not a number"), "{ended:?}");
    // what does not go together
    let refused = |more: &[&str], says: &[&str]| train(more).failed(2, says);
    refused(&["--data", "points.csv", "--dataset", "mnist"], &["--dataset"]);
    refused(&["--description", "points.toml"], &["is for --cluster; add --data"]);
    train(&["--data", "none.csv"]).failed(1, &["none.toml", "`ppdnn data describe FILE` drafts a description"]);
    fs::write(dir.path().join("points.csv"), table(300, 1)).unwrap();
    let wide = NETWORK.replacen("outputs = 8", "outputs = 8\ninputs = 784", 1);
    fs::write(dir.path().join("net.toml"), wide).unwrap();
    train(&["--data", "points.csv"]).failed(1, &["net.toml: line", "784", "5"]);
}

/// An NPY file of bytes.
fn npy(shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), values].concat()
}

#[test]
fn images_in_arrays_are_described_planned_trained_on_with_convolutions_and_evaluated() {
    let _turn = shared();
    let dir = folder();
    fs::create_dir(dir.path().join("bars")).unwrap();
    // bars that stand or lie, with noise
    let (rows, side) = (600_usize, 6_usize);
    let pixel = |row: usize, y: usize, x: usize| {
        let at = if row.is_multiple_of(2) { x } else { y };
        let noise = (row * 31 + y * 17 + x * 7) % 60;
        u8::try_from(if at == row / 2 % side { 195 + noise } else { noise }).unwrap()
    };
    let pixels: Vec<u8> =
        (0..rows * side * side).map(|i| pixel(i / (side * side), i / side % side, i % side)).collect();
    let labels: Vec<u8> = (0..rows).map(|row| u8::from(row % 2 == 1)).collect();
    fs::write(dir.path().join("bars/images.npy"), npy("(600, 6, 6)", &pixels)).unwrap();
    fs::write(dir.path().join("bars/labels.npy"), npy("(600,)", &labels)).unwrap();
    let layer = |text: &str| format!("[[layers]]\n{text}\n");
    let layers = [
        "kind = \"conv2d\"\nchannels = 4\nkernel = 3",
        "kind = \"max-pool\"\nwindow = 2",
        "kind = \"relu\"",
        "kind = \"dense\"",
    ];
    let network = format!("name = \"bars-net\"\n[training]\nbatch = 16\nepochs = 3\n{}", layers.map(layer).concat());
    fs::write(dir.path().join("net.toml"), network).unwrap();
    let ended = run(dir.path(), &["data", "describe", "bars", "--out", "bars.toml"]);
    let out = ended.done();
    assert!(out.contains("600 rows, 36 features, 2 classes of labels `labels`"), "{out}");
    assert!(out.contains("images of shape [6, 6, 1]"), "{out}");
    let check = ["data", "check", "bars", "--description", "bars.toml", "--json"];
    let checked = run(dir.path(), &check).json().remove(0);
    let [train, test] = ["train_rows", "test_rows"].map(|key| checked[key].to_string());
    assert!(checked["features"] == 36 && checked["targets"] == 2, "{checked}");
    let plan = |more: &[&str]| run(dir.path(), &[&["plan", "--model", "net.toml", "--json"], more].concat());
    let planned = plan(&["--data", "bars"]).json().remove(0);
    assert_eq!(planned["dataset"], "bars");
    let by_number =
        plan(&["--description", "bars.toml", "--train-limit", &train, "--test-limit", &test]).json().remove(0);
    assert_eq!(planned["bytes_per_step"], by_number["bytes_per_step"]);
    plan(&["--description", "bars.toml"]).failed(2, &["--train-limit and --test-limit"]);
    plan(&["--data", "bars", "--dataset", "mnist"]).failed(2, &["--dataset"]);
    let trained = ["train", "--data", "bars", "--model", "net.toml", "--owners", "2", "--json", "--out", "out"];
    let summary = run(dir.path(), &trained).json().pop().unwrap();
    assert!(summary["test_accuracy"].as_f64().unwrap() > 0.9, "{summary}");
    let evaluated = run(dir.path(), &["evaluate", "out", "--data", "bars", "--json"]).json().remove(0);
    assert!(evaluated["test_accuracy"].as_f64().unwrap() > 0.9, "{evaluated}");
    run(dir.path(), &["dry-run", "--data", "bars", "--model", "net.toml", "--quiet"]).done();
    // a label that is no class, and an image layer without images
    let mut wrong = labels.clone();
    wrong[7] = 2;
    fs::write(dir.path().join("bars/labels.npy"), npy("(600,)", &wrong)).unwrap();
    run(dir.path(), &trained[..7]).failed(1, &["labels.npy: row 7, `labels[7]`: the label is not one of 0 to 1"]);
    let ended = run(dir.path(), &check);
    assert!(ended.out.contains("\"row\":7") && ended.out.contains("\"value\":\"2\""), "{ended:?}");
}

/// Training and test rows of a file.
fn counted(cluster: &Cluster, file: &str) -> [u64; 2] {
    let check = ["data", "check", file, "--description", "points.toml", "--json"];
    let counts = run(cluster.folder(), &check).json().remove(0);
    ["train_rows", "test_rows"].map(|key| counts[key].as_u64().unwrap())
}

/// Writes the numbers of rows of the owners' files into the cluster file.
fn count_rows(cluster: &Cluster, files: [&str; 2]) {
    let mut text = cluster.text();
    for file in files {
        let [train, test] = counted(cluster, file);
        text =
            text.replacen("[[owners]]\nkey", &format!("[[owners]]\ntrain_rows = {train}\ntest_rows = {test}\nkey"), 1);
    }
    fs::write(cluster.path("cluster.toml"), text).unwrap();
}

#[test]
fn owners_of_a_cluster_upload_tables_that_fit_the_description_of_the_job_and_no_others() {
    let _turn = shared();
    let cluster = Cluster::new(20);
    let write = |name: &str, text: &str| fs::write(cluster.path(name), text).unwrap();
    write("points.toml", DESCRIPTION);
    write("other.toml", &DESCRIPTION.replacen("[0, 100]", "[0, 120]", 1));
    write("net.toml", NETWORK);
    write("a.csv", &table(300, 1));
    write("b.csv", &table(500, 50));
    count_rows(&cluster, ["a.csv", "b.csv"]);
    let owner = |name: &str, data: &str, description: &str| {
        cluster.start_as(name, "cluster.toml", &["--data", data, "--description", description])
    };
    let train = |more: &[&str]| -> Ended {
        let job = ["train", "--model", "net.toml", "--out", "out", "--json", "--description", "points.toml"];
        cluster.start(&[&job, more].concat(), "trainer.key", "cluster.toml").end()
    };
    train(&["--data", "a.csv"]).failed(2, &["the rows are the owners'", "replace --data by --description"]);
    let mut parties = cluster.serve(&ALL[..3]);
    parties.push(owner("owner0", "a.csv", "points.toml"));

    // an owner with another description
    let mut differs = owner("owner1", "b.csv", "other.toml");
    train(&[]).failed(1, &["owner 1", "column 1, `left`: the range is [0, 100] in the job, and another one here"]);
    differs.hear("column 1, `left`");
    drop(differs);
    // one whose file has a row that does not fit, before anybody asks, and since
    write("bad.csv", &table(500, 50).replace("\n50,", "\n500,"));
    let ended = owner("owner1", "bad.csv", "points.toml").end();
    ended.failed(1, &["bad.csv: line", "column `left`: is outside 0 to 100"]);
    assert_eq!(ended.out, "", "it does not even wait for a job");
    let mut since = owner("owner1", "b.csv", "points.toml");
    since.hear("waiting for a job");
    write("b.csv", &table(500, 50).replace("\n50,", "\n500,"));
    let ended = train(&[]);
    ended.failed(1, &["owner 1", "refuses the job: see its log"]);
    assert!(!ended.err.contains("500"), "{ended:?}");
    since.hear("column `left`: is outside");
    assert!(!since.heard().contains("rows uploaded"), "{}", since.heard());
    drop(since);

    // the control
    write("b.csv", &table(500, 50));
    parties.push(owner("owner1", "b.csv", "points.toml"));
    let summary = train(&[]).json().pop().unwrap();
    assert!(summary["test_accuracy"].as_f64().unwrap() > 0.8, "{summary}");
    all_done(parties);
}

/// The description of the points where `left` and `right` are standardized by moments that are revealed.
fn standardized() -> String {
    DESCRIPTION.replace("range = [0, 100]", "range = [-900, 1100]\nscale = \"standard\"\nreveal = true")
}

/// Mean and deviation of a number of the training rows of files, by the definition.
fn moments(files: &[String], column: usize, is_test: impl Fn(&str) -> bool) -> [f64; 2] {
    let lines = files.iter().flat_map(|text| text.lines().skip(1)).filter(|line| !is_test(line));
    let numbers: Vec<f64> = lines.map(|line| line.split(',').nth(column).unwrap().parse().unwrap()).collect();
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    [mean, (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / numbers.len() as f64).sqrt()]
}

#[test]
fn features_are_standardized_by_the_moments_of_all_owners_rows_which_the_job_must_list() {
    let _turn = shared();
    let cluster = Cluster::new(20);
    let write = |name: &str, text: &str| fs::write(cluster.path(name), text).unwrap();
    // which rows are for testing is a column, so that this test knows
    let part = |text: String| -> String {
        let lines = text.lines().enumerate().map(|(line, text)| match line {
            0 => format!("{text},part\n"),
            line if line % 4 == 0 => format!("{text},test\n"),
            _ => format!("{text},train\n"),
        });
        lines.collect()
    };
    let description = standardized().replacen("test = 0.25", "column = \"part\"", 1)
        + "[[columns]]\nname = \"part\"\nkind = \"ignore\"\n";
    let files = [part(table(300, 1)), part(table(500, 50))];
    write("points.toml", &description);
    write("net.toml", NETWORK);
    write("a.csv", &files[0]);
    write("b.csv", &files[1]);
    count_rows(&cluster, ["a.csv", "b.csv"]);
    let owner = |name: &str, data: &str| {
        cluster.start_as(name, "cluster.toml", &["--data", data, "--description", "points.toml"])
    };
    let train = || -> Ended {
        let job = ["train", "--model", "net.toml", "--out", "out", "--json", "--description", "points.toml"];
        cluster.start(&job, "trainer.key", "cluster.toml").end()
    };
    let mut parties = cluster.serve(&ALL[..3]);
    let mut first = owner("owner0", "a.csv");
    first.hear("waiting for a job");
    parties.push(first);
    let anything = ppdnn::train::Policy::ANYTHING;
    write("policy.toml", &anything.replacen("\"moments\", ", "", 1));
    let strict = owner("owner1", "b.csv");
    train().failed(1, &["owner 1", "refuses the job", "`reveal = ", "reveals the moments"]);
    drop(strict);

    write("policy.toml", anything);
    parties.push(owner("owner1", "b.csv"));
    let events = train().json();
    let summary = events.last().unwrap();
    // as wide as the range is, features of 0 to 1 would be learned far more slowly
    assert!(summary["test_accuracy"].as_f64().unwrap() > 0.8, "{summary}");
    let revealed = &events.iter().find(|event| event["event"] == "moments").expect("the moments")["features"];
    for (at, name) in ["left", "right"].into_iter().enumerate() {
        let [mean, deviation] = moments(&files, at, |line| line.ends_with(",test"));
        let own = &revealed[at];
        assert_eq!(own["name"], name);
        let near = |key: &str, want: f64| (own[key].as_f64().unwrap() - want).abs() < 1e-3;
        assert!(near("mean", mean) && near("deviation", deviation), "{own}: {mean} {deviation}");
    }
    all_done(parties);
    // the model has them: it scores rows as they are described
    let evaluate = ["evaluate", "out", "--data", "b.csv", "--description", "points.toml", "--json"];
    let evaluated = run(cluster.folder(), &evaluate).json().remove(0);
    assert!(evaluated["test_accuracy"].as_f64().unwrap() > 0.8, "{evaluated}");
    assert!(!run(cluster.folder(), &evaluate).err.contains("another description"));
    write("other.toml", &description.replace("[-900, 1100]", "[-900, 1200]"));
    let evaluate = ["evaluate", "out", "--data", "b.csv", "--description", "other.toml", "--json"];
    assert!(run(cluster.folder(), &evaluate).err.contains("rows of another description than `points`"));
    let predict = ["predict", "out", "--data", "b.csv", "--description", "points.toml", "--limit", "40", "--json"];
    let predicted = run(cluster.folder(), &predict).json().remove(0);
    // compared here with the model in the clear, which scales as the owners did
    assert_eq!(predicted["answers"].as_array().unwrap().len(), 40, "{predicted}");
    assert!(predicted["same_as_clear"].as_f64().unwrap() > 0.9, "{predicted}");
    let dry = ["dry-run", "--data", "a.csv", "--description", "points.toml", "--model", "net.toml", "--quiet"];
    run(cluster.folder(), &dry).done();
    // rows beside which no description is are read by that of the run
    fs::copy(cluster.path("b.csv"), cluster.path("later.csv")).unwrap();
    let evaluated = run(cluster.folder(), &["evaluate", "out", "--data", "later.csv", "--json"]).json().remove(0);
    assert!(evaluated["test_accuracy"].as_f64().unwrap() > 0.8, "{evaluated}");
    run(cluster.folder(), &["predict", "out", "--data", "later.csv", "--limit", "3", "--quiet"]).done();
    let report = fs::read_to_string(cluster.path("out/report.html")).unwrap();
    assert!(report.contains("Features that were standardized"));
    // going on from it, on the same description
    let again = ["train", "--data", "a.csv", "--description", "points.toml", "--model", "net.toml", "--init", "out"];
    let summary = run(cluster.folder(), &[&again[..], &["--epochs", "1", "--json", "--compare-clear"]].concat());
    let summary = summary.json().pop().unwrap();
    let accuracy = |key: &str| summary[key].as_f64().unwrap();
    assert!((accuracy("test_accuracy") - accuracy("clear_accuracy")).abs() < 0.03, "{summary}");
}
