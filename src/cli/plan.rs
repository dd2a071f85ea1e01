//! `ppdnn plan`.

use serde_json::{Value, json};

use crate::cli::args::PlanArgs;
use crate::cli::columns::columns;
use crate::cli::format::{bytes, count, seconds};
use crate::cli::print::{self, say};
use crate::cli::tables::{Table, plan_table};
use crate::data::DataSource;
use crate::error::Result;
use crate::party::CostKind;
use crate::roles::{CostRow, Costs, Estimate, Event, Memory, Network, RoleTime};

/// Prints what a job costs.
pub(super) fn plan(args: &PlanArgs) -> Result<()> {
    let backend = args.job.compute.name()?;
    let choice = args.job.choose(args.own.source(|| args.job.data())?, 1, None)?;
    let job = choice.job()?;
    choice.warnings().iter().for_each(|text| print::warn(text));
    let mut costs = Costs::of(&job, &backend)?;
    choice.data.name().clone_into(&mut costs.summary.dataset);
    if let DataSource::Known(data) = &choice.data {
        // an owner reads the whole set, however few rows of it are trained on
        let unused =
            (data.train_rows + data.test_rows) as f64 - f64::from(job.train_rows()) - f64::from(job.test_rows());
        let unread = unused * data.features as f64 * 4.0 / f64::exp2(20.0);
        costs.memory.iter_mut().filter(|(role, _)| role.starts_with("owner")).for_each(|(_, m)| m.data_mib += unread);
    }
    let time = match network(args) {
        Some(network) => Some((network, Estimate::measure(&job, &costs, network)?)),
        None => None,
    };
    if args.json {
        print::json(&object(&costs, time.as_ref()));
    } else {
        say(&plan_table(&costs.summary));
        choice.asked.rounded(&costs.summary.settings).iter().for_each(|line| say(&format!("{:<20}{line}", "")));
        say(&memory(&costs));
        if let Some((network, time)) = &time {
            say(&estimate(&costs, *network, time));
        }
        say(&breakdown(&costs.step));
    }
    Ok(())
}

/// What is between the roles; `None` if no time is asked for.
fn network(args: &PlanArgs) -> Option<Network> {
    let asked = args.local || args.bandwidth.is_some() || args.rtt.is_some();
    asked.then(|| Network { bandwidth: args.bandwidth, rtt: args.rtt.unwrap_or(0.0), local: args.local })
}

/// The summary, with the rest as objects of their own.
fn object(costs: &Costs, time: Option<&(Network, Estimate)>) -> Value {
    let event = Event::Summary(Box::new(costs.summary.clone()));
    let mut all = serde_json::to_value(event).expect("a summary can be written");
    let of = |m: &Memory| {
        let mut memory = serde_json::to_value(m).expect("numbers can be written");
        memory["total_mib"] = m.total_mib().into();
        memory
    };
    let macs = |of: fn(&CostRow) -> f64| costs.step.iter().map(of).sum::<f64>();
    all["breakdown"] = json!({ "step": costs.step, "evaluation": costs.evaluation });
    all["memory"] =
        costs.memory.iter().map(|(role, m)| (role.clone(), of(m))).collect::<serde_json::Map<_, _>>().into();
    all["macs_per_step"] = json!({ "server": macs(|p| p.macs), "dealer": macs(|p| p.dealer_macs) });
    all["time"] = json!(time.map(|(network, time)| json!({ "network": network, "estimate": time })));
    all
}

fn memory(costs: &Costs) -> String {
    let mut t = Table::default();
    let all: Vec<String> = costs.memory.iter().map(|(role, m)| format!("{role} {:.0}", m.total_mib())).collect();
    t.row("memory, MiB, about", &all.join(", "));
    if let Some(m) = costs.memory.get("server1") {
        let parts = [
            ("data", m.data_mib),
            ("parameters", m.parameters_mib),
            ("values", m.values_mib),
            ("queue", m.queue_mib),
            ("program", m.program_mib),
        ];
        let parts: Vec<String> = parts.iter().map(|(name, x)| format!("{name} {x:.0}")).collect();
        t.row("  of server1", &parts.join(", "));
    }
    t.text()
}

