"""The ledger's entries on optimizers."""

from twotrack.shared.differences import evidence
from twotrack.shared.differences.spec import Difference, never_used, with_optimizers

_SPEC = "shared/training.py states it; keras_track/optimizers.py and torch_track/optimizers.py pass it on"
_UNUSED = "state every hyperparameter; no chapter uses it"
_STEPS = "largest difference of three weights after 20 steps"
_ADAM = with_optimizers("Adam", "AdamW")

ENTRIES: tuple[Difference, ...] = (
    Difference(
        "adam_epsilon", "optimizer", "Adam epsilon", "1e-7", "1e-8",
        "keras.optimizers.Adam(epsilon=1e-8), or twotrack.Adam", _SPEC,
        {"epsilon": 1e-7}, {"epsilon": 1e-8}, _ADAM, f"{_STEPS}, gradients near 1e-7",
        evidence.optimizer("epsilon", "adam"),
    ),
    Difference(
        "rmsprop_epsilon", "optimizer", "RMSprop epsilon", "1e-7, inside the root", "1e-8, outside the root",
        "use twotrack.RMSprop in the pair",
        "RootEpsilonRMSprop in torch_track/optimizers.py has it inside",
        {"epsilon": 1e-7, "inside the root": True}, {"epsilon": 1e-8, "inside the root": False},
        with_optimizers("RMSprop"), f"{_STEPS}, gradients near 1e-4", evidence.optimizer("epsilon", "rmsprop"),
    ),
    Difference(
        "weight_decay", "optimizer", "weight decay", "decoupled in every optimizer", "L2 in SGD, Adam and RMSprop",
        "torch.optim.AdamW for keras.optimizers.Adam(weight_decay=...)",
        "decoupled everywhere (torch_track/optimizers.py)",
        {"Adam": 1.0, "RMSprop": 1.0, "AdamW": 1.0}, {"Adam": 10.0, "RMSprop": 100.0, "AdamW": 1.0},
        lambda makeup: makeup.weight_decay, f"{_STEPS} of Adam with a decay of 0.1",
        evidence.coupled_decay, tolerance=1e-3,
    ),
    Difference(
        "weight_decay_size", "optimizer", "weight decay size", "AdamW 0.004", "AdamW 0.01",
        "state weight_decay in both optimizers", _SPEC, {"AdamW": 0.004}, {"AdamW": 0.01},
        with_optimizers("AdamW"), _STEPS, evidence.optimizer("weight_decay"),
    ),
    Difference(
        "learning_rate", "optimizer", "learning rate", "0.001, SGD 0.01", "0.001, SGD 0.001",
        "state the learning rate in both optimizers", _SPEC,
        {"SGD": 0.01, "Adam": 0.001, "AdamW": 0.001}, {"SGD": 0.001, "Adam": 0.001, "AdamW": 0.001},
        with_optimizers("SGD"), "largest difference of three weights after a step of SGD",
        evidence.optimizer("learning_rate"),
    ),
    Difference(
        "momentum", "optimizer", "momentum", "SGD 0, RMSprop 0", "SGD 0, RMSprop 0",
        "state momentum in both optimizers", f"equal by default; {_SPEC}",
        {"SGD": 0, "RMSprop": 0}, {"SGD": 0, "RMSprop": 0}, with_optimizers("SGD", "RMSprop"),
        f"{_STEPS} of SGD", evidence.optimizer("momentum"),
    ),
    Difference(
        "adam_epsilon_place", "optimizer", "Adam epsilon placement",
        "sqrt(v) + epsilon", "sqrt(v / (1 - beta_2^t)) + eps",
        "use twotrack.Adam in the pair",
        "torch gets epsilon / sqrt(1 - beta_2^t) at step t (torch_track/optimizers.py)",
        {"step over rate at g = epsilon": 0.030653}, {"step over rate at g = epsilon": 0.5}, _ADAM,
        f"{_STEPS}, equal epsilons, gradients near 1e-7", evidence.epsilon_placement, tolerance=1e-3,
    ),
    Difference(
        "momentum_under_schedule", "optimizer", "momentum under a schedule",
        "learning rate inside the velocity", "learning rate outside the velocity",
        "use twotrack.SGD in the pair", "MomentumSGD in torch_track/optimizers.py has it inside",
        {"step over the one before": 0.9}, {"step over the one before": 0.09},
        lambda makeup: makeup.momentum and makeup.schedule,
        "largest difference of three weights one step after the rate fell to a tenth", evidence.momentum_schedule,
    ),
    Difference(
        "sparse_embedding_gradients", "optimizer", "sparse embedding gradients",
        "on TensorFlow, a row looked up twice has its gradients squared one by one",
        "squared after adding up", "use an optimizer of twotrack in the pair",
        "gradients are made dense (keras_track/optimizers.py)",
        {"first step over rate": 2**0.5}, {"first step over rate": 1.0},
        lambda makeup: makeup.has("Embedding") and not makeup.optimizers.isdisjoint({"Adam", "AdamW", "RMSprop"}),
        "difference of Adam's first steps, over the learning rate",
        evidence.sparse_gradients, tracks=("keras:tensorflow",), tolerance=1e-3, remaining=1e-3,
    ),
    Difference(
        "rmsprop_defaults", "optimizer", "RMSprop learning rate and rho", "0.001, 0.9", "0.01, 0.99",
        "state both", _SPEC, {"learning rate": 0.001, "rho": 0.9}, {"learning rate": 0.01, "rho": 0.99},
        with_optimizers("RMSprop"), _STEPS,
    ),
    Difference(
        "adagrad_defaults", "optimizer", "Adagrad", "0.001, starts at 0.1, epsilon 1e-7 inside the root",
        "0.01, starts at 0, epsilon 1e-10 outside", "state every hyperparameter", _UNUSED,
        {"learning rate": 0.001, "start of the sum": 0.1, "epsilon": 1e-7, "inside the root": True},
        {"learning rate": 0.01, "start of the sum": 0, "epsilon": 1e-10, "inside the root": False},
        never_used, _STEPS,
    ),
    Difference(
        "adadelta_defaults", "optimizer", "Adadelta", "0.001, rho 0.95, epsilon 1e-7", "1, rho 0.9, epsilon 1e-6",
        "state every hyperparameter", _UNUSED, {"learning rate": 0.001, "rho": 0.95, "epsilon": 1e-7},
        {"learning rate": 1.0, "rho": 0.9, "epsilon": 1e-6}, never_used, _STEPS,
    ),
    Difference(
        "adamax_and_nadam", "optimizer", "Adamax and Nadam learning rate", "0.001", "0.002",
        "state the learning rate in both optimizers", _UNUSED, {"Adamax": 0.001, "Nadam": 0.001},
        {"Adamax": 0.002, "Nadam": 0.002}, never_used, _STEPS,
    ),
    Difference(
        "nadam_schedule", "optimizer", "Nadam's momentum schedule", "0.96^t", "0.96^(0.004 t)",
        "none with these arguments", _UNUSED, {"first step over rate": 1.06281}, {"first step over rate": 1.05643},
        never_used, f"{_STEPS}, equal learning rates", tolerance=1e-3,
    ),
    Difference(
        "muon_decay", "optimizer", "Muon weight decay", "0.004", "0.1", "state weight_decay in both optimizers",
        _UNUSED, {"weight decay": 0.004, "learning rate": 0.001}, {"weight decay": 0.1, "learning rate": 0.001},
        never_used,
    ),
    Difference(
        "lion", "optimizer", "Lion", "learning rate 1e-3, betas 0.9 and 0.99", "absent",
        "twotrack.torch_track.optimizers.Lion", "torch_track/optimizers.py defines it",
        {"exists": True, "learning rate": 0.001, "beta_1": 0.9, "beta_2": 0.99}, {"exists": False},
        with_optimizers("Lion"), _STEPS,
    ),
    Difference(
        "sophia", "optimizer", "Sophia", "absent", "absent",
        "twotrack.shared.training.Sophia",
        "keras_track/optimizers.py and torch_track/optimizers.py define it",
        {"exists": False}, {"exists": False}, with_optimizers("Sophia"), _STEPS,
    ),
    Difference(
        "decay_exclusion", "optimizer", "what weight decay spares",
        "nothing; var_names match a variable's name, on TensorFlow its path", "nothing; parameter groups",
        "exclude_from_weight_decay(var_list=...) for a parameter group with weight_decay=0",
        "nothing is spared in either track (shared/training.py)",
        {"biases decay": True, "'gamma' excludes norm/gamma": True, "'norm' excludes norm/gamma": False},
        {"biases decay": True}, lambda makeup: makeup.weight_decay,
        exceptions={"keras:tensorflow": {"'norm' excludes norm/gamma": True}},
    ),
    Difference(
        "clipping", "optimizer", "gradient clipping", "clipnorm bounds every variable",
        "clip_grad_norm_ bounds all together", "global_clipnorm for clip_grad_norm_",
        "no clipping; keras_track/optimizers.py states that for every kind",
        {"norm of both after clipping to 1": 2**0.5}, {"norm of both after clipping to 1": 1.0}, never_used,
        "difference of the joint norms",
    ),
    Difference(
        "cosine_end", "schedule", "cosine decay beyond its end", "stays at 0", "rises again",
        "stop at the end", "every step's rate is in one table for both (shared/training.py)",
        {"rate at step 15 of 10": 0.0}, {"rate at step 15 of 10": 0.5}, lambda makeup: makeup.schedule,
        "difference of the learning rates",
    ),
    Difference(
        "schedule_steps", "schedule", "who moves a schedule", "every step of the optimizer", "scheduler.step()",
        "call scheduler.step() after every optimizer.step()",
        "every step's rate is in one table for both (shared/training.py)",
        {"moves with the optimizer": True}, {"moves with the optimizer": False}, lambda makeup: makeup.schedule,
        "largest difference of three rates",
    ),
    Difference(
        "plateau", "schedule", "ReduceLROnPlateau", "absolute improvement; falls at the patience",
        "relative improvement; falls beyond the patience", "patience one less in torch, threshold_mode='abs'",
        "no chapter uses it", {"bad epochs, patience 2": 2, "1000 to 999.95 is better": True},
        {"bad epochs, patience 2": 3, "1000 to 999.95 is better": False}, never_used,
    ),
)  # fmt: skip
