"""Worker task: which scripts a track has."""

from twotrack.shared.workers.task import Report, task


@task
def scripted(track: str, report: Report) -> list[str]:
    """Return the chapters that the track has a script of."""
    if track == "torch":
        from twotrack.torch_track.scripts import SCRIPTS

        return list(SCRIPTS)
    from twotrack.keras_track.scripts import SCRIPTS as OF_KERAS

    return list(OF_KERAS)
