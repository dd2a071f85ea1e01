//! What a network is, and what it is not.

use super::*;
use crate::nn::layers::{
    AveragePool, Conv2d, Dropout, Flatten, GlobalAveragePool, MaxPool, Residual, Sigmoid, ZeroPadding,
};
use crate::nn::{Factor, PoolMethod};

fn secureml() -> Model {
    Model::dense("secureml", 784, &[128, 128], 10).unwrap()
}

#[test]
fn secureml_has_the_sizes_of_its_paper() {
    let model = secureml();
    assert_eq!(model.sizes(), "784-128-128-10");
    let parameters: usize = model.parameters().iter().map(Shape::len).sum();
    assert_eq!(parameters, 784 * 128 + 128 + 128 * 128 + 128 + 128 * 10 + 10);
    assert_eq!(model.macs(), 784 * 128 + 128 * 128 + 128 * 10);
    model.check().unwrap();
}

#[test]
fn what_does_not_fit_is_refused_with_the_layer_its_input_and_what_would_fit() {
    let broken = |change: fn(&mut Model)| {
        let mut model = secureml();
        change(&mut model);
        model.check().unwrap_err().to_string()
    };
    let deep = broken(|model| {
        let pair = model.layers[..2].to_vec();
        model.layers.splice(0..0, pair.iter().cycle().take(1000).cloned());
    });
    assert_eq!(deep, "`secureml`: at most 1000 layers are supported, and as many in a block");
    let dense = |outputs| LayerSpec::from(Dense { outputs, bias: true });
    assert_eq!(
        broken(|m| m.layers.retain(|layer| layer.is_product())),
        "`secureml`: layer 2 (dense) gets [batch, 128]; put an activation (relu, sigmoid) between it and the layer \
         before it"
    );
    assert!(broken(|m| m.layers.insert(0, LayerSpec::from(Relu))).contains("layer 1 (relu) gets [batch, 784]; an act"));
    assert!(broken(|m| m.layers.truncate(4)).contains("layer 4 (relu) gets [batch, 128]; the last layer must be"));
    assert!(broken(|m| m.layers.clear()).contains("there are no layers; the last must be dense"));
    assert!(broken(|m| m.outputs = 12).contains(
        "layer 5 (dense) gets [batch, 128]; the last layer gives [batch, 10], \
        but 12 outputs are needed, one per class; use `outputs = 12`"
    ));
    let conv = |kernel, stride| LayerSpec::from(Conv2d { channels: 2, kernel, stride, padding: [0, 0], bias: true });
    let over_images = |layers: Vec<LayerSpec>, input: Shape| {
        let layers = layers.into_iter().chain([LayerSpec::from(Relu), dense(10)]).collect();
        Model::new("images", input, layers, 10, Loss::Square, Init::He).map_err(|e| e.to_string())
    };
    let mut many = vec![LayerSpec::from(Dropout { factor: Factor::kept(0.2) }); 6];
    many.push(conv([3, 3], [1, 1]));
    assert!(over_images(many, Shape::from([6, 7, 1])).unwrap_err().contains("need more than 10 bits"));
    let residual = |body, projection| LayerSpec::from(Residual { body, projection });
    let window = [2, 2];
    let method = PoolMethod::Tree;
    let max_pool = |window, stride| LayerSpec::from(MaxPool { window, stride, method });
    let (average, max) = (LayerSpec::from(AveragePool { window, stride: window }), max_pool(window, window));
    let image = Shape::from([6, 7, 1]);
    assert!(over_images(vec![conv([3, 3], [1, 1]), max.clone()], image.clone()).is_ok());
    for (layers, input, says) in [
        (vec![conv([3, 3], [1, 1])], 42.into(), "[batch, 42]; a conv2d layer needs images: [batch, height"),
        (vec![conv([7, 3], [1, 1])], image.clone(), "its kernel must have 1 to 6 rows and 1 to 7 columns"),
        (vec![conv([3, 3], [0, 1])], image.clone(), "a stride of 1 to 16384"),
        (vec![conv([3, 3], [1, 1 << 15])], image.clone(), "a stride of 1 to 16384"),
        (vec![conv([3, 3], [1, 1]), average.clone(), average.clone()], image.clone(), "an average pool follows a"),
        (vec![conv([3, 3], [1, 1]), LayerSpec::from(ZeroPadding { padding: [1, 1] })], image.clone(), "follow an act"),
        (
            vec![LayerSpec::from(Dropout { factor: Factor { times: 1, shift: 2 } })],
            image.clone(),
            "`rate` must be at least 0",
        ),
        (vec![residual(vec![conv([3, 3], [1, 1])], false)], image.clone(), "set `projection = true`"),
        (
            vec![residual(vec![conv([3, 3], [1, 1])], true)],
            image.clone(),
            "no 1x1 convolution turns [batch, 6, 7, 1] into [batch, 4, 5, 2]",
        ),
        (vec![residual(vec![conv([1, 1], [1, 1]), LayerSpec::from(Relu)], false)], image.clone(), "must end with"),
        (vec![residual(vec![conv([9, 1], [1, 1])], true)], image.clone(), "in its body, layer 1 (conv2d) gets"),
        (vec![residual(Vec::new(), false)], image.clone(), "must end with a dense or conv2d layer"),
        (
            vec![LayerSpec::from(ZeroPadding { padding: [1, 1] }), residual(vec![average], true)],
            image.clone(),
            "into its body",
        ),
        (vec![max.clone()], image.clone(), "layer 1 (max-pool) gets [batch, 6, 7, 1]; a max pool follows"),
        (vec![conv([3, 3], [1, 1]), max.clone(), max.clone()], image.clone(), "layer 3 (max-pool)"),
        (
            vec![conv([3, 3], [1, 1]), max, LayerSpec::from(Sigmoid)],
            image.clone(),
            "a max pool can only be combined with relu",
        ),
        (
            vec![
                conv([3, 3], [1, 1]),
                LayerSpec::from(MaxPool { window: [3, 3], stride: [3, 3], method: PoolMethod::OneShot }),
            ],
            image,
            "a window of 9 values is too large; at most 6 are supported",
        ),
    ] {
        let error = over_images(layers, input).unwrap_err();
        assert!(error.contains(says), "{error} does not say {says}");
    }
    assert!(broken(|m| m.input = 0.into()).contains("layer 1 (dense) gets [batch, 0]"));
    assert!(broken(|m| m.input = [usize::MAX, 2].into()).contains("or too many"));
    assert!(Model::new("empty", 784, vec![dense(0)], 10, Loss::Square, Init::He).is_err());
}

