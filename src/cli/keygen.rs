//! `ppdnn keygen`.

use crate::cli::args::KeygenArgs;
use crate::cli::screen::say;
use crate::error::{Error, Result};
use crate::net::Identity;

/// Makes a key and prints what goes into the cluster file.
pub(super) fn keygen(args: &KeygenArgs) -> Result<()> {
    if args.out.exists() {
        let text = format!("{} exists already, and keys are not overwritten; choose another file", args.out.display());
        return Err(Error::Usage(text));
    }
    let identity = Identity::generate()?;
    identity.save(&args.out)?;
    say(&format!("# the private key is in {}; keep it there", args.out.display()));
    say("# for this party's section of the cluster file:");
    say(&format!("key = \"{}\"", identity.fingerprint()));
    say("# and, in the section [trainer] only:");
    say(&format!("seal = \"{}\"", identity.sealing_key()));
    Ok(())
}
