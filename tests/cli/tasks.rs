//! Regression, several labels, and two classes with one output, from a table to private predictions.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::harness::{Ended, folder, run, shared};

/// Homes: a price that follows size and rooms, whether they are large and whether they are in the south.
fn homes(rows: u32) -> String {
    let mut text = "size,rooms,south,large,price\n".to_owned();
    for row in 0..rows {
        let (size, rooms) = ((row * 37 + 11) % 101, (row * 61 + 5) % 9);
        let south = row % 3 == 0;
        let price = 1000 * size + 4000 * rooms + if south { 30_000 } else { 0 } + row * 7 % 500;
        let _ = writeln!(text, "{size},{rooms},{},{},{price}", u8::from(south), u8::from(size + 5 * rooms > 70));
    }
    text
}

fn network(outputs: &str) -> String {
    format!(
        "name = \"homes-net\"\n[training]\nbatch = 16\nepochs = 8\nlr = 0.125\n[[layers]]\nkind = \"dense\"\noutputs = 12\n\
         [[layers]]\nkind = \"relu\"\n[[layers]]\nkind = \"dense\"\n{outputs}\n"
    )
}

/// A draft of what is to be learned of homes, and a network for it.
fn prepare(dir: &Path, labels: &[&str], outputs: &str) {
    fs::write(dir.join("homes.csv"), homes(900)).unwrap();
    fs::write(dir.join("net.toml"), network(outputs)).unwrap();
    let labels: Vec<&str> = labels.iter().flat_map(|label| ["--label", label]).collect();
    run(dir, &[&["data", "describe", "homes.csv", "--out", "homes.toml"], &labels[..]].concat()).done();
}

fn train(dir: &Path, more: &[&str]) -> Ended {
    run(dir, &[&["train", "--data", "homes.csv", "--model", "net.toml", "--out", "out"], more].concat())
}

#[test]
fn a_regression_is_trained_evaluated_and_asked_in_its_own_unit() {
    let _turn = shared();
    let dir = folder();
    prepare(dir.path(), &["price"], "");
    let text = fs::read_to_string(dir.path().join("homes.toml")).unwrap();
    assert!(text.contains("task = \"regression\"") && text.contains("[[targets]]\nname = \"price\""), "{text}");
    let ended = train(dir.path(), &["--reveal", "model,ranges,squared-error,r2", "--compare-clear"]);
    let out = ended.done();
    let target = out.lines().find(|line| line.starts_with("target")).expect("its errors are shown");
    assert!(target.contains("price: RMSE") && target.contains("R2 0.9"), "{out}");
    assert!(out.contains("squared error") && out.contains("in the clear") && !out.contains("accuracy"), "{out}");
    assert!(
        out.contains("epoch 1  squared error 0.") && out.contains("epoch 1 in the clear  squared error 0."),
        "{out}"
    );
    let csv = fs::read_to_string(dir.path().join("out/metrics.csv")).unwrap();
    let cells: Vec<&str> = csv.lines().nth(1).unwrap().split(',').collect();
    let [shares, clear] = [6, 7].map(|at: usize| cells[at].parse::<f64>().unwrap());
    assert!(shares > 0.0 && (shares - clear).abs() < 0.2 * clear, "{csv}");
    let report = fs::read_to_string(dir.path().join("out/report.html")).unwrap();
    assert!(report.contains("Loss: squared error of the test rows"), "the report has the curve");
    assert!(report.contains("price: RMSE") && !report.contains("Test accuracy"), "the report has its errors");
    let evaluated = run(dir.path(), &["evaluate", "out", "--data", "homes.csv", "--json"]).json().remove(0);
    let own = &evaluated["regression"]["targets"][0];
    let rmse = own["rmse"].as_f64().unwrap();
    assert!(rmse > 100.0 && rmse < 12_000.0 && own["r2"].as_f64().unwrap() > 0.9, "{evaluated}");
    // private predictions, in the order of the rows
    let asked = ["predict", "out", "--data", "homes.csv", "--limit", "40", "--quiet"];
    let answers = run(dir.path(), &asked);
    let mut lines = answers.done().lines();
    assert_eq!(lines.next(), Some("row,price"));
    let rows = homes(40);
    let (mut sum, mut count) = (0.0, 0.0);
    for (row, (answer, line)) in rows.lines().skip(1).zip(lines).enumerate().map(|(n, (row, line))| (row, (n, line))) {
        let price: f64 = row.rsplit(',').next().unwrap().parse().unwrap();
        let (number, predicted) = line.split_once(',').unwrap();
        assert_eq!(number, answer.to_string());
        (sum, count) = (sum + (predicted.parse::<f64>().unwrap() - price).powi(2), count + 1.0);
    }
    assert!(count == 40.0 && f64::sqrt(sum / count) < 12_000.0, "{}", f64::sqrt(sum / count));
    // what a regression does not have
    train(dir.path(), &["--reveal", "accuracy"]).failed(2, &["a regression has no accuracy"]);
    train(dir.path(), &["--class-weights", "1,2"]).failed(2, &["class weights"]);
    train(dir.path(), &["--target", "0.9"]).failed(2, &["no accuracy that could reach a target", "--patience"]);
}

