use std::fs;

use super::*;
use crate::data::dataset_info;
use crate::fixed::Profile;
use crate::nn::layers::{AveragePool, Conv2d, Dense, Dropout, Flatten, MaxPool, Relu, Residual, Sigmoid, ZeroPadding};
use crate::nn::{Factor, LayerSpec, Optimizer, PoolMethod};
use crate::train::Schedule;

fn mnist() -> &'static DatasetInfo {
    dataset_info("mnist").unwrap()
}

fn dense(outputs: usize, bias: bool) -> LayerSpec {
    LayerSpec::from(Dense { outputs, bias })
}

/// A network that fits; its layers begin in lines 9, 15 and 18.
const WHOLE: &str = r#"name = "net"
loss = "square"
init = "uniform"

[training]
epochs = 3
lr = 1

[[layers]]
kind = "dense"
inputs = 784
outputs = 32
bias = false

[[layers]]
kind = "sigmoid"

[[layers]]
kind = "dense"
"#;

#[test]
fn a_file_says_what_the_network_is_and_how_it_is_trained() {
    let recipe = Recipe::parse(WHOLE, &mnist().into()).unwrap();
    let layers = vec![dense(32, false), LayerSpec::from(Sigmoid), dense(10, true)];
    assert_eq!(recipe.model, Model::new("net", 784, layers, 10, Loss::Square, Init::Uniform).unwrap());
    assert_eq!(recipe.settings, Settings { epochs: 3, lr: 1.0, ..Settings::default() });
    let text = "lr = 1\noptimizer = \"nesterov\"\nweight_decay = 5e-4\naccumulate = 4\nschedule = \"step:3:0.5\"";
    let settings = Settings {
        optimizer: Optimizer::Nesterov,
        weight_decay: 5e-4,
        accumulate: 4,
        schedule: "step:3:0.5".parse().unwrap(),
        ..recipe.settings.clone()
    };
    assert_eq!(Recipe::parse(&WHOLE.replace("lr = 1", text), &mnist().into()).unwrap().settings, settings);
    // the same as one inline list
    let inline = "name = \"net\"\nloss = \"square\"\ninit = \"uniform\"\ntraining = { epochs = 3, lr = 1.0 }\nlayers = [\
        {kind = \"dense\", outputs = 32, bias = false}, {kind = \"sigmoid\"}, {kind = \"dense\", outputs = 10}]";
    assert_eq!(Recipe::parse(inline, &mnist().into()).unwrap(), recipe);
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_what_would_fit() {
    let cases: &[(&str, &str, &[&str])] = &[
        // the shapes
        ("inputs = 784", "inputs = 128", &["line 9: layer 1 (dense) gets [batch, 784], not `inputs = 128`; use 784"]),
        (
            "kind = \"sigmoid\"",
            "kind = \"dense\"\noutputs = 5",
            &["line 15: layer 2 (dense) gets [batch, 32]; put an act"],
        ),
        (
            "kind = \"dense\"\ninputs = 784\noutputs = 32\nbias = false",
            "kind = \"relu\"",
            &["line 9: layer 1 (relu) gets [batch, 784]; an activation follows a dense or conv2d layer"],
        ),
        // a layer's keys
        ("outputs = 32\n", "", &["line 9: layer 1 (dense): `outputs` is missing; only the last"]),
        (
            "outputs = 32",
            "outputs = 0",
            &["line 12: layer 1 (dense): `outputs` must be an integer from 1 to 1048576, not `0`"],
        ),
        ("outputs = 32", "outputs = -3", &["line 12: layer 1 (dense)", "not `-3`"]),
        ("outputs = 32", "outputs = 99999999999999999999999", &["line 12: layer 1 (dense)", "1048576"]),
        ("outputs = 32", "outputs = \"many\"", &["line 12: layer 1 (dense)", "not `\"many\"`"]),
        ("bias = false", "bias = 0", &["line 13: layer 1 (dense): `bias` must be true or false, not `0`"]),
        ("outputs = 32", "output = 32", &["line 9: layer 1 (dense): `outputs` is missing"]),
        (
            "bias = false",
            "stride = 2",
            &["line 13: layer 1 (dense): unknown key `stride`; known keys: `kind`, `outputs`, `bias`, `inputs`"],
        ),
        (
            "kind = \"sigmoid\"",
            "kind = \"sigmoid\"\nslope = 4",
            &["line 17: layer 2 (sigmoid): unknown key `slope`; known keys: `kind`"],
        ),
        (
            "kind = \"sigmoid\"",
            "kind = \"tanh\"",
            &[
                "line 16: layer 2: `kind` must be one of `dense`, `conv2d`, `average-pool`, `max-pool`, `global-average-pool`, `zero-padding`, `dropout`, `residual`, `flatten`, `relu`, `sigmoid`, `leaky-relu`, `hard-tanh`, `square`, `batch-norm`, `layer-norm`, not `\"tanh\"`",
            ],
        ),
        (
            "kind = \"sigmoid\"",
            "",
            &[
                "line 15: layer 2: `kind` is missing; there are `dense`, `conv2d`, `average-pool`, `max-pool`, `global-average-pool`, `zero-padding`, `dropout`, `residual`, `flatten`, `relu`, `sigmoid`, `leaky-relu`, `hard-tanh`",
            ],
        ),
        // the rest
        ("name = \"net\"\n", "", &["line 1: `name` is missing"]),
        ("\"net\"", "\"../net\"", &["line 1: `name` must be 1 to 64 letters", "not `\"../net\"`"]),
        ("\"net\"", "\"\"", &["line 1: `name`"]),
        (
            "\"square\"",
            "\"hinge\"",
            &[
                "line 2: `loss` must be one of `softmax-cross-entropy`, `square`, `sigmoid-cross-entropy`, not `\"hinge\"`",
            ],
        ),
        ("\"uniform\"", "\"zero\"", &["line 3: `init` must be one of `glorot`, `he`, `uniform`, not `\"zero\"`"]),
        (
            "init =",
            "begin =",
            &[
                "line 3: unknown key `begin`; known keys: `name`, `dataset`, `description`, `loss`, `init`, `training`, `layers`",
            ],
        ),
        ("epochs = 3", "epochs = 0", &["line 6: training: `epochs` must be an integer from 1", "not `0`"]),
        (
            "epochs = 3",
            "epoch = 3",
            &["line 6: training: unknown key `epoch`; known keys: `profile`, `epochs`", "`mnist`, `fashion-mnist`"],
        ),
        ("lr = 1", "lr = -1.5", &["line 7: training: `lr` must be a positive number, not `-1.5`"]),
        ("lr = 1", "lr = nan", &["line 7: training: `lr`", "not `nan`"]),
        (
            "lr = 1",
            "momentum = 1.0",
            &["line 7: training: `momentum` must be a number from 0 to less than 1, not `1.0`"],
        ),
        (
            "lr = 1",
            "schedule = \"sine\"",
            &["line 7: training: `schedule` must be one of `halving`, `constant`, `cosine`"],
        ),
        ("lr = 1", "schedule = \"step:1:2\"", &["line 7: training: `schedule`", "`step:EPOCHS:FACTOR`"]),
        ("lr = 1", "weight_decay = -1", &["line 7: training: `weight_decay` must be 0 or more, not `-1`"]),
        ("lr = 1", "optimizer = \"adam\"", &["line 7: training: `optimizer` must be one of `sgd`, `nesterov`"]),
        ("lr = 1", "accumulate = 0", &["line 7: training: `accumulate` must be an integer from 1"]),
        ("lr = 1", "profile = \"tiny\"", &["line 7: training: `profile` must be one of `small`, `wide`"]),
        ("lr = 1", "[training.cifar]", &["line 7: training: unknown key `cifar`"]),
        (
            "lr = 1",
            "[training.fashion-mnist]\nlr = 0",
            &["line 8: training.fashion-mnist: `lr` must be a positive number, not `0`"],
        ),
        ("lr = 1", "mnist = 1", &["line 7: training: `mnist` must be a section, not `1`"]),
        // no TOML
        ("lr = 1", "lr =", &["line 7: "]),
        ("epochs = 3", "epochs = 3\nepochs = 4", &["line 7: duplicate key"]),
        ("[[layers]]", "[layers]", &["line "]),
    ];
    for (from, to, says) in cases {
        let text = WHOLE.replacen(from, to, 1);
        assert_ne!(text, WHOLE, "{from} is there");
        let error = Recipe::parse(&text, &mnist().into()).unwrap_err().to_string();
        for words in *says {
            assert!(error.contains(words), "{from} -> {to}: {error}\nlacks {words}");
        }
        assert!(error.len() < 300 && !error.contains('\n'), "{error}");
    }
    let parse = |text: &str| Recipe::parse(text, &mnist().into()).unwrap_err().to_string();
    assert!(parse("").contains("line 1: `name` is missing"));
    assert!(parse("name = \"n\"").contains("1 to 1000 sections [[layers]], not 0"));
    assert!(
        parse("name = \"n\"\nlayers = 3")
            .contains("line 2: `layers` must be a list of sections, `[[layers]]`, not `3`")
    );
    assert!(parse("name = \"n\"\nlayers = [3]").contains("line 2: `layers`"));
    let twelve = format!("{WHOLE}outputs = 12\n");
    assert!(parse(&twelve).contains(
        "line 18: layer 3 (dense) gets [batch, 32]; the last layer gives [batch, 12], but there are 10 classes; \
         use `outputs = 10`"
    ));
    let ends = format!("{WHOLE}outputs = 10\n[[layers]]\nkind = \"relu\"\n");
    assert!(
        parse(&ends).contains("line 21: layer 4 (relu) gets [batch, 10]; the last layer must be dense"),
        "{}",
        parse(&ends)
    );
    let many = format!("name = \"n\"\n{}", "[[layers]]\nkind = \"relu\"\n".repeat(1001));
    assert!(parse(&many).contains("not 1001"));
    let deep = format!("name = {}", "[".repeat(100_000));
    assert!(parse(&deep).starts_with("line 1: "));
}

#[test]
fn a_spoiled_file_is_an_error_or_a_network_and_never_a_panic() {
    for name in Recipe::names() {
        let text = Recipe::text(name).unwrap();
        for at in 0..text.len() {
            let _ = Recipe::parse(&text[..at], &mnist().into());
            for c in ["\"", "[", "=", "9", "\n", "\u{e9}"] {
                let _ = Recipe::parse(&format!("{}{c}{}", &text[..at], &text[at + 1..]), &mnist().into());
            }
        }
    }
}

#[test]
fn every_layer_can_be_written_down() {
    let text = r#"
        name = "all"
        dataset = "cifar-10"
        [[layers]]
        kind = "zero-padding"
        padding = [1, 2]
        [[layers]]
        kind = "conv2d"
        channels = 4
        kernel = [3, 5]
        [[layers]]
        kind = "max-pool"
        window = 2
        method = "one-shot"
        [[layers]]
        kind = "relu"
        [[layers]]
        kind = "residual"
        projection = true
        [[layers.body]]
        kind = "dropout"
        rate = 0.2
        [[layers.body]]
        kind = "conv2d"
        channels = 6
        kernel = 3
        stride = 2
        padding = 1
        [[layers]]
        kind = "sigmoid"
        [[layers]]
        kind = "average-pool"
        window = [2, 4]
        [[layers]]
        kind = "flatten"
        [[layers]]
        kind = "dense"
    "#;
    let recipe = Recipe::parse(text, &dataset_info("cifar-10").unwrap().into()).unwrap();
    let conv =
        |channels, kernel, stride, padding| LayerSpec::from(Conv2d { channels, kernel, stride, padding, bias: true });
    let method = PoolMethod::OneShot;
    let body =
        vec![LayerSpec::from(Dropout { factor: Factor { times: 5, shift: 2 } }), conv(6, [3, 3], [2, 2], [1, 1])];
    let layers = [
        LayerSpec::from(ZeroPadding { padding: [1, 2] }),
        conv(4, [3, 5], [1, 1], [0, 0]),
        LayerSpec::from(MaxPool { window: [2, 2], stride: [2, 2], method }),
        LayerSpec::from(Relu),
        LayerSpec::from(Residual { body, projection: true }),
        LayerSpec::from(Sigmoid),
        LayerSpec::from(AveragePool { window: [2, 4], stride: [2, 4] }),
        LayerSpec::from(Flatten),
        dense(10, true),
    ];
    assert_eq!(recipe.model.layers(), layers);
    let len = |shapes: Vec<Shape>| shapes.iter().map(Shape::len).collect::<Vec<_>>();
    assert_eq!(len(recipe.model.parameters()), [3 * 5 * 3 * 4, 4, 9 * 4 * 6, 6, 4 * 6, 4 * 2 * 6 * 10, 10]);
    let wrong = |from: &str, to: &str| {
        let text = text.replacen(from, to, 1);
        Recipe::parse(&text, &dataset_info("cifar-10").unwrap().into()).unwrap_err().to_string()
    };
    assert!(wrong("rate = 0.2", "rate = 1").contains("layer 1 (dropout): `rate` must be a number from 0 to 0.95"));
    assert!(wrong("projection = true", "").contains("layer 5 (residual) gets [batch, 16, 16, 4]; its body turns"));
    assert!(wrong("one-shot", "two").contains("`method` must be one of `tree`, `one-shot`"));
    assert!(wrong("padding = [1, 2]", "").contains("`padding` is missing"));
    assert!(wrong("cifar-10", "imagenet").contains("`dataset` must be one of `mnist`"));
}

/// Counted by hand from the papers' tables (LeNet's 431,080 are Caffe's); ResNet-18's are those of its best known
/// implementation for CIFAR-10, 11,173,962 parameters, less the 9,600 of its batch normalizations, more the 3,904 biases that
/// its convolutions have here instead.
#[test]
fn named_networks_have_as_many_parameters_and_products_as_elsewhere() {
    let mut counted = Vec::new();
    for (name, parameters, macs) in [
        ("lenet", 520 + 25_050 + 400_500 + 5_010, 288_000 + 1_600_000 + 400_000 + 5_000),
        ("lenet-avg", 431_080, 2_293_000),
        ("logistic", 7_850, 7_840),
        ("minionn", 416 + 6_416 + 25_700 + 1_010, 230_400 + 409_600 + 25_600 + 1_000),
        ("minionn-avg", 33_542, 666_600),
        ("ppdnn", 784 * 128 + 128 + 1_290, 784 * 128 + 1_280),
        ("ppdnn-original", 784 * 128 + 1_280, 784 * 128 + 1_280),
        ("sarda", 25 + 98_100 + 1_010, 3_920 + 98_000 + 1_000),
        ("secureml", 784 * 128 + 128 * 128 + 256 + 1_290, 784 * 128 + 128 * 128 + 1_280),
        ("alexnet", 3_881_354, 9_172_608),
        ("resnet18", 11_173_962 - 9_600 + 3_904, 555_422_720),
        // no normalization of the three projections, 896 channels; a mean and a variance of the others
        ("resnet18-bn", 11_173_962 - 2 * 896 + 9_600 - 2 * 896, 555_422_720),
        ("vgg16-bn", 14_714_688 - 4_224 + 4 * 4_224 + 512 * 256 + 256 * 256 + 256 * 10 + 522, 313_196_544 + 199_168),
        ("vgg16", 14_714_688 + 512 * 256 + 256 * 256 + 256 * 10 + 522, 313_196_544 + 199_168),
    ] {
        let model = Recipe::named(name, Recipe::data(name).unwrap()).unwrap().model;
        assert_eq!(model.parameters().iter().map(|s| s.len() as u64).sum::<u64>(), parameters, "{name}");
        assert_eq!(model.macs(), macs, "{name}");
        assert_eq!(
            Recipe::data(name).unwrap().name == "cifar-10",
            ["alexnet", "resnet18", "resnet18-bn", "vgg16", "vgg16-bn"].contains(&name)
        );
        counted.push(name);
    }
    counted.sort_unstable();
    assert_eq!(counted, Recipe::names().collect::<Vec<_>>());
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.toml");
    let load = || Recipe::load(&path, mnist()).unwrap_err().to_string();
    assert!(load().contains("net.toml: No such file") && load().contains("`ppdnn models` lists"), "{}", load());
    fs::write(&path, [255; 9]).unwrap();
    assert!(load().contains("net.toml: is not a text file"), "{}", load());
    fs::write(&path, "#".repeat(1 << 20) + "#").unwrap();
    assert!(load().contains("net.toml: has more than 1048576 bytes"), "{}", load());
    fs::write(&path, WHOLE.replace("sigmoid", "tanh")).unwrap();
    assert!(load().contains("net.toml: line 16: layer 2: `kind`"), "{}", load());
    fs::write(&path, WHOLE).unwrap();
    let recipe = Recipe::open(path.to_str().unwrap(), mnist()).unwrap();
    assert_eq!(recipe.model.name(), "net");
    assert!(Recipe::open("net", mnist()).unwrap_err().to_string().contains("`secureml`"));
    assert!(Recipe::open("./secureml", mnist()).unwrap_err().to_string().contains("No such file"));
}

#[test]
fn named_networks_are_what_their_names_promise() {
    let model = |name: &str| Recipe::named(name, mnist()).unwrap().model;
    assert_eq!(model("secureml"), Model::dense("secureml", 784, &[128, 128], 10).unwrap());
    assert_eq!(model("logistic"), Model::dense("logistic", 784, &[], 10).unwrap());
    let layers = |bias| vec![dense(128, bias), LayerSpec::from(Sigmoid), dense(10, bias)];
    let soft = Loss::SoftmaxCrossEntropy;
    assert_eq!(model("ppdnn"), Model::new("ppdnn", 784, layers(true), 10, soft, Init::Glorot).unwrap());
    let original = Model::new("ppdnn-original", 784, layers(false), 10, Loss::Square, Init::Glorot).unwrap();
    assert_eq!(model("ppdnn-original"), original);
    let preset = Recipe::named("ppdnn-original", mnist()).unwrap().settings;
    let wanted = Settings {
        profile: Profile::small(),
        epochs: 25,
        batch: 50,
        accumulate: 1,
        lr: 0.0625,
        optimizer: Optimizer::Sgd,
        momentum: 0.0,
        weight_decay: 0.0,
        class_weights: Vec::new(),
        schedule: Schedule::Constant,
        patience: None,
        target: None,
        normalize: true,
        shuffle: false,
        train_limit: Some(5000),
        test_limit: None,
    };
    assert_eq!(preset, wanted);
    // as the first command's figures were taken, and the second data set's own
    let secureml = |set: &str| Recipe::named("secureml", dataset_info(set).unwrap()).unwrap().settings;
    assert_eq!(secureml("mnist"), Settings::default().profile(Profile::small()));
    let fashion = Settings { epochs: 10, lr: 0.03125, normalize: true, ..secureml("mnist") };
    assert_eq!(secureml("fashion-mnist"), fashion);
    for name in Recipe::names() {
        let recipe = Recipe::named(name, Recipe::data(name).unwrap()).unwrap();
        assert_eq!(recipe.model.name(), name, "the file is under its own name");
        assert!(!recipe.description.is_empty());
    }
}
