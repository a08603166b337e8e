"""The frozen description of a chapter. Framework-free, and light: listing chapters loads no NumPy."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

from annotated_types import Ge, Gt

from twotrack.shared.errors import UserError, first_error, unknown
from twotrack.shared.spec.augmentation import Shift
from twotrack.shared.spec.initialisers import INITIALISERS
from twotrack.shared.spec.inputs import InputShape
from twotrack.shared.spec.losses import LossName
from twotrack.shared.spec.optimizers import OPTIMIZERS, Optimizer, Sophia
from twotrack.shared.spec.recipes import Checkpoint, EarlyStopping, Kept, Recipe
from twotrack.shared.spec.schedules import SCHEDULES
from twotrack.shared.spec.update_options import AVERAGES

if TYPE_CHECKING:
    import numpy as np
    from pydantic_core import CoreSchema

    from twotrack.shared.datasets import Source
    from twotrack.shared.datasets.spec import Dataset
    from twotrack.shared.spec.inputs import Inputs
    from twotrack.shared.spec.transfer import Transfer

DEFAULT_RECIPE = "fast"
RECIPE_SETTINGS = (
    "optimizer",
    "learning_rate",
    "schedule",
    "patience",
    "checkpoint",
    "keep",
    "average",
    "accumulate",
    "loss",
    "initialiser",
    "shift",
)
"""Settings of every chapter that change its recipe, not its model."""


@dataclass(frozen=True)
class Chapter:
    """One topic with its model: what is learned, from which data, judged how."""

    slug: str
    title: str
    dataset: str
    """Name of the data set in twotrack.shared.datasets."""
    config: Any
    """Frozen dataclass with the model's hyperparameters, at the original chapter's values."""
    recipes: Mapping[str, Recipe]
    loss: LossName
    metric: str
    """Name in twotrack.shared.evaluation.metrics; larger is better."""
    margin: float
    """Two tracks whose metric differs by less than this are the same for a reader's purpose."""
    input_shape: InputShape | Callable[[Any], InputShape]
    """One example as the model gets it, channels last; several inputs by name. A function of the config if it
    depends on that."""
    features: tuple[str, ...] = ()
    """Columns of a tabular data set that the model sees; all of them if empty."""
    optimizers: Mapping[str, Optimizer] = field(default_factory=dict)
    """What `--set optimizer=NAME` means here, where the general learning rate of that optimizer does not suit."""
    baselines: tuple[str, ...] = ()
    """Names in twotrack.shared.evaluation.baselines: models of other kinds, to read the scores against."""
    prepare: "Callable[[Any], Callable[[Inputs], Inputs]] | None" = None
    """From the config to what makes model inputs of stored ones, where that depends on the model."""
    augment: "Callable[[], Callable[[Inputs, np.random.Generator], Inputs]] | None" = None
    """Makes what changes stored inputs at random where they are trained on; no change if there is none."""
    of_data: "Callable[[Dataset], Mapping[str, str]] | None" = None
    """Returns settings that follow from the data, where the data is not the embedded one."""
    transfer: "Transfer | None" = None
    """Where pretrained weights come from; None if all weights are drawn."""
    seeds: int = 1
    """That `compare` trains if it is not told how many: 3 where a training takes seconds, so that a verdict decides."""
    verify_examples: int = 1280
    """Trained on per seed, and judged, where `twotrack verify` compares scores: few where a pass takes long."""
    verify_batch_size: int = 16
    """Examples in a batch of the ladder's other rungs: few where a pass takes long."""
    attention: "Callable[[Mapping[str, np.ndarray], Any, Inputs], np.ndarray] | None" = None
    """From canonical weights, config and model inputs to what each head weighs with, computed by hand:
    (examples, blocks, heads, queries, keys). None if there is nothing to draw in a report."""
    cheap: Mapping[str, str] = field(default_factory=dict)
    """Settings with which a large network, every layer of it, predicts the test split in seconds."""
    predict_batch: int = 250
    """Examples predicted at once: few enough that this does not set the peak of memory."""

    @property
    def has_pictures(self) -> bool:
        """Its only input is a picture: (height, width, channels)."""
        shape = self.inputs(self.config)
        return isinstance(shape, tuple) and len(shape) == 3

    def inputs(self, config: Any) -> InputShape:
        """Return one example as the model of that config gets it."""
        return self.input_shape(config) if callable(self.input_shape) else self.input_shape

    def data(self, source: "Source | None" = None, config: Any = None) -> "Dataset":
        """Load the data for the model of a config, the chapter's own if none is given.

        The source is the embedded one if none is named. Raises UserError if the data cannot be had.
        """
        from twotrack.shared import datasets

        loaded = datasets.load(self.dataset, source or datasets.embedded_source(self.dataset), self.features)
        prepare = self.prepare(config or self.config) if self.prepare else loaded.prepare
        return replace(loaded, prepare=prepare, augment=self.augment() if self.augment else None)

    def variant(
        self, recipe: str = DEFAULT_RECIPE, settings: Mapping[str, str] = MappingProxyType({})
    ) -> "ChapterVariant":
        """Return the chapter with the named recipe and `settings` (name to text, as typed) read.

        Raises UserError for an unknown name or a value that does not fit.
        """
        read = self.recipe(recipe, settings)
        return ChapterVariant(self, self.configure(dict(read.settings) | dict(settings)), read, recipe, dict(settings))

    def recipe(self, name: str, settings: Mapping[str, str] = MappingProxyType({})) -> Recipe:
        """Return the named recipe with the recipe's part of `settings` applied; UserError as for `configure`."""
        if name not in self.recipes:
            raise unknown("recipe", name, self.recipes, f"'{self.slug}' has: {', '.join(self.recipes)}.")
        recipe, known = self.recipes[name], OPTIMIZERS | dict(self.optimizers)
        if "optimizer" in settings:
            if settings["optimizer"] not in known:
                raise unknown(f"value for {self.slug}: optimizer", settings["optimizer"], known)
            recipe = replace(recipe, optimizer=known[settings["optimizer"]])
        if "schedule" in settings:
            if settings["schedule"] not in SCHEDULES:
                raise unknown(f"value for {self.slug}: schedule", settings["schedule"], SCHEDULES)
            recipe = replace(recipe, schedule=SCHEDULES[settings["schedule"]])
        if "learning_rate" in settings:
            rate = _parse(f"{self.slug}: learning_rate", settings["learning_rate"], Annotated[float, Gt(0)])
            recipe = replace(recipe, optimizer=replace(recipe.optimizer, learning_rate=rate))
        if "patience" in settings:
            patience = _parse(f"{self.slug}: patience", settings["patience"], Annotated[int, Ge(0)])
            recipe = replace(recipe, early_stopping=EarlyStopping(patience))
        recipe = replace(recipe, checkpoint=self._checkpoint(settings))
        recipe = replace(recipe, optimizer=self._with_options(recipe.optimizer, settings))
        return self._with_laws(recipe, settings)

    def _checkpoint(self, settings: Mapping[str, str]) -> Checkpoint | None:
        """Return which checkpoints settings ask for; UserError if they say what to keep of none."""
        if "checkpoint" not in settings:
            if "keep" in settings:
                raise UserError(f"{self.slug}: keep says which checkpoints stay; expected checkpoint=EPOCHS beside it.")
            return None
        every = _parse(f"{self.slug}: checkpoint", settings["checkpoint"], Annotated[int, Ge(1)])
        return Checkpoint(every, _parse(f"{self.slug}: keep", settings.get("keep", "all"), Kept))

    def _with_laws(self, recipe: Recipe, settings: Mapping[str, str]) -> Recipe:
        """Return the recipe with the loss, the initial weights and the shifts that are set."""
        if "loss" in settings:
            from twotrack.shared.chapters.losses import parse_loss  # slow to import, and rarely set

            loss = parse_loss(f"{self.slug}: loss", self.loss, settings["loss"])
            if loss is not None and isinstance(recipe.optimizer, Sophia):
                raise UserError(f"{self.slug}: expected another optimizer than sophia for a loss of twotrack's.")
            recipe = replace(recipe, loss=loss)
        if "initialiser" in settings:
            name = settings["initialiser"]
            if name not in INITIALISERS:
                raise unknown(f"value for {self.slug}: initialiser", name, INITIALISERS)
            recipe = replace(recipe, initialiser=INITIALISERS[name])
        if "shift" in settings:
            pixels = _parse(f"{self.slug}: shift", settings["shift"], Annotated[int, Ge(0)])
            recipe = replace(recipe, shift=Shift(pixels) if pixels else None)
        if recipe.shift and not self.has_pictures:
            raise UserError(f"{self.slug}: shift: expected a chapter whose inputs are pictures, found none there.")
        return recipe

    def _with_options(self, optimizer: Optimizer, settings: Mapping[str, str]) -> Optimizer:
        """Return an optimizer with what settings say of averages and accumulation."""
        if "average" in settings:
            if settings["average"] not in AVERAGES:
                raise unknown(f"value for {self.slug}: average", settings["average"], AVERAGES)
            optimizer = replace(optimizer, average=AVERAGES[settings["average"]])
        if "accumulate" in settings:
            batches = _parse(f"{self.slug}: accumulate", settings["accumulate"], Annotated[int, Ge(1)])
            optimizer = replace(optimizer, accumulate=batches)
        return optimizer

    def configure(self, settings: Mapping[str, str]) -> Any:
        """Return the config with the model's part of `settings` (name to text, as typed) applied.

        Raises UserError for an unknown name or a value that the field does not take.
        """
        hints = get_type_hints(type(self.config), include_extras=True)
        known = [hyperparameter.name for hyperparameter in fields(self.config)]
        values = {}
        for name, text in settings.items():
            if name in RECIPE_SETTINGS:
                continue
            if name not in known:
                raise unknown(f"setting of {self.slug}", name, [*known, *RECIPE_SETTINGS])
            values[name] = _parse(f"{self.slug}: {name}", text, hints[name])
        return replace(self.config, **values)


