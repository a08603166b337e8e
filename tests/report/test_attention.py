"""The report shows where the heads of finished runs look."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from tests.support.pages import Page
from tests.support.runs import make_run, record_of
from twotrack.shared import datasets
from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.report import attention
from twotrack.shared.report.runs_page import write_report
from twotrack.shared.runs.run_folder import Run
from twotrack.shared.runs.training import describe
from twotrack.shared.weights import initial

CHAPTER = CHAPTERS["churn_transformer"]
DATA = CHAPTER.data()


def weights(query: float) -> dict[str, np.ndarray]:
    """Initial weights of one block, queries scaled: at 0 every score is 0."""
    size, heads, ffn = 32, 4, 64
    part, norm = (size, heads, size // heads), {"gamma": (size,), "beta": (size,)}
    shapes = {"embedding.kernel": (5, size), "embedding.bias": (size,), "positions.embeddings": (12, size)}
    for name in ("query", "key", "value"):
        shapes |= {f"attention1.{name}.kernel": part, f"attention1.{name}.bias": part[1:]}
    shapes |= {"attention1.attention_output.kernel": (*part[1:], size), "attention1.attention_output.bias": (size,)}
    shapes |= {
        f"{layer}.{name}": one for layer in ("attention_norm1", "ffn_norm1", "norm") for name, one in norm.items()
    }
    shapes |= {"ffn_in1.kernel": (size, ffn), "ffn_in1.bias": (ffn,), "ffn_out1.kernel": (ffn, size)}
    shapes |= {"ffn_out1.bias": (size,), "logits.kernel": (size, 1), "logits.bias": (1,)}
    drawn = initial.draw(shapes, seed=0)
    return drawn | {"attention1.query.kernel": query * drawn["attention1.query.kernel"]}


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    """One run whose heads look evenly, one whose heads do not."""
    job = record_of(tmp_path).job.model_copy(
        update={"chapter": "churn_transformer", "source": datasets.embedded_source(CHAPTER.dataset)}
    )
    logits = np.ones((len(DATA.test), 1), np.float32)
    return [
        make_run(
            tmp_path / track.replace(":", "-"),
            logits,
            DATA.test.labels,
            weights(query),
            job=job.model_copy(update={"track": track}),
            config=asdict(CHAPTER.config) | {"num_layers": 1},
            recipe=describe(CHAPTER.recipe("fast")),
        )
        for track, query in (("torch", 0.0), ("keras:jax", 8.0))
    ]


def test_without_queries_every_head_looks_evenly_at_the_real_months(runs: list[Run]) -> None:
    for customer in attention.customers(runs, DATA):
        even = np.where(np.arange(12) < customer.months, 1 / customer.months, 0)
        maps = list(customer.pictures["torch"].maps.values())
        assert len(maps) == 4
        np.testing.assert_allclose(maps, np.broadcast_to(even, (4, 12, 12)), rtol=0, atol=1e-15)


def test_the_difference_is_the_largest_between_the_tracks(runs: list[Run]) -> None:
    for customer in attention.customers(runs, DATA):
        ours, theirs = (np.array(list(one.maps.values())) for one in customer.pictures.values())
        assert customer.apart == np.abs(ours - theirs).max() > 0.01


def test_the_page_shows_a_picture_per_customer_and_track_with_words(runs: list[Run], tmp_path: Path) -> None:
    path = write_report(runs, tmp_path / "report.html", [], {})

    page = Page(path)
    assert "Where the heads look" in page.text
    assert "A customer of 12 months" in page.text
    assert path.read_text().count("block 1, head 4: at most 0.") == 4
    assert page.from_elsewhere == []
