"""A maximum over places before ReLU in the place of behind it: the same numbers, from a fraction of the work.

ReLU never changes which of some numbers is the largest, so the two may change places; in the backward pass too, as no
gradient passes where the largest is not positive.
"""

from typing import Any

from torch import fx, nn

_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)


class _Outermost(fx.Tracer):
    """Follows a module's own forward only: what its layers do may be another thing in each call."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Tell that no layer is looked into."""
        return True


def pool_first(module: nn.Module) -> nn.Module | None:
    """Return what computes as the module does, with its layers, each ReLU behind the pooling that follows it.

    None if there is nothing to exchange, or if the forward pass cannot be followed, as it asks for values.
    """
    if not any(type(layer) in _POOLS for layer in module.children()):
        return None
    try:
        graph = _Outermost().trace(module)
    except (fx.proxy.TraceError, TypeError):
        return None
    layers = dict(module.named_modules())
    exchanged = [_exchange(node, layers) for node in list(graph.nodes)]
    return fx.GraphModule(module, graph) if any(exchanged) else None


def _exchange(pool: fx.Node, layers: dict[str, nn.Module]) -> bool:
    """Put a pooling before the ReLU that nothing else looks at; tell whether it is one behind such a ReLU."""
    layer = _layer(pool, layers)
    if type(layer) not in _POOLS or layer.return_indices or not isinstance(pool.args[0], fx.Node):
        return False
    relu = pool.args[0]
    if type(_layer(relu, layers)) is not nn.ReLU or len(relu.users) > 1:  # what is derived may do something else
        return False
    (taken,) = relu.all_input_nodes
    pool.replace_all_uses_with(relu)
    pool.replace_input_with(relu, taken)
    relu.replace_input_with(taken, pool)
    pool.append(relu)
    return True


def _layer(node: fx.Node, layers: dict[str, nn.Module]) -> Any:
    return layers[str(node.target)] if node.op == "call_module" else None
