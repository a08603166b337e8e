"""The ledger's entries on several replicas: DistributedDataParallel, MirroredStrategy, keras.distribution.DataParallel.

Keras on PyTorch has no distribution of its own.
"""

from twotrack.shared.ledger.measured import Value
from twotrack.shared.ledger.spec import Area, Behaviour, Difference, never_used

TRACKS = ("keras:tensorflow", "keras:jax")
"""Of Keras, those with replicas."""
_RULE = "shared/spec/replicas.py: each share's mean loss counts by its rows"


def _entry(slug: str, name: str, label: str, torch: Value, mirrored: Value, jax: Value, **told: str) -> Difference:
    """Return an entry with one value for each of torch, Keras on TensorFlow and Keras on JAX."""
    exceptions = {"keras:jax": {label: jax}} if jax != mirrored else {}
    return Difference(
        slug=slug,
        area=Area.REPLICAS,
        name=name,
        torch=Behaviour(default=told["of_torch"], values={label: torch}),
        keras=Behaviour(default=told["of_keras"], values={label: mirrored}, exceptions=exceptions),
        fix=told["fix"],
        aligned=told["aligned"],
        touches=never_used,
        tracks=TRACKS,
    )


ENTRIES: tuple[Difference, ...] = (
    _entry(
        "replica_batch_statistics",
        "batch statistics on replicas",
        "normalises its own share",
        True,
        True,
        False,
        of_torch="each replica its own share's",
        of_keras="MirroredStrategy: each replica its own share's; JAX: the whole batch's",
        fix="BatchNormalization(synchronized=True) on TensorFlow; nn.SyncBatchNorm.convert_sync_batchnorm on GPUs",
        aligned="the whole batch's on every track (torch_track/batch_statistics.py, keras_track/replicas.py)",
    ),
    _entry(
        "replica_running_statistics",
        "running statistics of replicas",
        "running mean",
        "the first replica's",
        "the first replica's",
        "the mean of the replicas'",
        of_torch="the first replica's buffers are given to all",
        of_keras="MirroredStrategy: each keeps its own, the first one's are read; JAX: the whole batch's",
        fix="statistics of the whole batch, as above",
        aligned="statistics of the whole batch are the same on every replica",
    ),
    _entry(
        "replica_unequal_shares",
        "loss of unequal shares",
        "gradient of shares of 2 and 1",
        2.5,
        2.5,
        "refused",
        of_torch="mean of the replicas' means: 2.5 of 1, 1 and 4, whose mean is 2",
        of_keras="MirroredStrategy: the same; JAX: refuses a batch that does not divide",
        fix="multiply each replica's loss by its rows * replicas / rows of the batch",
        aligned=_RULE,
    ),
    _entry(
        "replica_scalar_loss",
        "loss that is a single number on replicas",
        "gradient of a mean of 1",
        1.0,
        2.0,
        1.0,
        of_torch="mean of the replicas' gradients, whatever the loss is",
        of_keras="MirroredStrategy: a loss that returns one number is added up over replicas; JAX: one mean of all",
        fix="let a loss return one value for each row, of which Keras takes the mean; or divide by the replicas",
        aligned="keras_track/losses.py divides as Keras' own losses do",
    ),
    _entry(
        "replica_last_batch",
        "last batch of an epoch on replicas",
        "examples seen of 7",
        8,
        7,
        "refused",
        of_torch="DistributedSampler repeats examples until replicas have equally many",
        of_keras="MirroredStrategy: shares out what is there; JAX: refuses a batch that does not divide",
        fix="leave the last batch out, or let it divide",
        aligned="examples that do not fill a batch are left out (shared/datasets/batches.py)",
    ),
    _entry(
        "replica_clipping",
        "clipping on replicas",
        "clips",
        "the mean gradient",
        "each replica's gradient",
        "the mean gradient",
        of_torch="what backward() has averaged",
        of_keras="MirroredStrategy: each replica's own, then they are added up; JAX: the whole batch's",
        fix="clip by hand what the replicas have averaged",
        aligned="the averaged gradient (torch_track/replicas.py)",
    ),
    _entry(
        "replica_dropout",
        "dropout on replicas",
        "one mask for all, from one seed",
        True,
        True,
        False,
        of_torch="torch.manual_seed(0) in every process: all drop the same",
        of_keras="MirroredStrategy: all draw from one state, and drop the same; JAX: one mask for the whole batch",
        fix="torch.manual_seed(seed + rank); on TensorFlow add the replica's number to the seed",
        aligned="each replica has a seed of its own; with --same-masks the rows of one mask for the whole batch",
    ),
    _entry(
        "synchronised_batch_norm",
        "synchronised batch normalisation on a CPU",
        "statistics of the whole batch",
        "refused on a CPU",
        "taken",
        "refused",
        of_torch="nn.SyncBatchNorm asks for a GPU",
        of_keras="BatchNormalization(synchronized=True) on TensorFlow; JAX refuses it, and does it anyway",
        fix="twotrack's replicas do it on any device",
        aligned="torch_track/batch_statistics.py on any device",
    ),
)
