//! The cluster file: it comes back as it was saved, and mistakes in it are named.

use std::path::PathBuf;

use ppdnn::net::{Cluster, Role};

use crate::harness::{S1, World};

#[test]
fn a_cluster_file_comes_back_and_every_mistake_says_where_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.toml");
    let world = World::new(7100);
    world.cluster().save(&path).unwrap();
    assert_eq!(Cluster::load(&path).unwrap(), world.cluster());
    let good = std::fs::read_to_string(&path).unwrap();
    let key = |role| world.identity(role).fingerprint().to_string();
    let cases: [(String, String, &[&str]); 11] = [
        (key(S1), "xyz".into(), &["line 10", "server 1", "`key`", "0-9"]),
        (key(S1), key(S1)[1..].into(), &["server 1", "odd number"]),
        (key(S1), key(S1)[2..].into(), &["server 1", "62 digits", "64"]),
        (key(S1), key(Role::Owner(0)), &["owner 0", "also the key of server 1"]),
        ("[dealer]".into(), "[deeler]".into(), &["deeler", "line", "sections are"]),
        ("[dealer]\n".into(), "[dealer]\nport = 3\n".into(), &["port", "line"]),
        ("127.0.0.1:7100".into(), "127.0.0.1".into(), &["server 0", "`address`", "host and a port"]),
        ("127.0.0.1:7100".into(), "127.0.0.1:70000".into(), &["server 0", "`address`", "host and a port"]),
        ("127.0.0.1:7100".into(), "127.0.0.1:1".into(), &["also the address of server 0"]),
        (world.identity(Role::Trainer).sealing_key().to_string(), "00".into(), &["trainer", "`seal`", "64"]),
        ("deadline_seconds = 9".into(), "deadline_seconds = 0".into(), &["deadline_seconds", "at least 1"]),
    ];
    for (old, new, wants) in cases {
        assert!(good.contains(&old), "{old}");
        std::fs::write(&path, good.replacen(&old, &new, 1)).unwrap();
        let error = Cluster::load(&path).unwrap_err().to_string();
        assert!(error.contains("cluster.toml"), "{error}");
        assert!(wants.iter().all(|want| error.contains(want)), "{wants:?} in {error}");
    }
    std::fs::write(&path, &good[..good.find("[[owners]]").unwrap()]).unwrap();
    assert!(Cluster::load(&path).unwrap_err().to_string().contains("[[owners]]"));
    std::fs::write(&path, &good[good.find("[server1]").unwrap()..]).unwrap();
    assert!(Cluster::load(&path).unwrap_err().to_string().contains("server0"));
    let missing = Cluster::load(&PathBuf::from("/nowhere/cluster.toml")).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/cluster.toml"), "{missing}");
}
