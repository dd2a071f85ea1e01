//! The parties that a configuration or a cluster file knows, and changes to them that leave the rest of the text as it is.

use std::ops::Range;

use super::cluster_file::{ClusterFile, FileParty};
use super::fingerprint::Fingerprint;
use super::party_entry::PartyEntry;
use crate::peer::Role;

/// The text of a configuration, and the parties in it; some may be missing yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownParties {
    text: String,
    entries: Vec<PartyEntry>,
}

/// What became of a party that was to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not known before.
    Added,
    /// It has another key than before.
    Replaced,
    /// It was known with all that is said of it.
    Unchanged,
    /// Its key is the same, its address or its numbers of rows are others.
    Updated,
}

/// Why a party is not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// The text cannot be read or changed; or another party has this key.
    Invalid(String),
    /// It is known by another key, which has to be replaced on purpose.
    OtherKey {
        /// The key that is known.
        known: Fingerprint,
        /// Whether it is the sealing key that differs.
        seal: bool,
    },
}

impl KnownParties {
    /// The parties in the text of a configuration or a cluster file.
    ///
    /// # Errors
    /// What is wrong, with line or section.
    pub fn read(text: &str) -> Result<Self, String> {
        let entries = ClusterFile::read(text)?.entries(text)?;
        Ok(Self { text: text.to_owned(), entries })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The parties, in the order of the text; owners last.
    pub fn entries(&self) -> &[PartyEntry] {
        &self.entries
    }

    /// The party of a role.
    pub fn entry(&self, role: Role) -> Option<&PartyEntry> {
        self.entries.iter().find(|entry| entry.role == role)
    }

    /// Adds a party or updates what is known of it; another key than the known one only if it may `replace` that.
    ///
    /// # Errors
    /// [`Distrust`]; nothing is changed then.
    pub fn trust(&mut self, new: &PartyEntry, replace: bool) -> Result<Change, Distrust> {
        if let Some(other) = self.entries.iter().find(|entry| entry.key == new.key && entry.role != new.role) {
            let text = format!(
                "the key of {} is also that of {}; every party generates its own with `ppdnn init`",
                new.role, other.role
            );
            return Err(Distrust::Invalid(text));
        }
        let same_place = |entry: &&PartyEntry| entry.role != new.role && entry.address == new.address;
        if let Some(other) = new.address.as_ref().and_then(|_| self.entries.iter().find(same_place)) {
            let text = format!("the address of {} is also that of {}; give each its own", new.role, other.role);
            return Err(Distrust::Invalid(text));
        }
        let Some(known) = self.entry(new.role) else {
            let gap = if self.text.ends_with("\n\n") || self.text.is_empty() { "" } else { "\n" };
            let end = if self.text.ends_with('\n') || self.text.is_empty() { "" } else { "\n" };
            let text = format!("{}{end}{gap}{}", self.text, new.to_section());
            return self.becomes(text, new).map(|()| Change::Added);
        };
        let new = PartyEntry { rows: [0, 1].map(|set| new.rows[set].or(known.rows[set])), ..new.clone() };
        let other_key = known.key != new.key;
        if (other_key || known.seal != new.seal) && !replace {
            return Err(Distrust::OtherKey { known: known.key, seal: !other_key });
        }
        let change = match () {
            () if *known == new => return Ok(Change::Unchanged),
            () if other_key || known.seal != new.seal => Change::Replaced,
            () => Change::Updated,
        };
        let text = self.edited(&new).map_err(Distrust::Invalid)?;
        self.becomes(text, &new).map(|()| change)
    }

    /// The text with other values for a party that is in it.
    fn edited(&self, new: &PartyEntry) -> Result<String, String> {
        let file = ClusterFile::read(&self.text)?;
        let section = file.sections().find(|(role, _)| *role == new.role).map(|(_, section)| section);
        let mut changes = section.map_or_else(Vec::new, |section| changes(section, new));
        // from the end on, so that places stay where they are
        changes.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
        let mut text = self.text.clone();
        for (place, value) in changes {
            text.replace_range(place, &value);
        }
        Ok(text)
    }

    /// Takes a text over if it says of all parties what it should.
    fn becomes(&mut self, text: String, new: &PartyEntry) -> Result<(), Distrust> {
        let by_hand = |why: &str| {
            Distrust::Invalid(format!("{} cannot be entered automatically{why}; change its section by hand", new.role))
        };
        let read = Self::read(&text).map_err(|why| by_hand(&format!(" ({why})")))?;
        let others = |parties: &Self| parties.entries.iter().filter(|entry| entry.role != new.role).count();
        let kept = self.entries.iter().all(|entry| entry.role == new.role || read.entry(entry.role) == Some(entry));
        if !kept || others(self) != others(&read) || read.entry(new.role) != Some(new) {
            return Err(by_hand(""));
        }
        *self = read;
        Ok(())
    }
}

/// Places of values in a section that differ, and what is to stand there; what is missing comes behind the key.
fn changes(section: &FileParty, new: &PartyEntry) -> Vec<(Range<usize>, String)> {
    let quoted = |value: String| format!("\"{value}\"");
    let fields = [
        ("address", section.address.as_ref().map(|v| v.span()), new.address.clone().map(quoted)),
        ("seal", section.seal.as_ref().map(|v| v.span()), new.seal.map(|seal| quoted(seal.to_string()))),
        ("train_rows", section.train_rows.as_ref().map(|v| v.span()), new.rows[0].map(|rows| rows.to_string())),
        ("test_rows", section.test_rows.as_ref().map(|v| v.span()), new.rows[1].map(|rows| rows.to_string())),
    ];
    let mut changes = Vec::new();
    let mut key = quoted(new.key.to_string());
    for (name, place, value) in fields {
        match (place, value) {
            (Some(place), Some(value)) => changes.push((place, value)),
            (None, Some(value)) => key.push_str(&format!("\n{name} = {value}")),
            (_, None) => {}
        }
    }
    changes.push((section.key.span(), key));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> PartyEntry {
        PartyEntry::read(text).unwrap()
    }

    fn server(number: u8, digit: &str, port: u16) -> PartyEntry {
        entry(&format!("role = \"server{number}\"\naddress = \"h:{port}\"\nkey = \"{}\"", digit.repeat(64)))
    }

    fn owner(number: u32, digit: &str, more: &str) -> PartyEntry {
        entry(&format!("role = \"owner{number}\"\nkey = \"{}\"\n{more}", digit.repeat(64)))
    }

    const COMMENTED: &str = "# mine\n[party]\nrole = \"dealer\" # this\n\n# the end, without a new line";

    #[test]
    fn parties_are_added_in_any_order_and_the_text_before_stays() {
        let mut known = KnownParties::read(COMMENTED).unwrap();
        for new in [owner(1, "c", "train_rows = 4"), server(1, "b", 2), owner(0, "d", ""), server(0, "a", 1)] {
            assert_eq!(known.trust(&new, false), Ok(Change::Added));
            assert_eq!(known.trust(&new, false), Ok(Change::Unchanged));
            assert_eq!(known.entry(new.role), Some(&new));
        }
        assert!(known.text().starts_with(&format!("{COMMENTED}\n\n[[owners]]\nnumber = 1\n")), "{}", known.text());
        assert_eq!(known.entries().len(), 4);
    }

    #[test]
    fn another_key_is_refused_unless_it_may_replace_the_known_one() {
        let mut known = KnownParties::read(COMMENTED).unwrap();
        known.trust(&server(0, "a", 1), false).unwrap();
        known.trust(&owner(0, "d", ""), false).unwrap();
        let (before, other) = (known.clone(), server(0, "e", 1));
        let refused = Distrust::OtherKey { known: server(0, "a", 1).key, seal: false };
        assert_eq!(known.trust(&other, false), Err(refused));
        assert_eq!(known, before);
        assert_eq!(known.trust(&other, true), Ok(Change::Replaced));
        assert_eq!(known.entry(Role::Server(0)), Some(&other));
        // what stands around it is as it was
        assert_eq!(known.text(), before.text().replace(&"a".repeat(64), &"e".repeat(64)));
        assert_eq!(known.trust(&server(0, "e", 9), false), Ok(Change::Updated));
        assert_eq!(known.trust(&owner(0, "d", "train_rows = 7"), false), Ok(Change::Updated));
        assert_eq!(known.entry(Role::Owner(0)).unwrap().rows, [Some(7), None]);
        // what a file does not say is not forgotten
        assert_eq!(known.trust(&owner(0, "d", "test_rows = 2"), false), Ok(Change::Updated));
        assert_eq!(known.entry(Role::Owner(0)).unwrap().rows, [Some(7), Some(2)]);
    }

    #[test]
    fn another_sealing_key_counts_as_another_key() {
        let trainer = |seal: &str| {
            let [key, seal] = ["a", seal].map(|digit| digit.repeat(64));
            entry(&format!("role = \"trainer\"\nkey = \"{key}\"\nseal = \"{seal}\""))
        };
        let mut known = KnownParties::read("").unwrap();
        assert_eq!(known.trust(&trainer("b"), false), Ok(Change::Added));
        assert!(matches!(known.trust(&trainer("c"), false), Err(Distrust::OtherKey { seal: true, .. })));
        assert_eq!(known.trust(&trainer("c"), true), Ok(Change::Replaced));
        assert_eq!(known.entry(Role::Trainer), Some(&trainer("c")));
    }

    #[test]
    fn a_key_or_an_address_of_two_parties_is_refused() {
        let mut known = KnownParties::read("").unwrap();
        known.trust(&server(0, "a", 1), false).unwrap();
        for (twice, says) in [(owner(0, "a", ""), "also that of server 0"), (server(1, "b", 1), "address of server 1")]
        {
            let Err(Distrust::Invalid(why)) = known.trust(&twice, true) else { panic!("it is trusted") };
            assert!(why.contains(says), "{why}");
        }
    }

    #[test]
    fn a_text_that_cannot_be_changed_stays_as_it_is() {
        let key = "a".repeat(64);
        // a list in one line has no place for sections
        let mut known = KnownParties::read(&format!("owners = [{{ key = \"{key}\" }}]\n")).unwrap();
        let before = known.clone();
        for new in [owner(1, "b", ""), owner(0, "a", "train_rows = 3")] {
            match known.trust(&new, true) {
                Err(Distrust::Invalid(why)) => assert!(why.contains("by hand"), "{why}"),
                Ok(change) => assert_eq!(change, Change::Updated, "a key of a table in one line"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(known.entries().len(), before.entries().len());
    }
}
