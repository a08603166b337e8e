"""The Track contract on PyTorch."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from twotrack.shared.base.memory import keep_what_is_imported
from twotrack.shared.errors import as_user_error
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.spec.candidates import CallCandidate, Candidate, Facing
from twotrack.shared.spec.changes import Change
from twotrack.shared.spec.devices import choose_device, without_bfloat16
from twotrack.shared.spec.framework_files import Carrier, Checkpoints, OptimizerFiles
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.pair import CustomOptimizer, Pair
from twotrack.shared.spec.profiles import Switches
from twotrack.shared.spec.replicas import Replicas, Seat
from twotrack.shared.spec.track import OwnWeights, Precision, Track, TrackModel, TrackSpec
from twotrack.shared.spec.transfer import EVERYTHING, HEAD, chosen
from twotrack.shared.spec.units import Side
from twotrack.shared.spec.updates import Rules
from twotrack.shared.workers.team import Led, Team
from twotrack.torch_track import builds, compiled, native, outputs, weights
from twotrack.torch_track.axes import axis_layout
from twotrack.torch_track.changes.alternatives import Alternatives, activations, blocks, instead
from twotrack.torch_track.changes.apply import changed
from twotrack.torch_track.changes.call_alternatives import call_alternatives
from twotrack.torch_track.changes.order_alternatives import order_alternatives
from twotrack.torch_track.changes.updates import rules
from twotrack.torch_track.entries import Entry
from twotrack.torch_track.moved_gradients import GradientMover
from twotrack.torch_track.precision import set_precision
from twotrack.torch_track.quick_start import AnyInitialValues
from twotrack.torch_track.recording import dropout_rates
from twotrack.torch_track.track_model import DTYPES, TorchModel, as_torch

if TYPE_CHECKING:
    from twotrack.shared.export.runtimes import Predict
    from twotrack.shared.export.subject import ExportSubject


def open_track(spec: TrackSpec, device: str) -> "TorchTrack":
    """Make PyTorch deterministic, with full float32 products, on `device` (auto, cpu or cuda)."""
    # As use_deterministic_algorithms(True), which imports torch's compiler: worker_environment tells that by itself.
    torch.set_deterministic_debug_mode("error")
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    set_precision("float32")
    return TorchTrack(spec.name, choose_device(device, torch.cuda.is_available(), spec.name))


class TorchTrack(Track):
    """PyTorch on one device."""

    _led: Led | None = None
    """The processes on which models that are built now train."""

    def __init__(self, name: str, device: str):
        self.name, self.device = name, device

    def build(
        self, pair: Pair, seed: int, precision: Precision = "float32", switched: Collection[str] = ()
    ) -> "TorchModel":
        """Build the pair's torch side on the device, then switch layers.

        For less than float32 it is built in float32, in which its axes are found, and then cast.
        """
        keep_what_is_imported()
        set_precision(precision, self.widens)
        torch.manual_seed(seed)
        with nullcontext() if self.draws_initial_values else AnyInitialValues():
            module, has_base = builds.model_of(pair)
        module = module.to(self.device, torch.promote_types(DTYPES[precision], torch.float32))
        switches = Switches(switched)
        native.switch_layers(module.get_submodule(HEAD) if has_base else module, switches)
        module = outputs.adapted(module, pair.specs, tuple(pair.outputs.values()))
        with (
            as_user_error(f"the torch model does not take inputs of {pair.shapes}"),
            outputs.outputs_seen(module) as seen,
        ):
            layout = axis_layout(module, pair.specs)
        module = module.to(DTYPES[precision])
        renames = weights.all_renames(module, pair.rename)
        goal = builds.goal(pair, seen[0].names, seen[0].is_plain)
        model = TorchModel(module, pair.specs, goal, self.device, DTYPES[precision], switches, layout, renames)
        model.penalties, model.constraints = pair.penalties, pair.constraints
        if pair.weight_map:
            model.use(pair.weight_map)
        model.given = seen[0]
        if pair.trainable != EVERYTHING:
            model.freeze(chosen(model.table(), pair.trainable))
        model.is_compiled = model.compiles()
        model.is_mixed = precision == "mixed_bfloat16"
        model.tune(self.tuning_of(pair))
        if self._led:
            from twotrack.torch_track.replicas import Leader

            model.leader = Leader(model, self._led)
        return model

    @contextmanager
    def replicated(self, replicas: Replicas) -> Iterator[None]:
        """Let models that are built inside the block train in so many processes; one model at a time."""
        self.require_devices(replicas.count)
        with Led(replicas, self.device) as led:
            self._led = led
            try:
                yield
            finally:
                self._led = None

    def sit(self, seat: Seat) -> None:
        """Let models that are built from now on be on the replica's own GPU, where there are GPUs."""
        if self.device == "cuda":
            torch.cuda.set_device(seat.rank)

    def follow(self, model: TrackModel, seat: Seat) -> None:
        """Let a model that is built in a process of its own help the leader's, until that is over."""
        from twotrack.torch_track.replicas import Follower

        Follower(as_torch(model), Team(seat, self.device)).follow()

    def devices(self) -> int:
        """Return the GPUs that torch sees, on a GPU."""
        return torch.cuda.device_count()

    def bfloat16_problem(self) -> str:
        """Say why the GPU has no bfloat16."""
        if self.device == "cpu":
            return ""
        return without_bfloat16(torch.cuda.get_device_name(), torch.cuda.get_device_capability())

    def own_weights(self, pair: Pair) -> OwnWeights:
        """Return what the module calls its weights; nothing is run."""
        return weights.own_weights(builds.shapes_only(pair), pair.rename, pair.weight_map)

    def optimizer_files(self) -> OptimizerFiles:
        """Return what reads and writes the optimizer's state in checkpoints."""
        from twotrack.torch_track import optimizer_files

        return optimizer_files

    def checkpoints(self) -> Checkpoints:
        """Return what reads and writes state_dicts."""
        from twotrack.torch_track import checkpoints

        return checkpoints

    def carrier(self) -> Carrier:
        """Return what carries weights from and to checkpoints."""
        from twotrack.torch_track import carrying

        return carrying

    def measurements(self) -> Mapping[str, Callable[[], Measured]]:
        """Return what measures torch's defaults."""
        from twotrack.torch_track.defaults import DEFAULTS

        return DEFAULTS.measurements

    def exporters(self) -> "Mapping[str, Callable[[ExportSubject, Path], None]]":
        """Return what torch writes."""
        from twotrack.torch_track.export import EXPORTERS

        return EXPORTERS

    def openers(self) -> "Mapping[str, Callable[[Path], Predict]]":
        """Return what torch loads."""
        from twotrack.torch_track.export import OPENERS

        return OPENERS

    def to_safetensors(self, path: Path, out: Path) -> None:
        """Write a state_dict's tensors to a .safetensors file, float32, without counters of batches.

        Nothing is unpickled but tensors; UserError if the file holds anything else.
        """
        from twotrack.torch_track import checkpoints

        checkpoints.to_safetensors(path, out)

    def load_own_weights(self, model: TrackModel, own: "Mapping[str, np.ndarray]") -> None:
        """Give a model weights under torch's own names; BridgeError if they are not its."""
        from twotrack.torch_track.recorded import load_own_weights

        load_own_weights(as_torch(model).module, own)

    def move_gradients(self, model: TrackModel, share: float, draw: int) -> None:
        """Move every gradient of a model's training steps, before the update, by `share` of its layer's largest."""
        own = as_torch(model)
        own.before_update = GradientMover(own.module, share, draw)

    def changed(self, model: TrackModel, changes: Sequence[Change]) -> AbstractContextManager[None]:
        """Return a block in which the model is changed; KeyError if it has no such layer or weight."""
        if changes:
            compiled.begin()  # what is compiled knows nothing of changes
        return changed(as_torch(model), changes)

    def alternatives(self, model: TrackModel, path: str, facing: Facing) -> Iterator[Candidate]:
        """Yield what else the layer at a canonical path could be, to be as Keras' layer."""
        own = as_torch(model)
        layer = next(layer for own_path, layer in own.module.named_modules() if own.canonical_path(own_path) == path)
        return iter(Alternatives(layer, path, facing))

    def block_alternatives(self, model: TrackModel) -> Iterator[Candidate]:
        """Yield what else torch's own Transformer blocks could be."""
        own = as_torch(model)
        return blocks(own.module, own.canonical_path)

    def rates(self, model: TrackModel) -> dict[str, tuple[str, float]]:
        """Return, by canonical path, what a layer that can drop calls its rate, and the rate."""
        own = as_torch(model)
        layers, found = dict(own.module.named_modules()), dropout_rates(own.module)
        names = {path: "p" if hasattr(layers[path], "p") else "dropout" for path in found}
        return {own.canonical_path(path): (names[path], rate) for path, rate in found.items()}

    def whole_parameters(self, model: TrackModel) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Return, by canonical name, torch's name and shape of every weight that is one parameter by itself."""
        table = as_torch(model).table().items()
        whole = {name: entry for name, entry in table if isinstance(entry, Entry) and entry.whole_layout is not None}
        return {name: (entry.torch_name, tuple(entry.parameter.shape)) for name, entry in whole.items()}

    def update_rules(
        self, model: TrackModel, optimizer: Optimizer | CustomOptimizer, learning_rates: Sequence[float]
    ) -> Rules:
        """Return the settings by which the optimizer updates each weight."""
        return rules(as_torch(model), optimizer, learning_rates)

    def activations(
        self, path: str, role: Literal["inputs", "outputs"], is_behind: bool = False
    ) -> Iterator[Candidate]:
        """Yield activations of what a layer is given or gives, or the model itself."""
        return activations(path, role, is_behind)

    def instead(self, path: str, role: Literal["inputs", "outputs"], source: str) -> Iterator[Candidate]:
        """Yield activations of what a layer in front gives, in the place of what code makes of it."""
        return instead(path, role, source)

    def call_alternatives(self, model: TrackModel, inputs: Mapping[str, np.ndarray]) -> list[CallCandidate]:
        """Return what else the calls of torch's functions in the user's own code could be, with where they stand."""
        return call_alternatives(as_torch(model), inputs)

    def order_alternatives(
        self, model: TrackModel, inputs: Mapping[str, np.ndarray], window: Sequence[str]
    ) -> Iterator[Candidate]:
        """Yield what torch may compute in another order, among layers that run one behind the other."""
        return order_alternatives(as_torch(model), inputs, window)

    def units(self, model: TrackModel, inputs: Mapping[str, np.ndarray]) -> Side:
        """Return a model as a side of the search for which weight is which."""
        from twotrack.torch_track.matching import TorchSide

        return TorchSide(as_torch(model), inputs)

    def operations(self, step: Callable[[], object]) -> int:
        """Return the floating-point operations of products and convolutions in a call."""
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            step()
        return int(counter.get_total_flops())

    def synchronise(self) -> None:
        """Wait for the GPU, if there is one."""
        if self.device == "cuda":
            torch.cuda.synchronize()

    def peak_device_memory(self) -> int | None:
        """Return the most bytes that tensors took on the GPU; None on the CPU."""
        return torch.cuda.max_memory_allocated() if self.device == "cuda" else None
