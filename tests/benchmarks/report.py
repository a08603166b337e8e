"""How long a large report takes and how large it is: python -m tests.benchmarks.report [CHAPTER]...

20 seeds on four tracks, on the real test split with made-up outputs, as many epochs and steps as the chapter's recipe
`fast` has. The time is that of reading the run folders, fitting the reference models and writing the page. Seconds of
the processor tell more than those of the clock while other work goes on.
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.support.runs import make_comparison
from twotrack.shared import chapters
from twotrack.shared.report.runs_page import find_runs, write_report
from twotrack.shared.report.tables import baseline_scores, notes_on_data
from twotrack.shared.spec.track import TRACKS

SEEDS = 20


def main() -> None:
    """Print seconds and megabytes, a line per chapter."""
    for slug in sys.argv[1:] or ["churn_mlp", "mnist_cnn", "shop_transfer"]:
        chapter = chapters.get(slug)
        recipe, train = chapter.recipe("fast"), len(chapter.data().train)
        with tempfile.TemporaryDirectory() as name:
            steps = recipe.epochs * (train // recipe.batch_size)
            make_comparison(Path(name), slug, list(TRACKS), SEEDS, recipe.epochs, steps)
            start, computed = time.perf_counter(), time.process_time()
            runs = find_runs([Path(name)])
            page = write_report(runs, Path(name) / "report.html", [], baseline_scores(runs), None, notes_on_data(runs))
            seconds = f"{time.perf_counter() - start:.1f} s, {time.process_time() - computed:.1f} s of the processor"
            print(f"{slug:<16}{len(runs)} runs  {seconds}  {page.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
