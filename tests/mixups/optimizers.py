"""Optimizers by the other framework's defaults."""

from tests.mixups.mixup import Mixup, keras_optimizer, mixup, of_spec, torch_optimizer, trained_by
from twotrack.shared.spec import optimizers as specs


def of(what: str, spec, keras: str, own: dict, wrong: dict, told: str, torch=None, torch_told: str = "") -> Mixup:
    """Return a mix-up of Keras' own optimizer with twotrack's in torch, and, on torch's side, with torch's own."""
    right = keras_optimizer(keras, spec.learning_rate, **own)
    honest = trained_by(right, of_spec(spec))
    in_keras = trained_by(keras_optimizer(keras, spec.learning_rate, **{**own, **wrong}), of_spec(spec)), told
    in_torch = (trained_by(right, torch), torch_told) if torch else None
    return mixup(type(spec).__name__, what, "optimizer", honest, in_keras, in_torch)


OPTIMIZERS = (
    of(
        "dampening and Nesterov's look ahead",
        specs.SGD(0.01, momentum=0.9),
        "SGD",
        {"momentum": 0.9},
        {"nesterov": True},
        "nesterov is True in Keras and False in torch",
        torch_optimizer("SGD", momentum=0.9, dampening=0.9),
        "dampening is 0 in Keras and 0.9 in torch",
    ),
    of(
        "rho of the other framework",
        specs.RMSprop(0.01),
        "RMSprop",
        {},
        {"rho": 0.99},
        "rho is 0.99 in Keras and 0.9 in torch",
        torch_optimizer("RMSprop"),
        "rho is 0.9 in Keras and 0.99 in torch",
    ),
    of(
        "epsilon of the other framework",
        specs.Adam(0.01),
        "Adam",
        {},
        {"epsilon": 1e-8},
        "epsilon is 1e-08 in Keras and 1e-07 in torch",
        torch_optimizer("Adam"),
        "epsilon is 1e-07 in Keras and 1e-08 in torch",
    ),
    of(
        "AMSGrad switched on",
        specs.Adam(0.01, amsgrad=False),
        "Adam",
        {},
        {"amsgrad": True},
        "amsgrad is True in Keras and False in torch",
        of_spec(specs.Adam(0.01, amsgrad=True)),
        "amsgrad is False in Keras and True in torch",
    ),
    of(
        "weight decay of the other framework",
        specs.AdamW(0.01),
        "AdamW",
        {},
        {"weight_decay": 0.01},
        "Keras takes 0.01 times the weight off it.*torch takes 0.004",
        torch_optimizer("AdamW"),
        "Keras takes 0.004 times the weight off it.*torch takes 0.01",
    ),
    of(
        "beta_2 of Adam",
        specs.Lion(0.01),
        "Lion",
        {},
        {"beta_2": 0.999},
        "beta_2 is 0.999 in Keras and 0.99 in torch",
        of_spec(specs.Lion(0.01, beta_1=0.95, beta_2=0.98)),
        "beta_1 is 0.9 in Keras and 0.95 in torch",
    ),
    of(
        "where the sum of squares begins",
        specs.Adagrad(0.01),
        "Adagrad",
        {},
        {"initial_accumulator_value": 0.0},
        "initial is 0 in Keras and 0.1 in torch",
        torch_optimizer("Adagrad"),
        "initial is 0.1 in Keras and 0 in torch",
    ),
    of(
        "rho and learning rate of the other framework",
        specs.Adadelta(0.01),
        "Adadelta",
        {},
        {"rho": 0.9},
        "rho is 0.9 in Keras and 0.95 in torch",
        torch_optimizer("Adadelta", 1.0),
        "rho is 0.95 in Keras and 0.9 in torch",
    ),
    of(
        "epsilon of the other framework",
        specs.Adamax(0.01),
        "Adamax",
        {},
        {"epsilon": 1e-8},
        "epsilon is 1e-08 in Keras and 1e-07 in torch",
        torch_optimizer("Adamax"),
        "epsilon",
    ),
    of(
        "epsilon and momentum schedule of the other framework",
        specs.Nadam(0.01),
        "Nadam",
        {},
        {"epsilon": 1e-8},
        "epsilon is 1e-08 in Keras and 1e-07 in torch",
        torch_optimizer("NAdam"),
        "momentum_decay is 1 in Keras and 0.004 in torch",
    ),
    of(
        "the paper's epsilon",
        specs.Lamb(0.01),
        "Lamb",
        {},
        {"epsilon": 1e-6},
        "epsilon is 1e-06 in Keras and 1e-07 in torch",
        torch_optimizer("Adam"),
        "Keras updates by lamb, torch by adam",
    ),
    of(
        "constants of the other framework",
        specs.Adafactor(0.01),
        "Adafactor",
        {},
        {"beta_2_decay": -0.5},
        "beta_2_decay is -0.5 in Keras and -0.8 in torch",
        torch_optimizer("Adafactor"),
        "epsilon",
    ),
    of(
        "how a matrix is scaled",
        specs.Muon(0.01),
        "Muon",
        {"adam_weight_decay": 0.0, "weight_decay": 0.0},
        {"rms_rate": None},
        "Muon scales a matrix not at all in Keras",
        of_spec(specs.Muon(0.01, nesterov=False)),
        "nesterov of .* is True in Keras and False in torch",
    ),
)
