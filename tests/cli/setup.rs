//! Setting up parties: `init`, `keys trust`, `keys list`, `doctor`, and commands that take their configuration.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Ended, Running, all_done, end, folder, nobody_left, program, run, shared};

/// Options of `ppdnn init`, by party, but for addresses.
const TRAINING: [(&str, &[&str]); 5] = [
    ("server0", &["--role", "server0"]),
    ("server1", &["--role", "server1"]),
    ("dealer", &["--role", "dealer"]),
    ("owner0", &["--role", "owner", "--number", "0"]),
    ("trainer", &["--role", "trainer"]),
];

/// Parties with a folder each, as on machines of their own, of which all trust all.
struct Machines(TempDir);

impl Machines {
    fn new(parties: &[(&str, &[&str])]) -> Self {
        let machines = Self(folder());
        let held = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let mut free = held.iter().map(|listener| listener.local_addr().unwrap().to_string());
        let mut files = Vec::new();
        for (name, options) in parties {
            fs::create_dir(machines.path(name)).unwrap();
            let address = ["server0", "server1", "dealer"].contains(name).then(|| free.next().unwrap());
            let address = address.iter().flat_map(|address| ["--address", address]);
            machines
                .run(name, &["init"].into_iter().chain(options.iter().copied()).chain(address).collect::<Vec<_>>())
                .done();
            files.push(machines.path(name).join(format!("ppdnn-config/{name}.party")).display().to_string());
        }
        for (name, _) in parties {
            let files = files.iter().map(String::as_str);
            machines.run(name, &["keys", "trust"].into_iter().chain(files).collect::<Vec<_>>()).done();
        }
        machines
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, name: &str, args: &[&str]) -> Ended {
        run(&self.path(name), args)
    }

    fn start(&self, name: &str, args: &[&str]) -> Running {
        Running::start(&mut program(&self.path(name), args))
    }

    fn configuration(&self, name: &str) -> PathBuf {
        self.path(name).join("ppdnn-config/ppdnn.toml")
    }

