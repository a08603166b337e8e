"""Faults of dropout, which act in training alone."""

from typing import Any

from tests.conformance.faults.family import ANYWHERE, FAULTS, Called, Part, Plant, Spot, Truth
from tests.conformance.faults.network import over_time
from tests.conformance.faults.signs import argues, maps, quiets, replaces, sets, skips
from tests.support.families import Draw

DROPS = ("drop", "drop_maps", "dropout", "drop_axes")


@FAULTS.add("dropout", "rate of dropout", count=2)
def dropout_rate(draw: Draw, spot: Spot) -> Plant:
    name, form = spot.called("drop"), draw.one_of("torch", "module", "module", "function")
    keras, torch = draw.one_of("rates", (0.5, 0.2), (0.1, 0.5), (0.25, 0.75), (0.3, 0.4))

    def torch_side(t: Any) -> Any:
        if form == "module":
            return t.nn.Dropout(torch)

        class Own(t.nn.Module):
            def forward(self, x: Any) -> Any:
                return t.nn.functional.dropout(x, torch, self.training)

        return Own()

    part = Part(name, lambda k, n: k.layers.Dropout(keras, name=n), torch_side)
    truth = Truth(
        "dropout",
        ANYWHERE,
        ("rate|p=", f"{keras:g}"),
        (sets(name, "p", keras), argues("dropout", "p", keras), replaces(name, "dropout", rate=keras)),
    )
    return Plant(truth, [part])


@FAULTS.add("dropout", "dropout of single values against whole maps", ("sequence", "image"))
def dropout_kind(draw: Draw, spot: Spot) -> Plant:
    name, rate, odd = spot.called("drop"), draw.one_of("rate", 0.2, 0.5), draw.one_of("maps_side", "keras", "torch")
    rank = len(spot.sizes)

    def keras_side(k: Any, n: str) -> Any:
        return getattr(k.layers, f"SpatialDropout{rank}D" if odd == "keras" else "Dropout")(rate, name=n)

    def torch_side(t: Any) -> Any:
        if odd == "keras":
            return t.nn.Dropout(rate)
        return t.nn.Dropout2d(rate) if rank == 2 else Called(t.nn.Dropout1d(rate), over_time)

    truth = Truth(
        "dropout",
        ANYWHERE,
        ("map|channel|feature|kind|Dropout",),
        (maps(*DROPS), replaces(name, *DROPS), sets(name, "p", 0.0)),
    )
    return Plant(truth, [Part(name, keras_side, torch_side)])


@FAULTS.add("dropout", "dropout on one side only")
def dropout_missing(draw: Draw, spot: Spot) -> Plant:
    name, rate, odd = spot.called("drop"), draw.one_of("rate", 0.2, 0.5), draw.one_of("odd_side", "keras", "torch")
    part = Part(
        name,
        (lambda k, n: k.layers.Dropout(rate, name=n)) if odd == "keras" else None,
        (lambda t: t.nn.Dropout(rate)) if odd == "torch" else None,
    )
    signs = (sets(name, "p", 0.0), quiets(name), skips("dropout"), maps(*DROPS))
    return Plant(Truth("dropout", ANYWHERE, ("dropout|rate",), signs), [part])
