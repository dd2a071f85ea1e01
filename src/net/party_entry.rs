//! What others know of a party: `NAME.party`, a file without secrets that its operator sends to the others.
//!
//! ```toml
//! role = "server0"                                 # or server1, dealer, trainer, owner0 ..; client, model-owner
//! address = "a.example.org:7100"                   # of servers and dealer
//! key = "<64 hex digits>"
//! seal = "<64 hex digits>"                         # of trainer and client
//! train_rows = 30000                               # of owners, optional
//! test_rows = 5000
//! ```

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::fingerprint::Fingerprint;
use super::printable::is_printable;
use super::seal::SealingKey;
use crate::error::{Error, Result};
use crate::input;
use crate::peer::Role;

/// A party as others know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyEntry {
    /// Its role.
    pub role: Role,
    /// Host and port that others connect to; servers and dealer have one.
    pub address: Option<String>,
    /// The key that it shows.
    pub key: Fingerprint,
    /// The key that the model or an answer is sealed to; trainer and client have one.
    pub seal: Option<SealingKey>,
    /// The rows for training and for testing that an owner has agreed to bring.
    pub rows: [Option<u32>; 2],
}

impl PartyEntry {
    /// The party of a file.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Format`], naming the file, the line or field, and what to do.
    pub fn load(path: &Path) -> Result<Self> {
        let text = input::read_text(path, MOST_BYTES).map_err(|e| Error::file(path, e))?;
        Self::read(&text).map_err(|reason| Error::format(path, reason))
    }

    /// The party of the text of a file.
    ///
    /// # Errors
    /// What is wrong, with line or field.
    pub fn read(text: &str) -> std::result::Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |span| 1 + text.bytes().take(span.start).filter(|b| *b == b'\n').count());
            format!("line {line}: {}; is it a .party file of `ppdnn init`?", e.message())
        })?;
        let line = |at: usize| 1 + text.bytes().take(at).filter(|b| *b == b'\n').count();
        let role = Role::from_slug(file.role.as_ref())
            .ok_or_else(|| format!("line {}: `role` is no role of a party: {ROLES}", line(file.role.span().start)))?;
        let key = Fingerprint::parse(file.key.as_ref())
            .map_err(|e| format!("line {}: `key`: {e}", line(file.key.span().start)))?;
        let seal = |seal: &Spanned<String>| {
            SealingKey::parse(seal.as_ref()).map_err(|e| format!("line {}: `seal`: {e}", line(seal.span().start)))
        };
        let seal = file.seal.as_ref().map(seal).transpose()?;
        let entry = Self { role, address: file.address, key, seal, rows: [file.train_rows, file.test_rows] };
        entry.check().map_err(|(field, what)| format!("`{field}` {what}"))?;
        Ok(entry)
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        let name = self.role.slug();
        let start = format!(
            "# Public: others know {} by this. They run: ppdnn keys trust {name}.party\nrole = \"{name}\"\n",
            self.role
        );
        start + &self.fields()
    }

    /// The section of a cluster file or a configuration.
    pub fn to_section(&self) -> String {
        let start = match self.role {
            Role::Owner(number) => format!("[[owners]]\nnumber = {number}\n"),
            role => format!("[{}]\n", role.slug().replace('-', "_")),
        };
        start + &self.fields()
    }

    /// Which fields a role has, and that they can be used; else the field, and what is wrong with it.
    ///
    /// # Errors
    /// The field and the reason.
    pub fn check(&self) -> std::result::Result<(), (&'static str, String)> {
        let role = self.role;
        let listens = matches!(role, Role::Dealer | Role::Server(_));
        match &self.address {
            Some(address) if listens => check_address(address).map_err(|what| ("address", what))?,
            Some(_) => return Err(("address", format!("belongs to servers and dealer; {role} does not listen"))),
            None if listens => {
                return Err(("address", "is missing: the host and the port that others connect to".into()));
            }
            None => {}
        }
        let sealed = matches!(role, Role::Client | Role::Trainer);
        match self.seal {
            Some(_) if !sealed => {
                return Err(("seal", format!("belongs to trainer and client, not to {role}; remove it")));
            }
            None if sealed => {
                return Err(("seal", "is missing: the second key that `ppdnn init` or `keygen` printed".into()));
            }
            _ => {}
        }
        for (field, rows) in [("train_rows", self.rows[0]), ("test_rows", self.rows[1])] {
            if rows.is_some() && !matches!(role, Role::Owner(_)) {
                return Err((field, "belongs to owners; remove it".into()));
            }
        }
        Ok(())
    }

    fn fields(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = writeln!(text, "{name} = {value}");
            }
        };
        let quoted = |value: &dyn std::fmt::Display| format!("\"{value}\"");
        line("address", self.address.as_ref().map(|address| quoted(address)));
        line("key", Some(quoted(&self.key)));
        line("seal", self.seal.as_ref().map(|seal| quoted(seal)));
        line("train_rows", self.rows[0].map(|rows| rows.to_string()));
        line("test_rows", self.rows[1].map(|rows| rows.to_string()));
        text
    }
}