#[test]
fn tasks_have_losses_of_their_own_and_one_output_is_for_two_classes() {
    let single = Model::dense("one", 784, &[], 1).unwrap();
    assert_eq!((single.loss(), single.outputs(), single.classes()), (Loss::SigmoidCrossEntropy, 1, 2));
    assert!(single.decides_by_sign() && !secureml().decides_by_sign());
    let labels = secureml().with_task(Task::MultiLabel);
    assert_eq!((labels.loss(), labels.outputs(), labels.classes()), (Loss::SigmoidCrossEntropy, 10, 0));
    assert_eq!((labels.decisions(), secureml().decisions()), (10, 1));
    let numbers = secureml().with_task(Task::Regression);
    assert_eq!((numbers.loss(), numbers.decisions()), (Loss::Square, 0));
    let refused = |model: Model| model.check().unwrap_err().to_string();
    assert_eq!(
        refused(single.with_loss(Loss::SoftmaxCrossEntropy)),
        "`one`: classification with one output cannot be learned with the loss softmax-cross-entropy; use \
         sigmoid-cross-entropy, the default"
    );
    assert!(refused(labels.with_loss(Loss::Square)).contains("multi-label cannot be learned with the loss square"));
    assert!(refused(numbers.with_loss(Loss::SigmoidCrossEntropy)).contains("use square, the default"));
}

