//! What commands without a run say as JSON: one object of what they made, and no secrets.

use std::fs;

use ppdnn::train::Policy;

use crate::harness::{Ended, folder, run, shared};

/// The only line that was printed.
fn object(ended: &Ended) -> serde_json::Value {
    let mut lines = ended.json();
    assert_eq!(lines.len(), 1, "{ended:?}");
    lines.remove(0)
}

#[test]
fn keys_are_public_ones() {
    let dir = folder();
    let ended = run(dir.path(), &["keygen", "--out", "party.key", "--json"]);
    let made = object(&ended);
    assert_eq!(made["file"], "party.key");
    let hex = |name: &str| made[name].as_str().unwrap().to_owned();
    assert!(hex("key").len() == 64 && hex("seal").len() == 64 && hex("key") != hex("seal"), "{made}");
    assert_eq!(made.as_object().unwrap().len(), 3);
    let text = fs::read_to_string(dir.path().join("party.key")).unwrap();
    let stored: toml::Table = text.parse().unwrap();
    assert_eq!(stored["fingerprint"].as_str(), made["key"].as_str());
    for secret in ["key", "seal"] {
        let secret = stored[secret].as_str().unwrap();
        assert!(secret.len() >= 64 && !ended.out.contains(secret) && !ended.err.contains(secret));
    }
    run(dir.path(), &["keygen", "--out", "party.key", "--json"]).failed(2, &["party.key already exists"]);
}

#[test]
fn the_policy_is_the_one_that_is_explained() {
    let dir = folder();
    let rules = object(&run(dir.path(), &["policy", "--json"]));
    let text = run(dir.path(), &["policy"]);
    fs::write(dir.path().join("policy.toml"), text.done()).unwrap();
    let explained = Policy::load(&dir.path().join("policy.toml")).unwrap();
    assert_eq!(serde_json::from_value::<Policy>(rules.clone()).unwrap(), explained);
    assert_eq!((&rules["least_rows"], &rules["initial"]), (&1000.into(), &"seed".into()));
}

#[test]
fn the_card_is_the_one_in_the_file() {
    let _turn = shared();
    let dir = folder();
    let train = ["train", "--model", "logistic", "--train-limit", "200", "--test-limit", "100", "--steps", "1"];
    run(dir.path(), &[&train[..], &["--quiet", "--out", "out"]].concat()).done();
    let said = object(&run(dir.path(), &["card", "out", "--out", "card.json", "--max-rows", "7", "--json"]));
    let file = fs::read(dir.path().join("card.json")).unwrap();
    assert_eq!(said["card"], serde_json::from_slice::<serde_json::Value>(&file).unwrap());
    assert_eq!((&said["file"], &said["card"]["max_rows"]), (&"card.json".into(), &7.into()));
}

#[test]
fn drafts_networks_and_pruned_runs_are_objects_too() {
    let dir = folder();
    let rows: String =
        (0..40).map(|row| format!("{},{}\n", row % 7, if row % 2 == 0 { "no" } else { "yes" })).collect();
    fs::write(dir.path().join("rows.csv"), format!("age,answer\n{rows}")).unwrap();
    let drafted = object(&run(dir.path(), &["data", "describe", "rows.csv", "--json"]));
    assert_eq!(
        (&drafted["rows"], &drafted["features"], &drafted["targets"][1]),
        (&40.into(), &1.into(), &"yes".into())
    );
    assert!(drafted["draft"].as_str().unwrap().contains("name = \"age\""), "{drafted}");
    let drafted = object(&run(dir.path(), &["data", "describe", "rows.csv", "--out", "rows.toml", "--json"]));
    assert_eq!((&drafted["description"], &drafted["draft"]), (&"rows.toml".into(), &serde_json::Value::Null));
    let shown = object(&run(dir.path(), &["models", "show", "lenet", "--json"]));
    let text = run(dir.path(), &["models", "show", "lenet"]);
    assert_eq!(shown["file"].as_str().unwrap().trim_end(), text.done().trim_end());
    fs::create_dir(dir.path().join("runs")).unwrap();
    let pruned = object(&run(dir.path(), &["runs", "prune", "--keep", "3", "--json"]));
    assert_eq!(pruned, serde_json::json!([]));
}
