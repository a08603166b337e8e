"""Which weights of two models are each other's: a rule for every canonical weight, and what neither side uses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from twotrack.shared.weights.bridge.names import listed
from twotrack.shared.weights.correspondence.rule import Shape, WeightRule


@dataclass(frozen=True)
class WeightMap:
    """Rules by canonical name, which is Keras' own; weights that no rule names go by their names, as without a map."""

    rules: Mapping[str, WeightRule] = field(default_factory=dict)
    unused_torch: tuple[str, ...] = ()
    """Torch's names of weights on which neither its outputs nor its gradients depend."""
    unused_keras: tuple[str, ...] = ()
    """Canonical names of such weights of Keras."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """By canonical name: what there is to say of how its rule was found."""
    kept_torch: tuple[str, ...] = ()
    """Torch's names of buffers that Keras does not have: constants of the model, which stay as they are built."""

    def __bool__(self) -> bool:
        """Tell whether it says anything."""
        return bool(self.rules or self.unused_torch or self.unused_keras or self.kept_torch)

    @property
    def sources(self) -> frozenset[str]:
        """Torch's names that rules are made of."""
        return frozenset(source for rule in self.rules.values() for source in rule.sources)

    @property
    def constants(self) -> dict[str, float]:
        """The value of every canonical weight that torch does not have."""
        return {name: rule.constant for name, rule in self.rules.items() if rule.constant is not None}

    def over(self, other: "WeightMap") -> "WeightMap":
        """Return the rules of both; where both name a weight, this map's."""
        return WeightMap(
            {**other.rules, **self.rules},
            tuple(dict.fromkeys((*self.unused_torch, *other.unused_torch))),
            tuple(dict.fromkeys((*self.unused_keras, *other.unused_keras))),
            {**other.notes, **self.notes},
            tuple(dict.fromkeys((*self.kept_torch, *other.kept_torch))),
        )

    def problems(self, torch: Mapping[str, Shape], keras: Mapping[str, Shape]) -> Iterator[str]:
        """Yield a sentence for each way in which the map does not fit two models' weights, given by name and shape."""
        for kind, names, known, side in (
            ("rules for", self.rules, keras, "Keras"),
            ("rules made of", self.sources, torch, "torch"),
            ("as unused", self.unused_torch, torch, "torch"),
            ("as unused", self.unused_keras, keras, "Keras"),
        ):
            if missing := sorted(set(names) - set(known)):
                yield f"it names {kind} {listed(missing)}, which {side} does not have"
        yield from self._misshapen(torch, keras)
        yield from self.misused(torch)

    def _misshapen(self, torch: Mapping[str, Shape], keras: Mapping[str, Shape]) -> Iterator[str]:
        for name, rule in self.rules.items():
            if name in keras and set(rule.sources) <= set(torch) and (rule.constant is None or rule.shape):
                try:
                    made = rule.canonical_shape([torch[source] for source in rule.sources])
                except ValueError as error:
                    yield f"'{name}': {error}"
                else:
                    if sorted(made) != sorted(keras[name]):  # the order of axes is the rung parameters' matter
                        yield f"'{name}': the rule makes {made}, Keras has {tuple(keras[name])}"

    def misused(self, torch: Mapping[str, Shape]) -> Iterator[str]:
        """Yield a sentence for each of torch's weights that is not used once, but for rows that no rule asks for."""
        from twotrack.shared.weights.correspondence import usage  # with NumPy, which a pair is made without

        for source in sorted(self.sources & set(torch)):
            rules = [rule for rule in self.rules.values() if source in rule.sources]
            if source in self.unused_torch:
                yield f"'{source}' of torch is in a rule and among the unused"
            elif len(rules) > 1 or rules[0].part:
                yield from usage.of_source(source, rules, torch)

    def left_over(self, source: str, torch: Mapping[str, Shape]) -> tuple[tuple[int, int], ...]:
        """Return the rows, first and behind the last, of a weight of torch that no rule asks for."""
        rules = [rule for rule in self.rules.values() if source in rule.sources]
        if not rules or not all(rule.rows for rule in rules):
            return ()
        asked = sorted(rule.rows for rule in rules if rule.rows)
        starts, ends = [0, *(behind for _, behind in asked)], [*(first for first, _ in asked), torch[source][0]]
        return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start < end)


NO_MAP = WeightMap()
