"""Selection: worth near the best set's, of good quality, the same again."""

from itertools import combinations

import numpy as np
import polars as pl
import pytest

from in_memory import InMemory, dataset
from tutelage.curate.check import Conclusion
from tutelage.curate.examine import FINDINGS
from tutelage.curate.findings import none
from tutelage.curate.select.facility_location import Worth, greedy
from tutelage.curate.select.k_centre import farthest
from tutelage.curate.selection import METHODS, WARNED, quality_of, select
from tutelage.data.audit_options import AuditOptions
from tutelage.errors import UserError

TOPICS = {
    "bread": "Explain how to bake bread with rye flour, recipe number {}.",
    "code": "Write a Python function that sorts a list of {} integers.",
    "opera": "Who composed the opera that was sung on evening {} of the season?",
}
ROWS = [
    {"instruction": text.format(number), "input": "", "output": f"An answer, {number}."}
    for text in TOPICS.values()
    for number in range(8)
]


def findings(*lines: tuple[int | None, str, str]) -> pl.DataFrame:
    rows = [{"id": at, "check": check, "severity": severity} for at, check, severity in lines]
    return pl.DataFrame(rows, schema=FINDINGS)


def rows_with_scores(*ifd: float | None) -> InMemory:
    """The rows with made-up scores by a model, of which all but the first few have an IFD of ½."""
    data = dataset(ROWS)
    table = pl.DataFrame({"ifd": [*ifd, *[0.5] * (len(ROWS) - len(ifd))]})
    data.concluded["model"] = Conclusion(none(), {}, table)
    return data


def options(method: str, count: int, seed: int = 0) -> AuditOptions:
    return AuditOptions(select=count, select_by=method, seed=seed)


def value(worth: np.ndarray, chosen: tuple[int, ...]) -> float:
    return float(worth[:, chosen].max(axis=1).sum())


def sparse(worth: np.ndarray) -> Worth:
    """(rows, candidates) as the greedy choice takes it."""
    candidate, row = np.nonzero(worth.T)
    starts = np.searchsorted(candidate, np.arange(worth.shape[1] + 1))
    return Worth(starts, row, worth[row, candidate], len(worth))


@pytest.mark.parametrize("seed", range(20))
def test_the_greedy_set_is_worth_what_is_proved_and_what_the_plain_one_is(seed: int) -> None:
    draw = np.random.default_rng(seed)
    worth = draw.random((9, 9)) * (draw.random((9, 9)) < 0.6)
    chosen = greedy(sparse(worth), np.ones(9), 3)
    best = max(value(worth, some) for some in combinations(range(9), 3))
    assert value(worth, tuple(chosen)) >= (1 - 1 / np.e) * best
    plain: list[int] = []
    for _ in range(3):
        rest = [at for at in range(9) if at not in plain]
        plain.append(max(rest, key=lambda at: value(worth, (*plain, at))))
    assert value(worth, tuple(chosen)) == pytest.approx(value(worth, tuple(plain)))


@pytest.mark.parametrize("seed", range(20))
def test_centres_are_no_more_than_twice_as_far_as_the_best(seed: int) -> None:
    vectors = np.random.default_rng(seed).normal(size=(10, 4))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)

    def radius(some: tuple[int, ...]) -> float:
        return float(apart[:, some].min(axis=1).max())

    chosen, _ = farthest(vectors, np.ones(10), 3)
    best = min(radius(some) for some in combinations(range(10), 3))
    assert radius(tuple(chosen)) <= 2 * best + 1e-6


def test_quality_is_what_was_found() -> None:
    found = findings(
        (0, "a", "error"),
        (1, "a", "warning"),
        (1, "a", "warning"),
        (2, "a", "warning"),
        (2, "b", "warning"),
        (3, "a", "info"),
        (None, "empty_field", "error"),
    )
    assert quality_of(found, 5).tolist() == pytest.approx([0, WARNED, WARNED**2, 1, 1])


@pytest.mark.parametrize("method", METHODS.names())
def test_a_selection_names_each_row_once_with_a_reason_and_is_the_same_again(method: str) -> None:
    data = rows_with_scores()
    chosen = select(data, findings(), options(method, 7))
    assert chosen["at"].n_unique() == len(chosen) == 7
    assert chosen["rank"].to_list() == list(range(7))
    assert chosen["reason"].str.contains("quality 1").all()
    assert select(rows_with_scores(), findings(), options(method, 7)).equals(chosen)
    everything = select(data, findings(), options(method, len(ROWS)))
    assert sorted(everything["at"]) == list(range(len(ROWS)))


@pytest.mark.parametrize("method", ["facility_location", "k_centre"])
def test_every_topic_is_chosen_from_and_no_row_with_an_error(method: str) -> None:
    broken = findings(*((at, "a", "error") for at in range(0, len(ROWS), 2)))
    chosen = select(dataset(ROWS), broken, options(method, 3))["at"]
    assert {at // 8 for at in chosen} == {0, 1, 2}
    assert all(at % 2 for at in chosen)


def test_a_covering_row_says_how_many_it_covers() -> None:
    reasons = select(dataset(ROWS), findings(), options("facility_location", 3))["reason"]
    covered = reasons.str.extract(r"^covers (\d+) rows").cast(pl.Int64)
    assert covered.sum() == len(ROWS)


def test_what_is_hard_but_helped_by_its_prompt_is_chosen_by_ifd() -> None:
    data = rows_with_scores(0.99, 1.0, None, 0.9, 0.2, 0.8, 0.95)
    found = findings((0, "a", "error"), (3, "a", "warning"))
    chosen = select(data, found, options("ifd", 3))
    assert chosen["at"].to_list() == [6, 5, 3]
    assert chosen["reason"][0] == "IFD 0.950; quality 1"
    with pytest.raises(UserError, match="23 rows are to be selected, and 21 without errors"):
        select(data, found, options("ifd", 23))


def test_random_rows_follow_the_seed() -> None:
    data = dataset(ROWS)
    first, other = (select(data, findings(), options("random", 9, seed))["at"] for seed in (1, 2))
    assert first.to_list() != other.to_list()


def test_more_than_are_fit_is_told() -> None:
    broken = findings(*((at, "a", "error") for at in range(20)))
    with pytest.raises(UserError, match="5 rows are to be selected, and 4 are fit to be"):
        select(dataset(ROWS), broken, options("k_centre", 5))