/// Whether a text is a host and a port that can be dialed and written into a file; else what is wrong.
pub(super) fn check_address(address: &str) -> std::result::Result<(), String> {
    let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    let odd = |c: char| c == '"' || c == '\\' || c.is_whitespace();
    if matches!(port, Some(Ok(1..))) && is_printable(address) && !address.contains(odd) {
        return Ok(());
    }
    let shown = super::printable::printable(address);
    Err(format!("is \"{shown}\", should be a host and a port, as \"a.example.org:7100\""))
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    role: Spanned<String>,
    address: Option<String>,
    key: Spanned<String>,
    seal: Option<Spanned<String>>,
    train_rows: Option<u32>,
    test_rows: Option<u32>,
}

/// Bytes of a file, generously.
const MOST_BYTES: u64 = 1 << 16;

/// Roles, for messages.
const ROLES: &str = "server0, server1, dealer, trainer, owner0, owner1 .., client or model-owner";

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digit: &str) -> String {
        digit.repeat(64)
    }

    #[test]
    fn a_party_comes_back_from_its_file() {
        let text = format!("role = \"owner7\"\nkey = \"{}\"\ntrain_rows = 3\n", key("a"));
        let owner = PartyEntry::read(&text).unwrap();
        assert_eq!((owner.role, owner.rows), (Role::Owner(7), [Some(3), None]));
        assert_eq!(PartyEntry::read(&owner.to_text()).unwrap(), owner);
        let text = format!("role = \"trainer\"\nkey = \"{}\"\nseal = \"{}\"\n", key("b"), key("c"));
        let trainer = PartyEntry::read(&text).unwrap();
        assert_eq!(PartyEntry::read(&trainer.to_text()).unwrap(), trainer);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_the_line_and_never_shown_raw() {
        let of = |role: &str, more: &str| format!("role = \"{role}\"\nkey = \"{}\"\n{more}", key("a"));
        let cases: [(String, &[&str]); 11] = [
            (String::new(), &["line 1", "missing field"]),
            (of("boss", ""), &["line 1", "`role`", "server0"]),
            (of("server2", ""), &["`role`"]),
            (of("owner07", ""), &["`role`"]),
            (of("server0", ""), &["`address` is missing"]),
            (of("server0", "address = \"a\""), &["`address`", "host and a port"]),
            (of("server0", "address = \"a\\u001b[2J:1\""), &["`address`", "a?[2J:1"]),
            (of("owner0", "address = \"a:1\""), &["does not listen"]),
            (of("trainer", ""), &["`seal` is missing"]),
            (of("dealer", "address = \"a:1\"\ntrain_rows = 1"), &["`train_rows` belongs to owners"]),
            (of("dealer", "address = \"a:1\"\nport = 1"), &["line 4", "port"]),
        ];
        for (text, wants) in cases {
            let error = PartyEntry::read(&text).unwrap_err();
            assert!(wants.iter().all(|want| error.contains(want)), "{wants:?} in {error}");
            assert!(!error.contains('\u{1b}'), "{error:?}");
        }
        let short = of("server0", "address = \"a:1\"").replace(&key("a"), "aa");
        assert!(PartyEntry::read(&short).unwrap_err().contains("line 2: `key`"));
    }
}
