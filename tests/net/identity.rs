//! A party's identity: its file, and what is sealed to its key.

use ppdnn::net::Identity;

#[test]
fn an_identity_comes_back_and_is_never_overwritten_nor_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("me.toml");
    let identity = Identity::generate().unwrap();
    identity.save(&path).unwrap();
    let again = Identity::load(&path).unwrap();
    assert_eq!(again.fingerprint(), identity.fingerprint());
    assert_eq!(again.sealing_key(), identity.sealing_key());
    assert!(identity.save(&path).is_err());
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# A ppdnn identity. PRIVATE"));
    assert_eq!(format!("{identity:?}"), format!("Identity({})", identity.fingerprint()));
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777, 0o600);
    #[cfg(unix)]
    for mode in [0o640, 0o604, 0o660, 0o601, 0o644] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let error = Identity::load(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("mode {mode:o}")) && error.contains("`chmod 600 "), "{error}");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o400)).unwrap();
        Identity::load(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    let other = Identity::generate().unwrap().fingerprint().to_string();
    let mistakes = [
        (text.replace(&identity.fingerprint().to_string(), &other), "`fingerprint`"),
        (text.replace("key = \"30", "key = \"31"), "`key`"),
        (text.replace("seal = \"", "seal = \"00"), "`seal`"),
        (text.replace("seal = ", "sael = "), "not a ppdnn identity"),
    ];
    for (text, want) in mistakes {
        std::fs::write(&path, &text).unwrap();
        let error = Identity::load(&path).unwrap_err().to_string();
        assert!(error.contains("me.toml") && error.contains(want), "{error}");
        assert!(!error.contains("30"), "quotes the secret: {error}");
    }
}

#[test]
fn sealed_bytes_open_for_their_holder_and_label_only_and_only_unchanged() {
    let trainer = Identity::generate().unwrap();
    let sealed = trainer.sealing_key().seal(b"model", b"a share").unwrap();
    assert_eq!(*trainer.unsealing_key().unseal(b"model", &sealed).unwrap(), b"a share");
    assert_ne!(sealed, trainer.sealing_key().seal(b"model", b"a share").unwrap());
    assert!(trainer.unsealing_key().unseal(b"modem", &sealed).is_err());
    assert!(Identity::generate().unwrap().unsealing_key().unseal(b"model", &sealed).is_err());
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(trainer.unsealing_key().unseal(b"model", &changed).is_err(), "byte {at}");
        assert!(trainer.unsealing_key().unseal(b"model", &sealed[..at]).is_err(), "cut at {at}");
    }
}