    /// Starts those who listen, and waits until they do.
    fn serve(&self, names: &[&str]) -> Vec<Running> {
        let command = |name: &str| if name == "dealer" { "dealer" } else { "server" };
        let mut parties: Vec<_> = names.iter().map(|name| self.start(name, &[command(name), "--jobs", "2"])).collect();
        parties.iter_mut().for_each(|party| party.hear("waiting for a job"));
        parties
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The state of a check of `ppdnn doctor --json`, and its text.
fn check(report: &Value, name: &str) -> (String, String) {
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["check"] == name).unwrap_or_else(|| panic!("no {name} in {report}"));
    (check["state"].as_str().unwrap().into(), check["text"].as_str().unwrap().into())
}

/// What a doctor printed as JSON, whether or not checks failed.
fn report(ended: &Ended) -> Value {
    assert!(!ended.err.contains("panicked"), "{ended:?}");
    serde_json::from_str(ended.out.trim()).unwrap_or_else(|e| panic!("{e}: {ended:?}"))
}

#[test]
fn init_makes_a_private_folder_and_overwrites_nothing() {
    let dir = folder();
    let args = ["init", "--role", "server0", "--address", "a.example.org:7100", "--listen", "0.0.0.0:7100", "--json"];
    let made = run(dir.path(), &args).json().remove(0);
    assert_eq!((&made["role"], &made["folder"]), (&"server0".into(), &"ppdnn-config".into()));
    let config = dir.path().join("ppdnn-config");
    assert_eq!([mode(&config), mode(&config.join("identity.key")), mode(&config.join("state"))], [0o700, 0o600, 0o700]);
    let settings = fs::read_to_string(config.join("ppdnn.toml")).unwrap();
    assert!(settings.contains("listen = \"0.0.0.0:7100\"") && settings.contains("# "), "{settings}");
    // nothing that others see is secret
    let secret: toml::Table = fs::read_to_string(config.join("identity.key")).unwrap().parse().unwrap();
    let party = fs::read_to_string(config.join("server0.party")).unwrap();
    for field in ["key", "seal"] {
        let secret = secret[field].as_str().unwrap();
        assert!(![&settings, &party, &made.to_string()].iter().any(|text| text.contains(secret)));
    }
    assert_eq!(secret["fingerprint"].as_str(), made["key"].as_str());
    run(dir.path(), &args).failed(2, &["ppdnn-config/ppdnn.toml already exists", "--dir"]);
    // a key that is there is kept
    fs::remove_file(config.join("ppdnn.toml")).unwrap();
    assert_eq!(run(dir.path(), &args).json()[0]["key"], made["key"]);
    fs::remove_file(config.join("ppdnn.toml")).unwrap();
    fs::set_permissions(config.join("identity.key"), fs::Permissions::from_mode(0o644)).unwrap();
    run(dir.path(), &args).failed(1, &["open to other users", "chmod 600"]);
    assert!(!config.join("ppdnn.toml").exists());
}

#[test]
fn init_says_what_its_options_lack() {
    let dir = folder();
    let cases: [(&[&str], &[&str]); 8] = [
        (&["--role", "server0"], &["server 0", "--address is missing"]),
        (&["--role", "dealer", "--address", "here"], &["--address", "a host and a port"]),
        (&["--role", "trainer", "--address", "a:1"], &["trainer does not listen"]),
        (&["--role", "trainer", "--number", "1"], &["--number belongs to --role owner"]),
        (&["--role", "server2", "--address", "a:1"], &["--role", "expected server0"]),
        (&["--role", "dealer", "--address", "a:1", "--listen", "x\"y:1"], &["--listen"]),
        (&["--role", "dealer", "--address", "a:1", "--train-rows", "3"], &["--train-rows belongs to owners"]),
        (&["--role", "dealer", "--address", "a\u{1b}[2J:1"], &["a?[2J:1"]),
    ];
    for (options, says) in cases {
        let ended = run(dir.path(), &[&["init"], options].concat());
        ended.failed(2, says);
        assert!(!ended.err.contains('\u{1b}'), "{ended:?}");
        assert!(!dir.path().join("ppdnn-config").exists(), "{options:?}");
    }
    run(dir.path(), &["init", "--role", "owner3", "--dir", "mine"]).done();
    assert!(dir.path().join("mine/owner3.party").exists());
}

#[test]
fn keys_are_entered_all_at_once_and_changed_on_purpose_only() {
    let machines = Machines::new(&TRAINING);
    let listed = machines.run("server0", &["keys", "list", "--json"]).json().remove(0);
    assert_eq!((listed["parties"].as_array().unwrap().len(), &listed["missing"]), (5, &Value::Null));
    let known = fs::read_to_string(machines.configuration("server0")).unwrap();
    let key = |name: &str| {
        let party = fs::read_to_string(machines.path(name).join(format!("ppdnn-config/{name}.party"))).unwrap();
        party.parse::<toml::Table>().unwrap()["key"].as_str().unwrap().to_owned()
    };
    // a file that was replaced on its way
    run(&machines.path("dealer"), &["init", "--role", "server1", "--address", "b:1", "--dir", "forged"]).done();
    let forged = machines.path("dealer").join("forged/server1.party").display().to_string();
    let ended = machines.run("server0", &["keys", "trust", &forged]);
    ended.failed(2, &["another key for server 1", "by phone", "--replace"]);
    let digits = |text: &str| text.replace(' ', "");
    assert!(digits(&ended.err).contains(&key("server1")), "the known one: {ended:?}");
    assert_eq!(fs::read_to_string(machines.configuration("server0")).unwrap(), known);
    // with one that is fine: all, or nothing
    fs::write(machines.path("server0").join("new.party"), format!("role = \"owner1\"\nkey = \"{}\"\n", "7".repeat(64)))
        .unwrap();
    machines.run("server0", &["keys", "trust", "new.party", &forged]).failed(2, &["another key for server 1"]);
    assert_eq!(fs::read_to_string(machines.configuration("server0")).unwrap(), known);
    let entered =
        machines.run("server0", &["keys", "trust", "--replace", "new.party", &forged, "--json"]).json().remove(0);
    let changes: Vec<_> = entered["trusted"].as_array().unwrap().iter().map(|party| party["change"].clone()).collect();
    assert_eq!(changes, ["added", "REPLACED"]);
    let now = fs::read_to_string(machines.configuration("server0")).unwrap();
    let comments =
        |text: &str| text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(comments(&now), comments(&known));
    // back again by its fingerprint, as it is read out
    let spoken = key("server1").as_bytes().chunks(8).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    machines.run("server0", &["keys", "trust", "server1", &spoken, "--address", "b:2", "--replace"]).done();
    // this party's own key stays
    machines.run("dealer", &["init", "--role", "server0", "--address", "a:1", "--dir", "self"]).done();
    let own = machines.path("dealer").join("self/server0.party").display().to_string();
    machines.run("server0", &["keys", "trust", "--replace", &own]).failed(2, &["server 0", "this party itself"]);
}

#[test]
fn files_of_others_are_not_believed() {
    let machines = Machines::new(&TRAINING[..1]);
    let at = |name: &str| machines.path("server0").join(name);
    let key = "7".repeat(64);
    fs::write(at("garbage.party"), [0xff, 0, 1]).unwrap();
    fs::write(at("text.party"), "role = server1\n").unwrap();
    fs::write(at("steering.party"), format!("role = \"dealer\"\naddress = \"a\\u001b[2J:1\"\nkey = \"{key}\"\n"))
        .unwrap();
    File::create(at("huge.party")).unwrap().set_len(1 << 40).unwrap();
    let before = fs::read_to_string(machines.configuration("server0")).unwrap();
    let cases: [(&[&str], &[&str]); 9] = [
        (&["garbage.party"], &["garbage.party", "not UTF-8"]),
        (&["text.party"], &["text.party", "line 1"]),
        (&["steering.party"], &["steering.party", "`address`"]),
        (&["huge.party"], &["huge.party", "more than"]),
        (&["none.party"], &["none.party", "No such file"]),
        (&["server1"], &["needs the fingerprint"]),
        (&["server1", &key], &["server 1", "--address is missing"]),
        (&["server1", "abc", "--address", "b:1"], &["neither a fingerprint"]),
        (&["ppdnn-config/server0.party", "--address", "b:1"], &["NAME FINGERPRINT"]),
    ];
    for (args, says) in cases {
        let ended = machines.run("server0", &[&["keys", "trust"], args].concat());
        assert!(matches!(ended.code, Some(1 | 2)), "{ended:?}");
        ended.failed(ended.code.unwrap(), says);
        assert!(!ended.err.contains('\u{1b}'), "{ended:?}");
        assert_eq!(fs::read_to_string(machines.configuration("server0")).unwrap(), before, "{args:?}");
    }
}

#[test]
fn a_command_takes_the_configuration_of_its_role_only() {
    let machines = Machines::new(&TRAINING);
    machines.run("owner0", &["server"]).failed(2, &["configuration of owner 0", "`ppdnn owner`, not `ppdnn server`"]);
    machines
        .run("server1", &["server", "--id", "0"])
        .failed(2, &["configuration of server 1, not of server 0", "--id"]);
    machines.run("server1", &["train", "--config", "ppdnn-config"]).failed(2, &["configuration of server 1"]);
    run(machines.0.path(), &["server"]).failed(1, &["ppdnn-config/ppdnn.toml", "ppdnn init"]);
    run(machines.0.path(), &["server", "--cluster", "a", "--identity", "b"]).failed(2, &["--cluster needs --id"]);
    run(machines.0.path(), &["server", "--cluster", "a", "--identity", "b", "--config", "c"]).failed(2, &["--config"]);
    // a service has it in its environment
    let mut command = program(machines.0.path(), &["keys", "list"]);
    command.env("PPDNN_CONFIG", machines.path("dealer").join("ppdnn-config"));
    assert!(end(command).done().contains("this party"));
    // not all are known
    let alone = Machines::new(&TRAINING[2..3]);
    alone.run("dealer", &["dealer"]).failed(1, &["owner 0, server 0, server 1, trainer are not known", "keys trust"]);
    // mistakes in the party's own section have a line
    let file = machines.configuration("server0");
    let good = fs::read_to_string(&file).unwrap();
    for (from, to, says) in [
        ("backend = \"cpu\"", "backend = \"tpu\"", "`backend` should be"),
        ("#memory_limit = \"16GiB\"", "memory_limit = \"much\"", "`memory_limit`"),
        ("role = \"server0\"", "role = \"boss\"", "`role`"),
        ("state = \"state\"", "states = 1", "states"),
    ] {
        assert!(good.contains(from), "{from}");
        fs::write(&file, good.replace(from, to)).unwrap();
        machines.run("server0", &["server"]).failed(1, &["ppdnn.toml: line ", says]);
    }
}

#[test]
fn doctor_says_what_is_wrong_with_a_party_and_its_peers() {
    let _turn = shared();
    let machines = Machines::new(&TRAINING);
    let _server = machines.serve(&["server0"]);
    let ended = machines.run("server1", &["doctor", "--quick", "--json"]);
    ended.failed(1, &["1 check failed"]);
    let found = report(&ended);
    for name in ["configuration", "key", "state folder", "server0 identity", "server0 version", "server0 bandwidth"] {
        assert_eq!(check(&found, name).0, "ok", "{name}: {found}");
    }
    let (state, text) = check(&found, "dealer reachable");
    assert!(state == "failed" && text.contains("nothing answers") && text.contains("start dealer"), "{text}");
    assert_eq!(found["failed"], 1);

    // another key than the one that server 0 shows
    let file = machines.configuration("server1");
    let good = fs::read_to_string(&file).unwrap();
    let key = good.split("[server0]").nth(1).unwrap().split('"').nth(3).unwrap().to_owned();
    fs::write(&file, good.replace(&key, &"7".repeat(64))).unwrap();
    let (state, text) = check(&report(&machines.run("server1", &["doctor", "--quick", "--json"])), "server0 identity");
    assert!(state == "failed" && text.contains(&key[..12]), "{text}");

    // this party's own files
    fs::write(&file, good.replace("state = \"state\"", "state = \"/dev/null/state\"")).unwrap();
    let config = machines.path("server1").join("ppdnn-config");
    fs::set_permissions(config.join("identity.key"), fs::Permissions::from_mode(0o640)).unwrap();
    let found = report(&machines.run("server1", &["doctor", "--quick", "--json"]));
    let (state, text) = check(&found, "key");
    assert!(state == "failed" && text.contains("chmod 600"), "{text}");
    assert_eq!(check(&found, "state folder").0, "failed");
    assert_eq!(check(&found, "others").0, "failed");

    // lines for people
    let ended = machines.run("owner0", &["doctor", "--quick"]);
    ended.failed(1, &["2 checks failed"]);
    for line in ["ok       server0 round trip: ", "FAILED   server1 reachable: ", "ok       memory: "] {
        assert!(ended.out.lines().any(|l| l.starts_with(line)), "`{line}` is not in {ended:?}");
    }
}

#[test]
fn doctor_looks_at_parties_that_are_training_and_they_go_on() {
    let _turn = shared();
    let machines = Machines::new(&TRAINING);
    let parties = machines.serve(&["server0", "server1", "dealer"]);
    fs::write(machines.path("owner0").join("policy.toml"), ppdnn::train::Policy::ANYTHING).unwrap();
    let _owner = machines.start("owner0", &["owner", "--policy", "policy.toml"]);
    let job = ["train", "--config", "ppdnn-config", "--train-limit", "2000", "--epochs", "300", "--reveal", "accuracy"];
    let mut trainer = machines.start("trainer", &[&job[..], &["--json"]].concat());
    trainer.hear("\"epoch\"");
    for name in ["owner0", "server1"] {
        let ended = machines.run(name, &["doctor", "--quick"]);
        assert!(ended.done().contains("ok       dealer bandwidth"), "{ended:?}");
    }
    let epochs = trainer.heard().matches("\"epoch\"").count();
    while trainer.heard().matches("\"epoch\"").count() < epochs + 2 {
        trainer.hear_more();
    }
    drop((trainer, parties));
}

#[test]
fn predictions_take_configurations_too() {
    let _turn = shared();
    let parties =
        [&TRAINING[..3], &[("client", &["--role", "client"]), ("model-owner", &["--role", "model-owner"])]].concat();
    let machines = Machines::new(&parties);
    let train = ["train", "--model", "logistic", "--train-limit", "200", "--test-limit", "100", "--steps", "1", "-q"];
    machines.run("model-owner", &[&train[..], &["--out", "out"]].concat()).done();
    machines.run("model-owner", &["card", "out", "--out", "card.json"]).done();
    fs::copy(machines.path("model-owner").join("card.json"), machines.path("client").join("card.json")).unwrap();
    let command = |name: &str| if name == "dealer" { "dealer" } else { "server" };
    let names = ["server0", "server1", "dealer"];
    let mut running: Vec<_> = names.iter().map(|name| machines.start(name, &[command(name)])).collect();
    running.push(machines.start("model-owner", &["model-owner", "--model", "out", "--card", "card.json"]));
    let ask = ["predict", "--config", "ppdnn-config", "--card", "card.json", "--limit", "3", "--json"];
    let answered = machines.run("client", &ask).json().remove(0);
    assert_eq!(answered["answers"].as_array().unwrap().len(), 3, "{answered}");
    all_done(running);
    nobody_left(machines.0.path(), Duration::ZERO);
}
