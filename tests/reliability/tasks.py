"""What a worker does for the campaign."""

from safetensors.numpy import save_file

from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.runs.convert import Files
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task


@task
def own_weights(files: Files) -> None:
    """Write the weights that a chapter's model is built with into a file of its framework."""
    track = open_track(files.track, "cpu")
    build = lambda precision: track.build(whole_pair(files.model), 0, precision)  # noqa: E731 - as a worker does it
    weights = dict(build("float32").weights())
    save_file(weights, files.canonical)
    if files.path.suffix == ".keras":
        build("float32").model.save(files.path)
    else:
        track.checkpoints().write(files.path, weights, build)