fn estimate(costs: &Costs, network: Network, e: &Estimate) -> String {
    let mut t = Table::default();
    let s = &costs.summary;
    let ms = |x: f64| format!("{:.1}", 1e3 * x);
    let evaluations = if s.rounds_per_evaluation > 0.0 { count(s.epochs, "evaluation") } else { "none".into() };
    t.row("time, an estimate", &format!("{}, {}, {evaluations}, upload", seconds(e.seconds), count(s.steps, "step")));
    let links = match (network.local, network.bandwidth) {
        (true, None) => "all roles on this machine".to_owned(),
        (true, Some(b)) => format!("all roles on this machine, {} per second", bytes(b / 8.0)),
        (false, None) => "a machine like this one for each role, unlimited links".into(),
        (false, Some(b)) => format!("a machine like this one for each role, {} per second", bytes(b / 8.0)),
    };
    t.row("  assumed", &format!("{links}, rtt {} ms", ms(network.rtt)));
    let threads = count(e.threads as u64, "thread");
    let rows = count(e.measured_rows, "row");
    t.row("  measured here", &format!("{:.1} GMAC/s with {threads}, a step of {rows}, TLS on loopback", e.gmacs));
    let path = |p: &RoleTime| {
        format!("{} ms = compute {} + rounds {} + bytes {}", ms(p.total()), ms(p.compute), ms(p.rounds), ms(p.bytes))
    };
    let slower = if e.server.total() >= e.dealer.total() { "servers" } else { "dealer" };
    let bound = if network.local { ", processor".to_owned() } else { String::new() };
    t.row("  of a step", &format!("{} ms, bound by: {slower}{bound}", ms(e.seconds_per_step)));
    t.row("    a server", &path(&e.server));
    t.row("    the dealer", &path(&e.dealer));
    t.row("    processor, all", &format!("{} ms", ms(e.processor_seconds)));
    t.row("  of an evaluation", &seconds(e.seconds_per_evaluation));
    t.row("  of the upload", &seconds(e.upload_seconds));
    t.text()
}

/// The tables of a step by layer and kind.
fn breakdown(parts: &[CostRow]) -> String {
    let opened = table(parts, "kB opened", |p| p.opened_bytes, &[("rounds", |p| p.rounds, 0)]);
    let macs: [Extra; 2] = [("MMAC, server", |p| p.macs / 1e6, 2), ("dealer", |p| p.dealer_macs / 1e6, 2)];
    let dealt = table(parts, "kB dealt", |p| p.dealt_bytes, &macs);
    format!(
        "\nper step, each way between the servers, and rounds\n{opened}\n\nper step, from the dealer, and products\n{dealt}"
    )
}

/// A further column: its name, its number, and digits after the point.
type Extra = (&'static str, fn(&CostRow) -> f64, usize);

/// Rows of layers, columns of the kinds that have something.
fn table(parts: &[CostRow], name: &str, of: fn(&CostRow) -> f64, extra: &[Extra]) -> String {
    let mut layers: Vec<&str> = Vec::new();
    parts.iter().for_each(|p| {
        if !layers.contains(&p.layer.as_str()) {
            layers.push(&p.layer)
        }
    });
    let sum = |of: fn(&CostRow) -> f64, which: &dyn Fn(&CostRow) -> bool| {
        parts.iter().filter(|p| which(p)).map(of).sum::<f64>()
    };
    // range checks have a row of their own, which needs no column
    let kinds = CostKind::ALL.into_iter().filter(|k| *k != CostKind::Ranges && sum(of, &|p| p.kind == *k) > 0.0);
    let kinds: Vec<CostKind> = kinds.collect();
    let cell = |x: f64, digits: usize| match x {
        0.0 => "-".to_owned(),
        x if x >= 1e4 => format!("{x:.0}"),
        x => format!("{x:.digits$}"),
    };
    let mut rows = vec![vec![name.to_owned()]];
    rows[0].extend(kinds.iter().map(|k| k.name().to_owned()).chain(["all".to_owned()]));
    rows[0].extend(extra.iter().map(|(name, ..)| (*name).to_owned()));
    for layer in layers.iter().map(Some).chain([None]) {
        let here = |p: &CostRow| layer.is_none_or(|layer| p.layer == *layer);
        let mut row = vec![layer.map_or("all".to_owned(), |layer| (*layer).to_owned())];
        row.extend(kinds.iter().map(|k| cell(sum(of, &|p| here(p) && p.kind == *k) / 1e3, 1)));
        row.push(cell(sum(of, &here) / 1e3, 1));
        row.extend(extra.iter().map(|(_, of, digits)| cell(sum(*of, &here), *digits)));
        rows.push(row);
    }
    columns(&rows, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::Profile;
    use crate::nn::Model;
    use crate::train::Recipe;
    use crate::train::Training;

    #[test]
    fn tables_fit_100_columns_and_have_every_layer_once() {
        for profile in Profile::all() {
            for name in Model::names() {
                let image = Recipe::data(name).unwrap().image;
                let training = Training::new(Model::named(name, image, 10).unwrap()).profile(profile);
                let costs = training.costs(60_000, 10_000, "cpu").unwrap();
                let text = breakdown(&costs.step);
                assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
                let first = if text.contains("conv1") { "conv1" } else { "dense1" };
                for layer in ["weights", first, "loss", "update", "all"] {
                    let rows = text.lines().filter(|line| line.split_whitespace().next() == Some(layer)).count();
                    assert_eq!(rows, 2, "{layer} in\n{text}");
                }
            }
        }
    }
}
