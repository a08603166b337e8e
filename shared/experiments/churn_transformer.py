"""Experiments of the chapter churn_transformer: the seconds that longer series take, and where attention looks."""

import time
from collections.abc import Iterator
from itertools import islice

import numpy as np

from twotrack.shared import chapters
from twotrack.shared.by_hand import transformer
from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.datasets.spec import Split
from twotrack.shared.experiments.lab import Lab
from twotrack.shared.experiments.series import series_lab
from twotrack.shared.experiments.spec import Claim, Curves, Finding, Heatmaps, Progress, Table
from twotrack.shared.runs.fitting import Stopwatch, TrainingStage, fresh_model
from twotrack.shared.workers.door import open_track

# === length ===

MODELS = {"LSTM": "churn_lstm", "Transformer": "churn_transformer"}
REPEATS, WARM_UP, STEPS = (1, 4, 16), 2, 5


def length(lab: Lab, progress: Progress) -> Finding:
    """Time training steps of the recipe `fast` on 12, 48 and 192 months.

    An LSTM takes the months one after the other. A Transformer takes them at once, but compares each with
    each: what that gains depends on how much the machine can do at once.
    """
    epoch_seconds = {name: [_epoch_seconds(lab, name, repeats, progress) for repeats in REPEATS] for name in MODELS}
    months = [repeats * lab.chapter.config.months for repeats in REPEATS]
    growth = {name: seconds[-1] / seconds[0] for name, seconds in epoch_seconds.items()}
    text = f"seconds per epoch on {months[-1]} months over those on {months[0]}, %s"
    claims = [
        Claim(text=text % "LSTM", value=growth["LSTM"], relation="above", bound=3),
        Claim(text=text % "Transformer", value=growth["Transformer"], relation="above", bound=1),
    ]
    rows = [[name, *seconds, growth[name]] for name, seconds in epoch_seconds.items()]
    columns = ["model", *(f"{count} months" for count in months), f"{months[-1]} over {months[0]}"]
    title = f"Seconds per epoch, from the fastest of {STEPS} training steps after the warm-up"
    lines = {name: ([float(count) for count in months], seconds) for name, seconds in epoch_seconds.items()}
    curves = Curves(name="seconds", title=title, x_label="months", y_label="seconds per epoch", log_y=True, lines=lines)
    return Finding(claims=claims, tables=[Table(title=title, columns=columns, rows=rows)], curves=[curves])


def _epoch_seconds(lab: Lab, name: str, repeats: int, progress: Progress) -> float:
    """Return the seconds of the fastest step, times the steps of the chapter's epoch.

    The fastest, because what else the machine does can only add.
    """
    series = series_lab(lab, chapters.get(MODELS[name]), repeats)
    progress(f"{name}, {series.chapter.config.months} months")
    steps_per_epoch = len(lab.dataset.train) // series.chapter.recipe("fast").batch_size
    return min(_step_seconds(series)) * steps_per_epoch


def _step_seconds(lab: Lab) -> Iterator[float]:
    """Yield the seconds of training steps after the warm-up, dropout active, as a run takes them."""
    variant, track, steps = lab.chapter.variant(), open_track(lab.track, "auto"), WARM_UP + STEPS
    model, recipe = fresh_model(track, variant, lab.seed), variant.recipe
    batches = TrainingBatches(lab.dataset, lab.dataset.train, recipe.batch_size, lab.seed, lab.chapter.loss)
    stage = TrainingStage(model, recipe.optimizer, recipe.learning_rates(steps), Stopwatch(track))
    ready = list(islice(batches.epoch(0), steps))
    for number, batch in enumerate(ready):
        track.synchronise()
        start = time.perf_counter()
        list(stage.steps([batch]))
        track.synchronise()
        if number >= WARM_UP:
            yield time.perf_counter() - start


# === attention ===

TRAINED_EPOCHS = 2


def attention(lab: Lab, progress: Progress) -> Finding:
    """Train a little; compute by hand, from the weights, where each head looks, and compare with the track's layers."""
    batch_size = lab.chapter.recipe("fast").batch_size
    steps = TRAINED_EPOCHS * (len(lab.dataset.train) // batch_size)
    model = lab.model()
    for step, _ in enumerate(model.train(steps, batch_size), start=1):
        if step % 50 == 0:
            progress(f"step {step}/{steps}")
    customers = lab.dataset.test.take(typical(lab.dataset.test))
    inputs = lab.dataset.prepare(customers.inputs)
    by_hand = transformer.forward(model.weights, lab.chapter.config, inputs["months"], inputs["mask"])
    attended = np.stack(list(model.attention(customers).values()), axis=1)  # (customers, blocks, heads, 12, 12)
    expected = np.stack(by_hand.attention, axis=1)
    padded = ~inputs["mask"][:, np.newaxis, np.newaxis, np.newaxis]
    values = {
        "distance of the track's attention from the one by hand": np.abs(attended - expected).max(),
        "distance of the track's logits from those by hand": np.abs(model.predict(customers) - by_hand.logits).max(),
        "distance of a row's sum from 1": np.abs(attended.sum(axis=-1) - 1).max(),
    }
    claims = [Claim(text=text, value=float(value), relation="below", bound=1e-6) for text, value in values.items()]
    padding_share = float((attended * padded).max())
    text = "largest attention to a month that is padding"
    claims.append(Claim(text=text, value=padding_share, relation="below", bound=1e-30))
    heatmaps = [picture(customers, number, maps) for number, maps in enumerate(attended)]
    return Finding(claims=claims, heatmaps=heatmaps)


def typical(split: Split) -> np.ndarray:
    """Return the rows of the first customer with most months and of the first with three to six.

    Where nobody has so few, the first with fewest stands for them; where all have as many, there is one row.
    """
    lengths = split.inputs["mask"].sum(axis=1)
    few = (lengths >= 3) & (lengths <= 6)
    short = np.flatnonzero(few if few.any() else lengths == lengths.min())[0]
    return np.array(list(dict.fromkeys([int(lengths.argmax()), int(short)])))


def picture(customers: Split, number: int, maps: np.ndarray) -> Heatmaps:
    """Draw one customer's attention (blocks, heads, 12, 12)."""
    months = int(customers.inputs["mask"][number].sum())
    return Heatmaps(
        name=f"attention{months}",
        title=f"Attention, a test customer of {months} months",
        x_label="month looked at",
        y_label="month that looks",
        columns=maps.shape[1],
        maps={
            f"block {block}, head {head}": shares.tolist()
            for block, heads in enumerate(maps, start=1)
            for head, shares in enumerate(heads, start=1)
        },
    )
