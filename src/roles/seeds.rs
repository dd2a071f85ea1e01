//! Seeds that no machine's randomness makes alone.
//!
//! Server b's seed of a session is BLAKE3, in its mode derive_key, of the dealer's 32 bytes, the server's 32 bytes, b in one
//! byte, the session's number in 8 bytes, little-endian, and the hash that the parties agree on. Whoever knows neither of
//! the two parts knows nothing of the seed: one good source of randomness, at either end, is enough.

use zeroize::Zeroize;

use crate::error::{Error, Result};
use crate::net::{Channel, FrameKind};
use crate::prg::Seed;
use crate::roles::agreement::Agreement;
use crate::roles::messages::{CommonSeed, DealerPart, ServerPart, receive_message, send_message};

/// The dealer's side of a server's seed: takes the server's part, gives `part` for it.
pub(crate) fn deal_session_seed(
    id: u8,
    link: &mut dyn Channel,
    agreement: &Agreement,
    session: u64,
    part: Seed,
) -> Result<Seed> {
    let theirs: ServerPart = receive_message(link, FrameKind::Seed, "its part of the session's seed")?;
    agreement.check(link, &theirs.agreement)?;
    let seed = session_seed(id, [&part, &theirs.part], session, agreement.hash());
    send_message(link, FrameKind::Seed, &DealerPart { agreement: *agreement, session, part })?;
    link.flush()?;
    Ok(seed)
}

/// The server's side: gives `part`, takes the dealer's. The session's number comes with it.
pub(crate) fn take_session_seed(
    id: u8,
    link: &mut dyn Channel,
    agreement: &Agreement,
    part: Seed,
) -> Result<(u64, Seed)> {
    send_message(link, FrameKind::Seed, &ServerPart { agreement: *agreement, part: part.clone() })?;
    let theirs: DealerPart = receive_message(link, FrameKind::Seed, "its part of the session's seed")?;
    agreement.check(link, &theirs.agreement)?;
    Ok((theirs.session, session_seed(id, [&theirs.part, &part], theirs.session, agreement.hash())))
}

/// A seed that the two servers know and nobody else: each gives half.
pub(crate) fn common_seed(id: u8, peer: &mut dyn Channel, agreement: &Agreement, session: u64) -> Result<Seed> {
    let mine = Seed::fresh()?;
    send_message(peer, FrameKind::Seed, &CommonSeed { agreement: *agreement, session, half: mine.clone() })?;
    let theirs: CommonSeed = receive_message(peer, FrameKind::Seed, "its agreement to the job")?;
    agreement.check(peer, &theirs.agreement)?;
    if theirs.session != session {
        return Err(Error::peer(
            peer.peer(),
            "is in a different session; start both servers and the dealer for the same job",
        ));
    }
    let halves = if id == 0 { [&mine, &theirs.half] } else { [&theirs.half, &mine] };
    Ok(derive("ppdnn 2026 common seed of the servers", &halves.map(|half| half.bytes().as_slice())))
}

/// The seed that the servers share public initial parameters by.
pub(crate) fn initial_seed(common: &Seed) -> Seed {
    derive("ppdnn 2026 shares of public initial parameters", &[common.bytes()])
}

/// The seed of server `id` from the parts of dealer and server.
fn session_seed(id: u8, [dealer, server]: [&Seed; 2], session: u64, agreed: &[u8; 32]) -> Seed {
    let material: [&[u8]; 5] = [dealer.bytes(), server.bytes(), &[id], &session.to_le_bytes(), agreed];
    derive("ppdnn 2026 seed of a server's session", &material)
}

fn derive(context: &'static str, material: &[&[u8]]) -> Seed {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    material.iter().for_each(|part| {
        hasher.update(part);
    });
    let mut bytes = [0; 32];
    hasher.finalize_xof().fill(&mut bytes);
    hasher.zeroize();
    let seed = Seed::from_bytes(bytes);
    bytes.zeroize();
    seed
}

#[cfg(test)]
mod tests {
    use std::thread;

    use serde_json::json;

    use super::*;
    use crate::fixed::Profile;
    use crate::gates::harness::golden::keep;
    use crate::gates::harness::vectors::hex;
    use crate::net::{SealingKey, pair};
    use crate::nn::Model;
    use crate::roles::{Parties, Training};

    /// What parties agree on who have a job of this seed.
    fn agreement(seed: u64) -> Agreement {
        let training =
            Training::new(Model::dense("small", 4, &[3], 2).unwrap()).profile(Profile::small()).batch(2).seed(seed);
        let seal = SealingKey::parse(&"9".repeat(64)).unwrap();
        Agreement::new(&training.job(10, 5).unwrap(), &Parties::threads(seal))
    }

    fn filled(byte: u8) -> Seed {
        Seed::from_bytes([byte; 32])
    }

    /// What server and dealer make of these parts.
    fn agreed(id: u8, dealer: Seed, server: Seed, session: u64) -> [Seed; 2] {
        let (mut at_dealer, mut at_server) = pair("dealer", "server");
        let dealing =
            thread::spawn(move || deal_session_seed(id, &mut at_dealer, &agreement(1), session, dealer).unwrap());
        let (heard, seed) = take_session_seed(id, &mut at_server, &agreement(1), server).unwrap();
        assert_eq!(heard, session);
        [dealing.join().unwrap(), seed]
    }

    #[test]
    fn a_dealer_without_randomness_still_gives_seeds_that_nobody_else_can_know() {
        let weak = || filled(0);
        let mut seeds = Vec::new();
        for (id, server) in [(0, 1), (0, 2), (1, 1), (1, 2)] {
            let [dealt, taken] = agreed(id, weak(), filled(server), 9);
            assert!(dealt == taken, "dealer and server have the same seed");
            seeds.push(dealt);
        }
        // and the other way round: a server without randomness is protected by the dealer's
        seeds.extend([3, 4].map(|dealer| agreed(0, filled(dealer), weak(), 9)[0].clone()));
        seeds.push(agreed(0, weak(), filled(1), 10)[0].clone());
        for (i, seed) in seeds.iter().enumerate() {
            assert!(!seeds[..i].contains(seed), "seed {i} came before");
        }
    }

    #[test]
    fn a_server_or_dealer_with_another_job_is_refused() {
        let (mut at_dealer, mut at_server) = pair("dealer", "server 0");
        let dealing = thread::spawn(move || deal_session_seed(0, &mut at_dealer, &agreement(2), 1, filled(1)));
        assert!(take_session_seed(0, &mut at_server, &agreement(1), filled(2)).is_err());
        let error = dealing.join().unwrap().unwrap_err().to_string();
        assert!(error.contains("server 0: has job"), "{error}");
    }

    #[test]
    fn vectors_of_session_seeds_are_what_the_program_makes() {
        let vector = |(id, dealer, server, session): (u8, &str, &str, u64)| {
            let [dealer, server] = [dealer, server].map(|label| crate::prg::public_seed(7, label));
            let agreed = *crate::prg::public_seed(7, "what is agreed on").bytes();
            let seed = session_seed(id, [&dealer, &server], session, &agreed);
            json!({
                "server": id.to_string(), "session": session.to_string(), "dealer_part": hex(dealer.bytes()),
                "server_part": hex(server.bytes()), "agreed": hex(&agreed), "seed": hex(seed.bytes()),
            })
        };
        let vectors = [(0, "a", "b", 0), (1, "a", "b", 0), (0, "c", "b", 0x0123_4567_89ab_cdef)].map(vector);
        keep("sessions", &vectors);
    }
}
