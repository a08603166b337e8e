"""What was measured of the atlas's architectures, as data: a page shows it, and later figures are compared with it."""

from pydantic import Field

from twotrack.shared.base.records import FrozenRecord


class Apart(FrozenRecord):
    """A place where a search found the models to differ; as twotrack.shared.matching.state.Difference."""

    torch: str
    keras: str
    inside: bool
    size: float


class Found(FrozenRecord):
    """What a search for the weights found; as twotrack.shared.matching.result.Match."""

    weights: int
    """Of Keras, that have a counterpart."""
    by_name: int
    """That values do not tell, so that a name or the order decided."""
    nearest: int
    """In layers that differ, where the nearest was taken."""
    constants: int
    """That torch has not."""
    keras_unused: list[str]
    """Without a counterpart, and nothing depends on them."""
    torch_unused: list[str]
    keras_left: list[str]
    """Without a counterpart, and they matter."""
    torch_left: list[str]
    is_proved: bool
    stuck: str
    differences: list[Apart]
    cpu_seconds: float
    runs: int

    @property
    def is_whole(self) -> bool:
        """Whether every weight that matters has its counterpart."""
        return not (self.keras_left or self.torch_left)


class Rung(FrozenRecord):
    """One rung that was climbed."""

    rung: str
    passed: bool
    difference: float | None
    detail: str


class Cause(FrozenRecord):
    """What makes both sides differ; as twotrack.shared.verify.diagnosis.cause.Cause."""

    status: str
    rung: str
    where: str
    what: str
    torch_fix: str
    keras_fix: str
    before: float | None
    after: float | None


class Unseen(FrozenRecord):
    """What a pass did not see."""

    kind: str
    where: str
    detail: str


class Climb(FrozenRecord):
    """How far one Keras track climbed with torch beside it."""

    verdict: str
    rungs: list[Rung]
    causes: list[Cause] = Field(default_factory=list)
    left: str = ""
    """What fails with all proved causes removed."""
    parting: str = ""
    """The first operation by which the forward passes part, with its place in both sides' code."""
    exceptions: list[Unseen] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)


class Line(FrozenRecord):
    """An alignment and the code that makes it."""

    what: str
    side: str
    line: str
    other: str


class Measured(FrozenRecord):
    """One of an architecture's two pairs."""

    found: Found | None = None
    climbs: dict[str, Climb] = Field(default_factory=dict)
    """By track."""
    error: str = ""
    """Why it was not measured to the end; empty if it was."""


class Entry(FrozenRecord):
    """One architecture."""

    name: str
    title: str
    keras: str
    torch: str
    sizes: str
    note: str
    published: Measured
    aligned: Measured
    alignments: list[Line]
    cpu_seconds: float
    """Of all processes."""


class Setting(FrozenRecord):
    """On what it was measured."""

    packages: dict[str, str]
    tracks: list[str]
    processor: str
    cores: int
    python: str


class Atlas(FrozenRecord):
    """All architectures that were measured in one setting."""

    setting: Setting
    entries: list[Entry]
