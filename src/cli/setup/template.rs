//! The text of a new configuration.

use crate::net::{PartyEntry, Role};

/// The text of `ppdnn.toml` for a party that knows only itself.
pub(super) fn template(own: &PartyEntry, listen: Option<&str>) -> String {
    let role = own.role;
    let mut text = format!("# The configuration of {role}. `ppdnn doctor` checks it. Nothing in it is secret.\n\n");
    text += "# Seconds after which this party gives up on one that makes no progress; the same for all parties\n";
    text += "deadline_seconds = 60\n\n[party]\n";
    text += &format!("role = \"{}\"\n", role.slug());
    if own.address.is_some() {
        text += "# Where this party listens, if that is not its address below: behind NAT, or in a container\n";
        text += &match listen {
            Some(listen) => format!("listen = \"{listen}\"\n"),
            None => "#listen = \"0.0.0.0:7100\"\n".to_owned(),
        };
    }
    text += "# Folder for what outlasts a job, inside this one unless the path is absolute\nstate = \"state\"\n";
    text += "# Jobs that are planned to take more memory are refused (default: 15/16 of what is available)\n";
    text += "#memory_limit = \"16GiB\"\n";
    if matches!(role, Role::Server(_)) {
        text += "# Where this server computes: \"cpu\" or \"gpu\"; of several GPUs (`ppdnn adapters`), which one\n";
        text += "backend = \"cpu\"\n#adapter = \"0\"\n";
    }
    text += "\n# The parties. `ppdnn keys trust FILE..` adds a section for each .party file, such as\n";
    text += "#\n#   [dealer]\n#   address = \"c.example.org:7100\"\n#   key = \"64 hexadecimal digits\"\n#\n";
    text += "# The first one is this party itself.\n\n";
    text + &own.to_section()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Identity, KnownParties};

    #[test]
    fn a_new_configuration_knows_its_party_and_no_other() {
        let identity = Identity::generate().unwrap();
        for role in [Role::Server(1), Role::Dealer, Role::Owner(3), Role::Trainer, Role::Client, Role::ModelOwner] {
            let address = matches!(role, Role::Server(_) | Role::Dealer).then(|| "a.example.org:7100".to_owned());
            let seal = matches!(role, Role::Trainer | Role::Client).then(|| identity.sealing_key());
            let own = PartyEntry { role, address, key: identity.fingerprint(), seal, rows: [None; 2] };
            own.check().unwrap();
            let text = template(&own, own.address.as_ref().map(|_| "0.0.0.0:7100"));
            assert_eq!(KnownParties::read(&text).unwrap().entries(), [own]);
            assert!(text.lines().all(|line| line.len() <= 100), "{text}");
        }
    }
}
