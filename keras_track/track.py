"""The Track contract on Keras 3; the backend is the one that KERAS_BACKEND named before the import."""

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from twotrack.keras_track import backends, freezing, losses, native, precision, weights
from twotrack.keras_track.curvature import Curvature
from twotrack.keras_track.session import start_afresh
from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.datasets.batches import Batch
from twotrack.shared.differences.measured import Measured
from twotrack.shared.differences.spec import LayerMakeup
from twotrack.shared.inputs import Inputs
from twotrack.shared.losses import LossName, as_targets
from twotrack.shared.profiles import Switches
from twotrack.shared.track import Checkpoints, Track, TrackModel, TrackSpec, choose_device
from twotrack.shared.training import Recipe
from twotrack.shared.transfer import BASE, HEAD

if TYPE_CHECKING:
    from twotrack.shared.export.runtimes import Predict
    from twotrack.shared.export.subject import Subject


def open_track(spec: TrackSpec, device: str) -> "KerasTrack":
    """Make the backend deterministic, with full float32 products, on `device` (auto, cpu or cuda).

    Raises RuntimeError if Keras was imported with another backend than the track's.
    """
    if keras.backend.backend() != spec.backend:
        raise RuntimeError(f"{spec.name} needs KERAS_BACKEND={spec.backend}, found {keras.backend.backend()}")
    keras.config.set_image_data_format("channels_last")
    precision.set_precision("float32")  # whatever the user's keras.json says
    backend = backends.BACKENDS[spec.backend]()
    return KerasTrack(spec.name, choose_device(device, backend.has_gpu(), spec.name), backend)


class KerasTrack(Track):
    """Keras on one backend and device."""

    def __init__(self, name: str, device: str, backend: backends.Backend):
        self.name, self.device, self._backend = name, device, backend

    def build(self, chapter: Chapter, config: Any, seed: int, switched: Collection[str] = ()) -> "KerasModel":
        """Build twotrack.keras_track.models.<slug>, forgetting the process's earlier models, then switch layers."""
        start_afresh(seed)
        model = importlib.import_module(f"twotrack.keras_track.models.{chapter.slug}").build(config)
        switches = Switches(switched)
        native.switch_layers(model.get_layer(HEAD) if chapter.transfer else model, switches)
        return KerasModel(model, chapter.loss, self._backend, switches)

    def checkpoints(self) -> Checkpoints:
        """Return what reads and writes Keras' own files."""
        from twotrack.keras_track import checkpoints

        return checkpoints

    def measurements(self) -> Mapping[str, Callable[[], Measured]]:
        """Return what measures Keras' defaults."""
        from twotrack.keras_track.defaults import DEFAULTS

        return DEFAULTS.measurements

    def exporters(self) -> "Mapping[str, Callable[[Subject, Path], None]]":
        """Return what Keras writes; all of it but .keras on the TensorFlow backend only."""
        from twotrack.keras_track.export import EXPORTERS

        return EXPORTERS

    def openers(self) -> "Mapping[str, Callable[[Path], Predict]]":
        """Return what Keras loads."""
        from twotrack.keras_track.export import OPENERS

        return OPENERS

    def layers(self, chapter: Chapter, config: Any) -> list[LayerMakeup]:
        """Return the layers of the chapter's model, inner ones too."""
        from twotrack.keras_track.facts import facts

        model = importlib.import_module(f"twotrack.keras_track.models.{chapter.slug}").build(config)
        return [
            LayerMakeup(kinds=frozenset(base.__name__ for base in type(layer).__mro__), hyperparameters=facts(layer))
            for layer in model._flatten_layers(include_self=False)
        ]

    def synchronise(self) -> None:
        """Nothing to wait for: a training step returns its loss, and a prediction its outputs, to the host."""

    def peak_device_memory(self) -> int | None:
        """Return the most bytes held on the GPU; None on the CPU."""
        return self._backend.peak_gpu_memory() if self.device == "cuda" else None


class KerasModel(TrackModel):
    """A keras.Model with loss and optimizer."""

    def __init__(self, model: keras.Model, loss: LossName, backend: backends.Backend, switches: Switches):
        self.model, self._loss, self._backend, self.switches = model, loss, backend, switches

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of all weights, in canonical form."""
        return weights.weights(self.model)

    def load_weights(self, canonical: Mapping[str, np.ndarray]) -> None:
        """Replace all weights."""
        weights.load_weights(self.model, canonical)

    def trainable_names(self) -> set[str]:
        """Return the names of the weights that have gradients."""
        return weights.trainable_names(self.model)

    def freeze(self, trained: Set[str]) -> None:
        """Update the weights of these names only."""
        freezing.freeze(self.model, trained)

    def features(self, inputs: Inputs) -> np.ndarray:
        """Return the outputs of the base in inference mode."""
        return keras.ops.convert_to_numpy(self.model.get_layer(BASE).predict_on_batch(inputs))

    def head(self) -> "KerasModel":
        """Return the head, which takes features (batch, features)."""
        return KerasModel(self.model.get_layer(HEAD), self._loss, self._backend, self.switches)

    def compile(self, recipe: Recipe, learning_rates: Sequence[float]) -> None:
        """Attach loss and optimizer."""
        optimizer = native.optimizer(recipe.optimizer, learning_rates, self.model, self.switches)
        self.model.compile(optimizer=optimizer, loss=losses.build(self._loss))
        self.model.optimizer.build(self.model.trainable_variables)
        self._curvature = Curvature(self.model, self._loss)

    def train_step(self, batch: Batch) -> float:
        """Train on one batch; the loss tracker is reset because it averages over calls."""
        self._curvature.update_if_due(batch.inputs)
        self.model.reset_metrics()
        return float(self.model.train_on_batch(batch.inputs, as_targets(self._loss, batch.labels)))

    def predict(self, inputs: Inputs) -> np.ndarray:
        """Return the outputs in inference mode."""
        return keras.ops.convert_to_numpy(self.model.predict_on_batch(inputs))

    def snapshot(self) -> tuple[list[np.ndarray], object]:
        """Return the value of every variable and the backend's random state."""
        values = [np.array(keras.ops.convert_to_numpy(variable)) for variable in self._variables()]
        return values, self._backend.random_state()

    def restore(self, state: tuple[list[np.ndarray], object]) -> None:
        """Give every variable its value back."""
        values, random_state = state
        for variable, value in zip(self._variables(), values, strict=True):
            variable.assign(value)
        self._backend.set_random_state(random_state)

    def reseed(self, seed: int) -> None:
        """Set the state of every layer's random generator, and of the backend's."""
        self._backend.reseed(seed)
        for number, layer in enumerate(self.model._flatten_layers()):
            if generator := getattr(layer, "seed_generator", None):
                generator.state.assign(np.array([seed, number]))

    def _variables(self) -> list[keras.Variable]:
        return [*self.model.variables, *self.model.optimizer.variables]