#[test]
fn the_loss_says_how_many_classes_it_takes_and_which_losses_take_more() {
    let of = |classes: usize, loss| {
        let layers = vec![LayerSpec::from(Dense { outputs: classes, bias: true })];
        Model::new("letters", 784, layers, classes, loss, Init::He)
    };
    for loss in [Loss::Square, Loss::SigmoidCrossEntropy] {
        assert!([2, 14, 15, 26, 1000].iter().all(|classes| of(*classes, loss).is_ok()), "{}", loss.name());
    }
    assert!([2, 14, 15, 1000].iter().all(|classes| of(*classes, Loss::SoftmaxCrossEntropy).is_ok()));
    assert_eq!(
        of(1001, Loss::SoftmaxCrossEntropy).unwrap_err().to_string(),
        "`letters`: the loss softmax-cross-entropy supports 2 to 1000 classes, not 1001; \
         for more, use sigmoid-cross-entropy or square"
    );
}

/// Shapes of a job come from outside: sizes whose products would wrap are refused, in builds that check arithmetic too.
#[test]
fn shapes_that_cannot_be_counted_are_refused_before_anything_is_computed_of_them() {
    const HALF: usize = 1 << (usize::BITS / 2);
    const MAX: usize = usize::MAX;
    let dense = |outputs| LayerSpec::from(Dense { outputs, bias: true });
    let conv = |channels, n: usize, padding| {
        LayerSpec::from(Conv2d { channels, kernel: [n; 2], stride: [1, 1], padding: [padding; 2], bias: true })
    };
    let window = [HALF; 2];
    let kinds = [
        dense(MAX),
        conv(MAX, MAX, MAX),
        conv(2, 1, 0),
        conv(MAX, 2, 1),
        LayerSpec::from(AveragePool { window, stride: window }),
        LayerSpec::from(MaxPool { window, stride: window, method: PoolMethod::Tree }),
        LayerSpec::from(GlobalAveragePool),
        LayerSpec::from(ZeroPadding { padding: [MAX; 2] }),
        LayerSpec::from(Dropout { factor: Factor { times: u32::MAX, shift: u32::MAX } }),
        LayerSpec::from(Flatten),
        LayerSpec::from(Residual { body: vec![conv(MAX, 1, 0)], projection: true }),
        LayerSpec::from(Residual { body: vec![dense(MAX)], projection: true }),
    ];
    let refused = |input: &Shape, layers: Vec<LayerSpec>| {
        let said = Model::new("large", input.clone(), layers, 10, Loss::Square, Init::He).unwrap_err();
        assert!(said.is_usage(), "{said}");
        said.to_string()
    };
    for axes in [vec![HALF, HALF], vec![HALF, HALF, 1], vec![3, MAX, MAX], vec![0, MAX, MAX], vec![MAX; 9]] {
        let input = Shape::new(axes);
        for kind in &kinds {
            let said = refused(&input, vec![kind.clone(), LayerSpec::from(Relu), dense(10)]);
            assert!(said.contains("or too many"), "{said}");
        }
    }
    for input in [Shape::from(MAX), Shape::from([1, 1, HALF]), Shape::from([HALF, 1, 1]), Shape::from([1 << 14, 3, 1])]
    {
        for kind in &kinds {
            let model = Model::new(
                "large",
                input.clone(),
                vec![kind.clone(), LayerSpec::from(Relu), dense(10)],
                10,
                Loss::Square,
                Init::He,
            );
            // what passes has sizes that can be counted
            if let Ok(model) = model {
                assert!(model.parameters().iter().all(|shape| shape.len() < MAX) && model.widest() < MAX, "{kind:?}");
            }
        }
    }
    let wide = |input: usize, outputs| refused(&input.into(), vec![dense(outputs), LayerSpec::from(Relu), dense(10)]);
    assert!(wide(HALF, HALF).contains("layer 1 (dense) gets [batch, 4294967296]; its weight is too large"));
    let image = Shape::from([1, 1, 1 << 40]);
    let said = refused(&image, vec![conv(1, 1 << 14, 1 << 13), LayerSpec::from(Relu), dense(10)]);
    assert!(said.contains("layer 1 (conv2d)") && said.contains("its weight is too large"), "{said}");
}
