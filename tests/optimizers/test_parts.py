"""A large model's weights are updated rows after rows, to the same bits."""

from tests.optimizers.parts_tasks import differences
from twotrack.shared.workers.pool import WorkerPool


def test_optimizers_of_keras_on_pytorch_do_the_same_in_parts(workers: WorkerPool) -> None:
    found = workers.call("keras:torch", differences, 7)

    assert all(found.values()), [name for name, is_same in found.items() if not is_same]