#[test]
fn several_labels_are_trained_evaluated_and_asked() {
    let _turn = shared();
    let dir = folder();
    prepare(dir.path(), &["south", "large"], "outputs = 2");
    // the price is no feature that may be known
    let file = dir.path().join("homes.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("task = \"multi-label\"\nlabels = [\"south\", \"large\"]"), "{text}");
    let ended = train(dir.path(), &["--reveal", "accuracy,model,ranges,confusion", "--epochs", "20"]);
    let out = ended.done();
    assert!(out.contains("by label") && out.contains("macro F1"), "{out}");
    let report = fs::read_to_string(dir.path().join("out/report.html")).unwrap();
    assert!(report.contains("Test rows by label"), "the report has the labels");
    let evaluated = run(dir.path(), &["evaluate", "out", "--data", "homes.csv", "--json"]).json().remove(0);
    assert!(evaluated["test_accuracy"].as_f64().unwrap() > 0.85, "{evaluated}");
    let answers = run(dir.path(), &["predict", "out", "--data", "homes.csv", "--limit", "30", "--quiet"]);
    let lines: Vec<&str> = answers.done().lines().collect();
    assert_eq!((lines[0], lines.len()), ("row,label[south],label[large]", 31));
    let asked = ["predict", "out", "--data", "homes.csv", "--limit", "3", "--answers", "probabilities", "--json"];
    let answers = run(dir.path(), &asked).json().remove(0);
    assert_eq!(answers["answers"][0].as_array().unwrap().len(), 2, "{answers}");
    train(dir.path(), &["--reveal", "roc"]).failed(2, &["`roc` is of two classes, and the network learns multi-label"]);
}

#[test]
fn two_classes_are_trained_with_one_output_where_the_network_has_one() {
    let _turn = shared();
    let dir = folder();
    prepare(dir.path(), &["large"], "outputs = 1");
    let ended = train(dir.path(), &["--reveal", "accuracy,model,ranges,roc,confusion", "--json"]);
    let summary = ended.json().pop().unwrap();
    assert_eq!(summary["loss"].as_str(), Some("sigmoid-cross-entropy"), "{summary}");
    assert!(summary["figures"]["roc"]["auc"].as_f64().unwrap() > 0.95, "{summary}");
    assert!(summary["test_accuracy"].as_f64().unwrap() > 0.88, "{summary}");
    let answers = run(dir.path(), &["predict", "out", "--data", "homes.csv", "--limit", "20", "--quiet"]);
    assert!(answers.done().starts_with("row,class\n0,"), "{answers:?}");
    let asked = ["predict", "out", "--data", "homes.csv", "--limit", "2", "--answers", "probabilities", "--quiet"];
    assert!(run(dir.path(), &asked).done().starts_with("row,probabilities["), "one column");
}
