"""The ledger's entries on what stands around a model, and on float64."""

from twotrack.shared.differences.spec import Difference, always, with_layers

_PRECISION = "keras_track/precision.py replaces it, in verification only"

ENTRIES: tuple[Difference, ...] = (
    Difference(
        "fit_batches", "loop", "batches", "fit: 32 examples, shuffled", "DataLoader: 1 example, in order",
        "state batch_size and shuffle in both", "both get the same batches (shared/datasets/batches.py)",
        {"batch size": 32, "shuffles": True}, {"batch size": 1, "shuffles": False}, always,
    ),
    Difference(
        "seeding", "loop", "seeds", "keras.utils.set_random_seed does not seed torch, unless it is the backend",
        "torch.manual_seed", "seed both", "each track seeds its own (keras_track/track.py, torch_track/track.py)",
        {"seeds torch": False}, {"seeds torch": True}, always, tracks=("keras:tensorflow", "keras:jax"),
    ),
    Difference(
        "early_stopping", "loop", "early stopping", "patience 0, keeps the last weights", "absent",
        "state patience and restore_best_weights", "every epoch of the recipe is done (shared/harness/fitting.py)",
        {"exists": True, "patience": 0, "restores the best weights": False}, {"exists": False}, always,
    ),
    Difference(
        "pretrained_networks", "loop", "pretrained image networks",
        "keras_hub: ResNet18, EfficientNet, ViT; applications: ConvNeXt, EfficientNet", "none in torch itself",
        "take both sides' weights from one file", "both load one file's weights (shared/backbones)",
        {
            "keras_hub: ResNet18": True, "keras_hub: EfficientNet-Lite0": True, "keras_hub: ViT": True,
            "keras_hub: ConvNeXt": False, "applications: ResNet18 or ViT": False,
            "applications: ConvNeXt and EfficientNet": True, "applications: normalises inside": True,
        },
        {"networks in torch itself": False}, lambda makeup: makeup.pretrained == "vision", requires=("keras_hub",),
    ),
    Difference(
        "variables_of_one_path", "loop", "variables of one path",
        "on PyTorch, the gradients of all but one are never set back to zero", "have no paths",
        "give layers inside one layer names of their own",
        "every path is unique (keras_track/weights.py refuses others)",
        {"largest second step over the first": 1.0}, {"largest second step over the first": 1.0}, always,
        "largest difference of the steps, gradients all 1",
        exceptions={"keras:torch": {"largest second step over the first": 2.0}},
    ),
    Difference(
        "variable_reads", "loop", "reading weights before they are updated",
        "on TensorFlow, not sure under a loss that is linear in the outputs", "always",
        "tensorflow.config.optimizer.set_experimental_options({'dependency_optimization': False})",
        "keras_track/backends.py turns that pass of TensorFlow's graph optimizer off",
        {"the step is right": False}, {"the step is right": True}, always,
        "difference of the largest errors of a weight after a step",
        tracks=("keras:tensorflow",),
    ),
    Difference(
        "float64_policy", "float64", "float64 by floatx alone", "layers stay float32", "layers become float64",
        "keras.config.set_dtype_policy('float64') too",
        "keras_track/precision.py sets both, in verification only",
        {"a new layer": "float32"}, {"a new layer": "float64"}, always,
    ),
    Difference(
        "float64_promotion", "float64", "promotion of float64", "to float32, but on TensorFlow", "to float64",
        "twotrack.keras_track.precision.set_precision('float64')", _PRECISION,
        {"float64 with float64": "float32"}, {"float64 with float64": "float64"}, always,
        "largest difference of a product of matrices",
        exceptions={"keras:tensorflow": {"float64 with float64": "float64"}}, remaining=1e-14,
    ),
    Difference(
        "float64_cast", "float64", "Python numbers in float64", "TensorFlow rounds them to float32", "exact",
        "np.float64(...) for every hyperparameter", _PRECISION,
        {"0.999 is exact": False}, {"0.999 is exact": True}, always, "difference of 0.999",
        tracks=("keras:tensorflow",), remaining=1e-14,
    ),
    Difference(
        "float64_leaky_relu", "float64", "leaky ReLU in float64", "TensorFlow keeps the slope in float32", "exact",
        "twotrack.keras_track.precision.set_precision('float64')", _PRECISION,
        {"slope 0.3 is exact": False}, {"slope 0.3 is exact": True}, with_layers("LeakyReLU"),
        "difference of the outputs at -1",
        tracks=("keras:tensorflow",), remaining=1e-14,
    ),
    Difference(
        "float64_attention", "float64", "attention in float64", "JAX's softmax is float32", "exact",
        "twotrack.keras_track.precision.set_precision('float64')", _PRECISION,
        {"softmax is float64": False}, {"softmax is float64": True}, with_layers("MultiHeadAttention"),
        tracks=("keras:jax",), remaining=1e-14,
    ),
)  # fmt: skip
