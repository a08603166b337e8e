"""Worker task: what is exchanged in small networks with ReLU and pooling."""

from dataclasses import dataclass

from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Exchanged:
    order: list[str]
    """Layers in the order of the calls; none where nothing is exchanged."""
    difference: float
    """The largest, of outputs and gradients in float64."""


@task
def exchanged(name: str) -> Exchanged:
    """Compute with a network as it is and with what is made of it."""
    import torch

    from tests.runs.pooling_networks import NETWORKS
    from twotrack.torch_track.pool_first import pool_first

    torch.manual_seed(0)
    network = NETWORKS[name]().double()  # type: ignore[operator]
    x = torch.randn(5, 1, 12, 12, dtype=torch.float64)
    other = pool_first(network)
    if other is None:
        return Exchanged([], 0.0)
    results = [
        (one(x), torch.autograd.grad(one(x).square().sum(), list(network.parameters()))) for one in (network, other)
    ]
    (plain, its), (changed, theirs) = results
    apart = [(plain - changed).abs().max(), *((one - two).abs().max() for one, two in zip(its, theirs, strict=True))]
    order = [str(node.target) for node in other.graph.nodes if node.op == "call_module"]
    return Exchanged(order, float(max(apart)))