@dataclass(frozen=True)
class ChapterVariant:
    """A chapter with settings that were read once: the model's hyperparameters, and how it is trained.

    It is JSON by what was asked for: slug, name of the recipe, settings as they were typed.
    """

    chapter: Chapter
    config: Any
    """The chapter's frozen dataclass of hyperparameters."""
    recipe: Recipe
    recipe_name: str
    settings: Mapping[str, str]
    """Those that differ from the chapter's own, as they were typed."""

    def inputs(self) -> InputShape:
        """Return one example as the model gets it."""
        return self.chapter.inputs(self.config)

    def data(self, source: "Source | None" = None) -> "Dataset":
        """Load the data for the model; as `Chapter.data`."""
        return self.chapter.data(source, self.config)

    def predicting(self, batch_size: int) -> "ChapterVariant":
        """Return the same with so many examples predicted at once."""
        return replace(self, chapter=replace(self.chapter, predict_batch=batch_size))

    def require(self, tracks: Iterable[str]) -> None:
        """Raise UserError unless what pretrained weights need on the tracks is installed, and they can be had."""
        if self.chapter.transfer:
            self.chapter.transfer.require(self.config, tracks)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> "CoreSchema":
        """Let requests to workers carry it."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            _as_variant, serialization=core_schema.plain_serializer_function_ser_schema(_as_plain)
        )


def _as_variant(given: Any) -> ChapterVariant:
    from twotrack.shared import chapters

    if isinstance(given, ChapterVariant):
        return given
    return chapters.get(given["chapter"]).variant(given["recipe"], given["settings"])


def _as_plain(variant: ChapterVariant) -> dict[str, Any]:
    return {"chapter": variant.chapter.slug, "recipe": variant.recipe_name, "settings": dict(variant.settings)}


def _parse(what: str, text: str, hint: Any) -> Any:
    """Turn typed text into the value of a config field annotated with `hint`."""
    choices = get_args(hint)
    if choices and all(isinstance(choice, str) for choice in choices):
        if text not in choices:
            raise unknown(f"value for {what}", text, choices)
        return text
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(hint).validate_strings(text)
    except ValidationError as error:
        raise UserError(f"{what}: {first_error(error)}.") from error
