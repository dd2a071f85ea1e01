//! Checks of the parties that this one connects to.

use serde_json::json;

use super::{Report, State};
use crate::cli::setup::configuration::Configuration;
use crate::net::{Extent, Identity, Measured, PartyEntry, ProbeFailure, ProbeStage, Role, probe};

/// Looks at everybody who listens, one after the other.
pub(super) fn check(own: &Configuration, quick: bool, report: &mut Report) {
    let Ok(identity) = own.identity() else {
        return report.note("others", State::Failed, "not checked: this party cannot show its key, see above");
    };
    let others = [Role::Server(0), Role::Server(1), Role::Dealer].into_iter().filter(|role| *role != own.role);
    for role in others {
        match own.parties.entry(role) {
            Some(entry) => look_at(own.role, &identity, entry, quick, report),
            None => {
                let text = format!("not known yet; get {0}.party and run `ppdnn keys trust {0}.party`", role.slug());
                report.note(role.slug(), State::Failed, text);
            }
        }
    }
}

fn look_at(me: Role, identity: &Identity, other: &PartyEntry, quick: bool, report: &mut Report) {
    let name = other.role.slug();
    let address = other.address.as_deref().unwrap_or_default();
    let extent = if quick { Extent::Quick } else { Extent::Full };
    let found = probe((other.role, address, other.key), (me, identity), extent);
    let failed_at = found.as_ref().err().map(|failure| failure.stage);
    let reached = |stage: ProbeStage| failed_at.is_none_or(|failed| failed > stage);
    let steps = [
        (ProbeStage::Address, "address", format!("{address} is known to the name service")),
        (ProbeStage::Connection, "reachable", format!("it listens at {address}")),
        (ProbeStage::Identity, "identity", format!("it shows key {} and accepts ours", other.key.short())),
        (ProbeStage::Version, "version", format!("ppdnn {}, as here", env!("CARGO_PKG_VERSION"))),
    ];
    for (stage, check, text) in steps {
        if reached(stage) {
            report.note(format!("{name} {check}"), State::Ok, text);
        }
    }
    match found {
        Ok(measured) => figures(&name, &measured, report),
        Err(ProbeFailure { stage, reason }) => report.note(format!("{name} {}", word(stage)), State::Failed, reason),
    }
}

fn figures(name: &str, measured: &Measured, report: &mut Report) {
    let Measured { round_trip, clock_ahead_ms, sending, receiving } = *measured;
    let trip = round_trip.as_secs_f64() * 1e3;
    let all = json!({
        "round_trip_ms": trip, "sending_bytes_per_second": sending, "receiving_bytes_per_second": receiving,
    });
    report.note_figures(
        format!("{name} round trip"),
        State::Ok,
        format!("{trip:.2} ms"),
        json!({ "round_trip_ms": trip }),
    );
    let text = format!("{} to it, {} from it", rate(sending), rate(receiving));
    report.note_figures(format!("{name} bandwidth"), State::Ok, text, all);
    let (seconds, ahead) = (clock_ahead_ms.unsigned_abs() / 1000, clock_ahead_ms > 0);
    let figures = json!({ "clock_ahead_ms": clock_ahead_ms });
    if seconds > MOST_SECONDS {
        let way = if ahead { "ahead of" } else { "behind" };
        let text =
            format!("its clock is {seconds} s {way} ours; switch on time synchronization (NTP) on both machines");
        report.note_figures(format!("{name} clock"), State::Warning, text, figures);
    } else {
        report.note_figures(format!("{name} clock"), State::Ok, format!("{seconds} s apart"), figures);
    }
}

/// A speed as links are sold.
fn rate(bytes_per_second: f64) -> String {
    let bits = bytes_per_second * 8.0;
    let (unit, scale) = if bits >= 1e9 { ("Gbit/s", 1e9) } else { ("Mbit/s", 1e6) };
    format!("{:.1} {unit}", bits / scale)
}

fn word(stage: ProbeStage) -> &'static str {
    match stage {
        ProbeStage::Address => "address",
        ProbeStage::Connection => "reachable",
        ProbeStage::Identity => "identity",
        ProbeStage::Version => "version",
        ProbeStage::Measurement => "bandwidth",
    }
}

/// Seconds that clocks may be apart.
const MOST_SECONDS: u64 = 60;
