//! The vectors of what everybody may know: the order of rows and initial weights, from public seeds.

use serde_json::json;

use super::*;
use crate::gates::harness::golden::keep;
use crate::gates::harness::vectors::{hex, ring};
use crate::nn::Init;

#[test]
fn vectors_of_public_choices_are_what_the_program_makes() {
    let key = |(seed, label): (u64, &str)| json!({ "seed": seed.to_string(), "label": label, "key": hex(public_seed(seed, label).bytes()) });
    let long = "a label that takes more than the sixty-four bytes of a block of the hash";
    let keys = [(0, "shuffle"), (1, "initial weights"), (u64::MAX, ""), (7, long)].map(key);
    let order = |(seed, rows, batch, epoch): (u64, u32, u32, u32)| {
        let job = Job { seed, ..job(&Profile::small(), &[2, 2], rows) }.with(|s| {
            s.batch = batch;
            s.shuffle = true;
        });
        let list = |batch: &Vec<u32>| batch.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        let batches: Vec<_> = job.batches(epoch).iter().map(list).collect();
        json!({ "seed": seed.to_string(), "rows": rows, "batch": batch, "epoch": epoch, "batches": batches })
    };
    let orders = [(1, 7, 4, 1), (1, 20, 8, 1), (1, 20, 8, 2), (7, 64, 16, 1)].map(order);
    let weights = |(name, init): (&str, Init)| {
        let model = Model::dense("test", 5, &[4], 3).unwrap().with_init(init);
        let layers: Vec<_> = initial_parameters(&model, 9).iter().map(|x| ring(x, 64)).collect();
        json!({ "init": name, "seed": "9", "sizes": [[5, 4], [4, 3]], "layers": layers })
    };
    let weights = [("he", Init::He), ("glorot", Init::Glorot), ("uniform", Init::Uniform)].map(weights);
    keep("public", &json!({ "keys": keys, "orders": orders, "weights": weights }));
}
