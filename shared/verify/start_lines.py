"""The lines that draw a weight by a law in either framework."""

from math import sqrt

from twotrack.shared.spec.initialisers import (
    TRUNCATED,
    Blocks,
    Distribution,
    Filled,
    Initialiser,
    OrthogonalStart,
    Scaled,
    Spread,
)


def torch_line(law: Initialiser, name: str) -> str:
    """Return the line of torch by which a parameter is drawn so."""
    init = "nn.init."
    match law:
        case Filled(value):
            return f"{init}zeros_({name})" if not value else f"{init}constant_({name}, {value:g})"
        case Blocks(values):
            return f"for part, value in zip({name}.data.chunk({len(values)}), {list(values)}): part.fill_(value)"
        case OrthogonalStart(gain, 1):
            return f"{init}orthogonal_({name}{_unless(gain, 1.0)})"
        case OrthogonalStart(gain, blocks):
            return f"for part in {name}.data.chunk({blocks}): {init}orthogonal_(part{_unless(gain, 1.0)})"
        case Spread(deviation, kind):
            return init + _torch_spread(kind, name, f"{deviation:.4g}", deviation)
        case Scaled():
            return init + _torch_scaled(law, name)
    raise TypeError(f"no line for {type(law).__name__}")


def _torch_spread(kind: Distribution, name: str, told: str, deviation: float) -> str:
    if kind == "uniform":
        limit = f"{sqrt(3) * deviation:.4g}"
        return f"uniform_({name}, -{limit}, {limit})"
    if kind == "normal":
        return f"normal_({name}, std={told})"
    own = deviation / TRUNCATED
    return f"trunc_normal_({name}, std={own:.4g}, a={-2 * own:.4g}, b={2 * own:.4g})"


def _torch_scaled(law: Scaled, name: str) -> str:
    if law.distribution == "truncated":
        fan = {"in": "fan_in", "out": "fan_out", "average": "((fan_in + fan_out) / 2)"}[law.fan]
        own = f"({_number(law.gain)} / {fan}) ** 0.5 / {TRUNCATED:.6f}"
        return f"trunc_normal_({name}, std=s, a=-2 * s, b=2 * s), s = {own}"
    if law.fan == "average":
        return f"xavier_{law.distribution}_({name}{_unless(sqrt(law.gain), 1.0)})"
    mode = ", mode='fan_out'" if law.fan == "out" else ""
    # kaiming's gain is sqrt(2 / (1 + a^2)) of a leaky ReLU
    slope = "" if law.gain == 2 else f", a={_root(2 / law.gain - 1)}"
    return f"kaiming_{law.distribution}_({name}{slope}{mode})"


def _root(square: float) -> str:
    return "1" if square == 1 else f"{round(square, 6):g} ** 0.5"


def _number(value: float) -> str:
    return "1 / 3" if value == 1 / 3 else f"{value:g}"


def _unless(value: float, usual: float) -> str:
    return "" if value == usual else f", {value:.4g}"


def _keras_spread(law: Spread) -> str:
    if law.distribution == "uniform":
        limit = f"{sqrt(3) * law.deviation:.4g}"
        return f"RandomUniform(-{limit}, {limit})"
    if law.distribution == "normal":
        return f"RandomNormal(0, {law.deviation:.4g})"
    return f"TruncatedNormal(0, {law.deviation / TRUNCATED:.4g})"


_KERAS_KINDS = {"normal": "untruncated_normal", "truncated": "truncated_normal"}


def keras_line(law: Initialiser) -> str:
    """Return what a layer of Keras takes as an initializer to draw so."""
    match law:
        case Filled(value):
            return "'zeros'" if not value else f"keras.initializers.Constant({value:g})"
        case Blocks(values):
            return f"twotrack.keras_track.initialisers.build(Blocks({values}))"
        case OrthogonalStart(gain, 1):
            return f"keras.initializers.Orthogonal({gain:.4g})"
        case OrthogonalStart():
            return f"twotrack.keras_track.initialisers.build({law})"
        case Spread():
            return f"keras.initializers.{_keras_spread(law)}"
        case Scaled(gain, fan, kind):
            own, mode = _KERAS_KINDS.get(kind, kind), "avg" if fan == "average" else fan
            return f"keras.initializers.VarianceScaling({_number(gain)}, 'fan_{mode}', '{own}')"
    raise TypeError(f"no line for {type(law).__name__}")
