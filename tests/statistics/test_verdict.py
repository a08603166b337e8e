"""Verdicts: against statsmodels' tests, and how often they are wrong in repetitions with a known truth."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import ttost_paired

from tests.statistics.simulation import MARGINS, decisions, rates
from twotrack.shared.evaluation import metrics, statistics
from twotrack.shared.evaluation.statistics.areas import bootstrap
from twotrack.shared.evaluation.statistics.power import seeds_to_decide
from twotrack.shared.evaluation.statistics.verdict import decision

EXAMPLES = 400
LABELS = (np.arange(EXAMPLES) % 3 == 0).astype(np.int32)
ALLOWED = 0.05


def logits_of(seeds: int, share: float, seed: int) -> np.ndarray:
    """Logits (seeds, examples, 1) of which about this share is right."""
    right = np.random.default_rng(seed).random((seeds, EXAMPLES)) < share
    return np.where(right == LABELS, 1.0, -1.0)[..., np.newaxis]


def scores_of(seeds: int, shift: float, seed: int) -> np.ndarray:
    """Logits (seeds, examples, 1) with an ROC AUC, some of them equal to others."""
    drawn = np.random.default_rng(seed).normal(shift * LABELS, 1.0, (seeds, EXAMPLES))
    return drawn.round(1)[..., np.newaxis]


def accuracies(logits: np.ndarray) -> np.ndarray:
    return ((logits[..., 0] > 0) == LABELS).mean(axis=1)


@pytest.mark.parametrize(("share", "margin"), [(0.80, 0.1), (0.80, 0.05), (0.75, 0.1), (0.6, 0.05)])
def test_equivalence_is_statsmodels_two_one_sided_tests(share: float, margin: float):
    first, second = logits_of(6, 0.8, seed=1), logits_of(6, share, seed=2)

    found = statistics.verdict("accuracy", first, second, LABELS, margin)

    p_value, *_ = ttost_paired(accuracies(first), accuracies(second), -margin, margin)
    assert found.p_equivalent == pytest.approx(p_value, rel=1e-9)
    assert (found.kind == "equivalent") == (p_value < ALLOWED)


@pytest.mark.parametrize(("share", "kind"), [(0.8, "equivalent"), (0.6, "different"), (0.71, "undecided")])
def test_the_intervals_decide(share: float, kind: str):
    first, second = logits_of(8, 0.8, seed=1), logits_of(8, share, seed=2)

    found = statistics.verdict("accuracy", first, second, LABELS, 0.08)

    t_test = stats.ttest_rel(accuracies(first), accuracies(second))
    assert found.kind == kind == decision("accuracy", first, second, LABELS, 0.08)[0]
    assert (found.low, found.high) == pytest.approx(tuple(t_test.confidence_interval(0.90)))
    assert (found.wide_low, found.wide_high) == pytest.approx(tuple(t_test.confidence_interval(0.95)))
    assert f"are {kind}: " in found.text


def test_several_pairs_share_the_five_percent_of_different():
    first, second = logits_of(8, 0.8, seed=1), logits_of(8, 0.7, seed=2)

    found = statistics.verdict("accuracy", first, second, LABELS, 0.05, pairs=6)

    wide = stats.ttest_rel(accuracies(first), accuracies(second)).confidence_interval(1 - 0.05 / 6)
    assert (found.wide_low, found.wide_high) == pytest.approx(tuple(wide))


def test_every_seed_has_mcnemars_exact_test():
    first, second = logits_of(3, 0.8, seed=1), logits_of(3, 0.7, seed=2)

    found = statistics.verdict("accuracy", first, second, LABELS, 0.05, seeds=(4, 5, 6))

    right = [(logits[..., 0] > 0) == LABELS for logits in (first, second)]
    for number, (test, one, other) in enumerate(zip(found.seed_tests, *right, strict=True)):
        table = [[(one & other).sum(), (one & ~other).sum()], [(~one & other).sum(), (~one & ~other).sum()]]
        assert test.seed == 4 + number
        assert test.p_value == pytest.approx(mcnemar(table, exact=True).pvalue)
        assert (test.only_first_right, test.only_second_right) == (table[0][1], table[1][0])


def test_the_bootstraps_areas_are_scikit_learns():
    logits = scores_of(2, 1.0, seed=1)

    found = bootstrap(logits, LABELS)

    assert found[:, 0] == pytest.approx([metrics.score("roc_auc", one, LABELS) for one in logits])


def test_the_paired_bootstrap_agrees_with_scipys():
    first, second = scores_of(1, 1.2, seed=1), scores_of(1, 0.9, seed=2)

    (test,) = statistics.verdict("roc_auc", first, second, LABELS, 0.05).seed_tests

    def difference(*chosen: np.ndarray) -> float:
        numbers = np.concatenate(chosen)
        one, other = (metrics.score("roc_auc", logits[0, numbers], LABELS[numbers]) for logits in (first, second))
        return one - other

    strata = [np.flatnonzero(label == LABELS) for label in (0, 1)]
    scipys = stats.bootstrap(strata, difference, n_resamples=300, vectorized=False, method="percentile", rng=1)
    interval = scipys.confidence_interval
    assert test.difference == pytest.approx(difference(*strata))
    chance = 0.1 * (interval.high - interval.low)  # a quantile of 300 resamples has a standard error of 4 % of it
    assert (test.low, test.high) == pytest.approx(tuple(interval), abs=chance)
    assert (test.p_value < ALLOWED) == (not test.low <= 0 <= test.high)


def test_seeds_without_scatter_are_judged_by_the_test_examples():
    logits = np.repeat(logits_of(1, 0.8, seed=1), 3, axis=0)

    found = statistics.verdict("accuracy", logits, logits, LABELS, 0.02)
    close = statistics.verdict("accuracy", logits, logits, LABELS, 0.005)

    assert found.method == "Clopper-Pearson, over test examples"
    assert (1 - found.high) ** EXAMPLES == pytest.approx(0.05)
    assert (found.kind, close.kind) == ("equivalent", "undecided")


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc"])
def test_one_seed_is_undecided_and_says_how_many_seeds_would_decide(metric: str):
    first, second = scores_of(1, 1.2, seed=1), scores_of(1, 1.2, seed=2)

    found = statistics.verdict(metric, first, second, LABELS, 0.3)

    assert found.kind == "undecided"
    assert found.seeds_to_decide == 2
    assert "one seed" in found.assumption
    assert "about 2 seeds would decide" in found.text


@pytest.mark.parametrize(("gap", "kind"), [(0.3, "equivalent"), (2.0, "different")])
def test_the_number_of_seeds_decides_in_80_percent_of_repetitions(gap: float, kind: str):
    margin, deviation = 0.01, 0.02
    needed = seeds_to_decide(gap * margin, deviation, margin, ALLOWED)

    def share(seeds: int) -> float:
        drawn = np.random.default_rng(0).normal(gap * margin, deviation, (4000, seeds))
        t_tests = [stats.ttest_1samp(drawn, 0, axis=1).confidence_interval(level) for level in (0.9, 0.95)]
        if kind == "equivalent":
            return float(((t_tests[0].low > -margin) & (t_tests[0].high < margin)).mean())
        return float((t_tests[1].low > margin).mean())

    assert share(needed) == pytest.approx(0.8, abs=0.03)  # 4 standard errors of 4,000 repetitions; a seed more or less
    assert share(needed - 5) < 0.8


def test_a_difference_at_the_margin_is_never_decided():
    assert seeds_to_decide(0.01, 0.02, 0.01, ALLOWED) is None


@pytest.mark.lengthy
@pytest.mark.parametrize("metric", MARGINS)
@pytest.mark.parametrize("noise", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("seeds", [2, 5, 20])
def test_false_verdicts_are_at_most_5_percent(metric: str, noise: float, seeds: int):
    assert rates(metric, gap=0, noise=noise, seeds=seeds).different <= ALLOWED
    assert rates(metric, gap=2, noise=noise, seeds=seeds).equivalent <= ALLOWED


@pytest.mark.lengthy
@pytest.mark.parametrize("examples", [40, 200])
@pytest.mark.parametrize("seeds", [1, 2, 6])
def test_false_verdicts_are_at_most_5_percent_on_few_test_examples(seeds: int, examples: int):
    assert decisions(400, seeds, gap=0, examples=examples).count("different") <= ALLOWED * 400
    assert decisions(400, seeds, gap=2, examples=examples).count("equivalent") <= ALLOWED * 400


def test_true_verdicts_are_found_where_the_noise_is_small():
    assert rates("accuracy", gap=0, noise=0.2, seeds=20).equivalent > 0.99
    assert rates("accuracy", gap=2, noise=0.2, seeds=20).different > 0.99


def test_the_summary_names_the_worst_pair():
    tracks = {"torch": 0.8, "keras:jax": 0.8, "keras:torch": 0.6}
    logits = {name: logits_of(8, share, seed) for seed, (name, share) in enumerate(tracks.items())}
    found = [
        statistics.verdict("accuracy", logits[one], logits[other], LABELS, 0.08, names=(one, other))
        for one, other in combinations(tracks, 2)
    ]

    assert "keras:torch are different" in statistics.summary(found)
    assert "(2 of 3 pairs of tracks are different)" in statistics.summary(found)
    assert statistics.summary(found[:1]) == found[0].text
    assert statistics.summary([]) == ""


def test_the_summary_of_equivalent_tracks_counts_them():
    same = logits_of(8, 0.8, seed=1)
    found = [statistics.verdict("accuracy", same, same, LABELS, 0.05, names=names) for names in combinations("abc", 2)]

    assert statistics.summary(found).startswith("all 3 tracks are equivalent: ")
