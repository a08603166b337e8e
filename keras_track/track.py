"""The Track contract on Keras 3; the backend is the one that KERAS_BACKEND named before the import."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from twotrack.keras_track import backends, builds, native, operations, terms, weights
from twotrack.keras_track.axes import axis_layout
from twotrack.keras_track.changes import changed
from twotrack.keras_track.moved_gradients import GradientMover
from twotrack.keras_track.own_steps import fed_as_by_fit
from twotrack.keras_track.precision import set_precision
from twotrack.keras_track.quick_start import any_initial_values
from twotrack.keras_track.serialising import without_tensorflow
from twotrack.keras_track.session import start_afresh
from twotrack.keras_track.track_model import KerasModel, as_keras
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.spec.changes import Change
from twotrack.shared.spec.devices import choose_device, without_bfloat16
from twotrack.shared.spec.framework_files import Carrier, Checkpoints, OptimizerFiles
from twotrack.shared.spec.pair import Pair
from twotrack.shared.spec.profiles import Switches
from twotrack.shared.spec.replicas import Replicas, Seat
from twotrack.shared.spec.track import OwnWeights, Precision, Track, TrackModel, TrackSpec
from twotrack.shared.spec.transfer import EVERYTHING, HEAD, chosen
from twotrack.shared.spec.units import Side

if TYPE_CHECKING:
    from twotrack.keras_track.replicas import Training
    from twotrack.shared.export.runtimes import Predict
    from twotrack.shared.export.subject import ExportSubject


def open_track(spec: TrackSpec, device: str) -> "KerasTrack":
    """Make the backend deterministic, with full float32 products, on `device` (auto, cpu or cuda).

    Raises RuntimeError if Keras was imported with another backend than the track's.
    """
    imported = keras.backend.backend()
    if imported != spec.backend:
        raise RuntimeError(f"{spec.name} needs KERAS_BACKEND={spec.backend}, found {imported}")
    without_tensorflow()
    keras.config.set_image_data_format("channels_last")
    set_precision("float32")  # whatever the user's keras.json says
    backend = backends.BACKENDS[imported]()
    return KerasTrack(spec.name, choose_device(device, backend.has_gpu(), spec.name), backend)


class KerasTrack(Track):
    """Keras on one backend and device."""

    _replicas: "Training | None" = None
    """On which models that are built now train."""

    def __init__(self, name: str, device: str, backend: backends.Backend):
        self.name, self.device, self._backend = name, device, backend

    def build(
        self, pair: Pair, seed: int, precision: Precision = "float32", switched: Collection[str] = ()
    ) -> "KerasModel":
        """Build the pair's Keras side, forgetting the process's earlier models, then switch layers.

        For less than float32 its axes are those of the same model in float32, which predicts for one of mixed
        precision.
        """
        is_half = precision in ("bfloat16", "float16", "mixed_bfloat16")
        single = self.build(pair, seed, "float32", switched) if is_half else None
        set_precision(precision, self.widens)
        self._begin(seed)
        if precision == "mixed_bfloat16":
            keras.config.set_dtype_policy(precision)  # which a new session has forgotten
        with self._replicas.scope() if self._replicas else nullcontext():
            return self._built(pair, switched, single)

    def _built(self, pair: Pair, switched: Collection[str], single: KerasModel | None) -> KerasModel:
        """Build in the precision that is set; `single` is the same model in float32, for less than that."""
        with nullcontext() if self.draws_initial_values else any_initial_values():
            network, has_base, given = builds.model_of(pair)
        fed_as_by_fit(network)
        weights.set_renames(network, {} if pair.torch else pair.rename)
        switches = Switches(switched)
        native.switch_layers(network.get_layer(HEAD) if has_base else network, switches)
        layout = single.layout if single else axis_layout(network, pair.specs)
        model = KerasModel(network, pair.specs, builds.goal(pair, network, given), self._backend, switches, layout)
        is_mixed = single and keras.config.dtype_policy().name == "mixed_bfloat16"
        model.single = single.model if single and is_mixed else None
        model.tune(self.tuning_of(pair))
        model.replicas = self._replicas
        model.has_own_loop = pair.train is not None
        model.leave_out(pair.unused_keras)
        model.given = given
        if pair.trainable != EVERYTHING:
            model.freeze(chosen(model.shapes(), pair.trainable))
        if pair.penalties or pair.constraints:
            trained, table = model.trainable_names(), weights.name_table(network)
            own = {name: entry.variable for name, entry in table.items() if name in trained}
            terms.hold(pair.penalties, pair.constraints, own)
            terms.watch(pair.penalties, dict(weights.layer_paths(network)))
        return model

    def _begin(self, seed: int) -> None:
        """Forget earlier models; what says where models are is part of what Keras forgets."""
        if self._replicas:
            self._replicas.leave()
        start_afresh(seed)
        if self._replicas:
            self._replicas.enter()

    @contextmanager
    def replicated(self, replicas: Replicas) -> Iterator[None]:
        """Let models that are built inside the block train on so many devices, on PyTorch in so many processes."""
        from twotrack.keras_track.replicas import opened

        self.require_devices(replicas.count)
        with opened(replicas, self.device) as training:
            self._replicas = training
            try:
                yield
            finally:
                self._replicas = None

    def sit(self, seat: Seat) -> None:
        """Let models that are built from now on be on the replica's own GPU, where there are GPUs."""
        self._backend.use_device(seat.rank)

    def follow(self, model: TrackModel, seat: Seat) -> None:
        """Let a model that is built in a process of its own help the leader's, until that is over."""
        from twotrack.keras_track.replicas import follow

        follow(model, seat, self.device)

    def devices(self) -> int:
        """Return the devices that the backend sees, of the kind in use."""
        return self._backend.devices()

    def bfloat16_problem(self) -> str:
        """Say why the GPU has no bfloat16."""
        return without_bfloat16(*self._backend.gpu()) if self.device == "cuda" else ""

    def own_weights(self, pair: Pair) -> OwnWeights:
        """Return what the model calls its weights, but for those that the pair leaves out."""
        set_precision("float32")
        start_afresh(0)
        table = weights.name_table(builds.shapes_only(pair))
        own = {name: entry for name, entry in table.items() if name not in pair.unused_keras}
        trained = frozenset(name for name, entry in own.items() if entry.trainable)
        return OwnWeights({name: entry.shape for name, entry in own.items()}, trained=trained)

    def optimizer_files(self) -> OptimizerFiles:
        """Return what reads and writes the optimizer's state in Keras' own files."""
        from twotrack.keras_track import optimizer_files

        return optimizer_files

    def checkpoints(self) -> Checkpoints:
        """Return what reads and writes Keras' own files."""
        from twotrack.keras_track import checkpoints

        return checkpoints

    def preset_to_safetensors(self, model: str, preset: str, out: Path) -> None:
        """Write the weights of a preset of keras-hub's class `model`, float32; UserError if it cannot be read."""
        from twotrack.keras_track import presets

        presets.to_safetensors(model, preset, out)

    def carrier(self) -> Carrier:
        """Return what carries weights from and to files of Keras."""
        from twotrack.keras_track import carrying

        return carrying

    def measurements(self) -> Mapping[str, Callable[[], Measured]]:
        """Return what measures Keras' defaults."""
        from twotrack.keras_track.defaults import DEFAULTS

        return DEFAULTS.measurements

    def exporters(self) -> "Mapping[str, Callable[[ExportSubject, Path], None]]":
        """Return what Keras writes; all of it but .keras on the TensorFlow backend only."""
        from twotrack.keras_track.export import EXPORTERS

        return EXPORTERS

    def openers(self) -> "Mapping[str, Callable[[Path], Predict]]":
        """Return what Keras loads."""
        from twotrack.keras_track.export import OPENERS

        return OPENERS

    def move_gradients(self, model: TrackModel, share: float, draw: int) -> None:
        """Move every gradient of a model's training steps, before the update, by `share` of its layer's largest."""
        own = as_keras(model)
        own.mover = GradientMover(own.model, share, draw)

    def changed(self, model: TrackModel, changes: Sequence[Change]) -> AbstractContextManager[None]:
        """Return a block in which the model is changed; KeyError if it has no such layer."""
        return changed(as_keras(model).model, changes)

    def units(self, model: TrackModel, inputs: Mapping[str, np.ndarray]) -> Side:
        """Return a model as a side of the search for which weight is which."""
        from twotrack.keras_track.matching import KerasSide

        return KerasSide(as_keras(model), inputs)

    def places_noted(self) -> AbstractContextManager[None]:
        """Note where the operations of a functional model are made."""
        return operations.places_noted()

    def synchronise(self) -> None:
        """Nothing to wait for: a training step returns its loss, and a prediction its outputs, to the host."""

    def peak_device_memory(self) -> int | None:
        """Return the most bytes held on the GPU; None on the CPU."""
        return self._backend.peak_gpu_memory() if self.device == "cuda" else None
