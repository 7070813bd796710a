"""Programs, judged by their tests: pass@k (Chen et al. 2021, arXiv:2107.03374, section 2.1).

Of n sampled programs for a task, c pass; pass@k is the chance that at least one of k drawn without
replacement does: 1 - C(n - c, k) / C(n, k), unbiased where 1 - (1 - c/n)^k is not. Tests run in
`tutelage.sandbox`, which refuses where it cannot isolate: a program is never run unprotected.

HumanEval's tests call one function, and some call helpers that stand in the prompt; those are taken
from the prompt, not from the answer, which could have changed them. The tests of two of its tasks
(33 and 37) compare the function with itself, here as in the published harness.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import orjson

from tutelage.errors import UserError
from tutelage.metrics.fenced import fenced_code
from tutelage.metrics.metric import METRICS, Floats, Scores, mean_of_sums, mean_statistics
from tutelage.sandbox import Limits, Trial, judge_all

KS = (1, 2, 5, 10, 100)
"""The k that are reported, as far as every task has as many samples."""

_STOPS = re.compile(r"\n(?=class\b|def\b|#|if\b|print\b|```)")
"""Where a completion of a function has gone on to something else (Chen et al., section 2.3)."""


@dataclass(frozen=True)
class CodeTask:
    """What is asked, and the tests of the answer.

    Attributes:
        prompt: source that an answer may merely continue; "" where answers stand by themselves.
        tests: source that raises unless the answer is right.
        names: what the tests use of the answer.
        modules: modules of Python's library that the tests use without importing them.
    """

    prompt: str
    tests: str
    names: tuple[str, ...]
    modules: tuple[str, ...] = ()


def humaneval_task(prompt: str, test: str, entry_point: str) -> CodeTask:
    """A task of HumanEval's form: a function to complete, and `check(candidate)`.

    Raises:
        UserError: the tests are no Python, or need more than Python's library.
    """
    tests = f"{test}\ncheck({entry_point})\n"
    _parsed(tests)
    _parsed(_whole(prompt), "prompt's lines")
    return CodeTask(prompt, tests, (entry_point,))


def mbpp_task(test_list: Sequence[str], setup: str = "", imports: Sequence[str] = ()) -> CodeTask:
    """A task of MBPP's form: assertions, which tell by themselves what the answer must define.

    Raises:
        UserError: there is no assertion; the tests are no Python, or need more than its library.
    """
    if not test_list:
        raise UserError("a task has no tests", fix="give test_list at least one assertion")
    tests = "\n".join((*imports, setup.replace("\r\n", "\n"), *test_list)) + "\n"
    tree = _parsed(tests)
    free, called = _free_names(tree), set(_called(tree))
    modules = tuple(n for n in free if n in sys.stdlib_module_names and n not in called)
    names = [name for name in free if name not in modules] or _called(_parsed(test_list[0]))[:1]
    return CodeTask("", tests, tuple(names), modules)


def program_of(answer: str, task: CodeTask) -> str:
    """The program that an answer gives: a fenced block if it has one, after the prompt's source.

    A block of several is the first that defines what the tests need, or the first. An answer
    without a fence continues the prompt, and is cut where it goes on to something else.
    """
    sources = fenced_code(answer)
    for source in [*sources, answer]:
        if all(_defines(source, name) for name in task.names):
            return f"{_whole(task.prompt)}\n{source}\n"
    if sources:
        return f"{task.prompt}{sources[0]}\n"
    return task.prompt + (_STOPS.split(answer)[0] if task.prompt else answer) + "\n"


def pass_at_k(n: npt.ArrayLike, c: npt.ArrayLike, k: int) -> Floats:
    """The chance that one of k samples is right, from c right ones among n.

    Args:
        n: samples, at least k each.
        c: how many of them passed.
        k: samples drawn.

    Returns:
        One value for each pair of n and c.

    Raises:
        ValueError: fewer than k samples.
    """
    n, c = np.broadcast_arrays(np.asarray(n), np.asarray(c))
    if np.any(n < k):
        raise ValueError(f"pass@{k} needs at least {k} samples of every task")
    # C(n - c, k) / C(n, k) as a product of k ratios, of which none overflows.
    steps = np.arange(k)
    wrong = np.maximum(n[..., None] - c[..., None] - steps, 0) / (n[..., None] - steps)
    chance: Floats = 1.0 - np.prod(wrong, axis=-1)
    return chance


def as_references(task: CodeTask, further: Sequence[str] = ()) -> tuple[str, ...]:
    """A task as `PassAtK` takes it for an item's references.

    Args:
        task: what is asked.
        further: samples of the item beside the one that is its prediction.
    """
    return (orjson.dumps({"task": asdict(task), "further": list(further)}).decode(),)


@dataclass(frozen=True)
class PassAtK:
    """The share of tasks solved by one sample; pass@k for more beside it, where there are more."""

    name: str = "pass_at_k"
    limits: Limits = field(default_factory=Limits)
    scale: ClassVar[Literal[1]] = 1
    higher_is_better: ClassVar[bool] = True
    answers: ClassVar[Literal["tests"]] = "tests"

    def score(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        """Run every sample's program against its task's tests.

        Raises:
            UserError: this machine cannot isolate programs; none has run.
        """
        trials = [
            [_trial(sample, task) for sample in (answer, *further)]
            for answer, (task, further) in zip(predictions, map(_read, references), strict=True)
        ]
        distinct = list(dict.fromkeys(trial for item in trials for trial in item))
        verdicts = dict(zip(distinct, judge_all(distinct, self.limits), strict=True))
        outcomes = [[verdicts[trial].outcome for trial in item] for item in trials]
        n = np.array([len(item) for item in outcomes])
        c = np.array([item.count("passed") for item in outcomes])
        figures = {f"pass_at_{k}": pass_at_k(n, c, k) for k in KS if k <= n.min(initial=KS[-1])}
        return Scores(
            per_item=figures["pass_at_1"],
            statistics=mean_statistics(figures["pass_at_1"]),
            signature=f"{self.name}|k:1|samples:{_range(n)}|estimator:unbiased|tests:isolated"
            f"|seconds:{self.limits.seconds}|memory_mb:{self.limits.memory_mb}",
            details={"outcomes": dict(Counter(each for item in outcomes for each in item))},
            further={name: mean_statistics(values) for name, values in figures.items()},
            verdicts={
                "outcomes": outcomes,
                "reasons": [[verdicts[trial].detail for trial in item] for item in trials],
            },
        )

    def aggregate(self, sums: Floats) -> Floats:
        """The mean over tasks."""
        return mean_of_sums(sums)


def _trial(answer: str, task: CodeTask) -> Trial:
    program = program_of(answer, task)
    return Trial(program, task.tests, task.names, _whole(task.prompt), task.modules)


def _read(reference: Sequence[str]) -> tuple[CodeTask, list[str]]:
    try:
        found = orjson.loads(reference[0])
        task = found["task"]
        names, modules = tuple(task["names"]), tuple(task["modules"])
        return CodeTask(task["prompt"], task["tests"], names, modules), found["further"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        raise UserError(
            "'pass_at_k' needs tests for every item, and found another reference",
            fix="give rows with 'prompt', 'test' and 'entry_point', or with 'test_list'",
        ) from None


def _defines(source: str, name: str) -> bool:
    return re.search(rf"^(?:async def|def|class) +{re.escape(name)}\b", source, re.M) is not None


def _whole(prompt: str) -> str:
    """A prompt as a program by itself: a function without a docstring has no body yet."""
    try:
        ast.parse(prompt)
    except SyntaxError:
        last = prompt.rstrip().split("\n")[-1]
        indent = " " * (len(last) - len(last.lstrip()) + 4)
        return f"{prompt.rstrip()}\n{indent}pass\n"
    return prompt


def _parsed(source: str, what: str = "tests") -> ast.Module:
    """Source as a tree, once it is seen that it can run where only Python's library exists."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"the {what} of a task are no Python: {error}") from None
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [name.name for name in names]
            case ast.ImportFrom(module=str(module), level=0):
                modules = [module]
            case _:
                continue
        for module in modules:
            if module.split(".")[0] not in sys.stdlib_module_names:
                raise UserError(
                    f"the {what} of a task import '{module}'",
                    fix="use what needs Python's own library only, or leave the task out",
                )
    return tree


def _free_names(tests: ast.Module) -> list[str]:
    """Names that the tests use and neither they nor Python define, in the order of their use."""
    bound = set(dir(builtins))
    used: dict[str, None] = {}
    for node in ast.walk(tests):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used[name] = None
            case ast.Name(id=name) | ast.arg(arg=name):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.ExceptHandler(name=str(name)):
                bound.add(name)
            case ast.alias(name=name, asname=other):
                bound.add(other or name.split(".")[0])
    return [name for name in used if name not in bound]


def _called(tests: ast.Module) -> list[str]:
    """What is called by its name, the outermost first.

    So is the function that tests are of: its name may be one of Python's own, or a module's.
    """
    calls = (node.func for node in ast.walk(tests) if isinstance(node, ast.Call))
    return [call.id for call in calls if isinstance(call, ast.Name)]


def _range(n: npt.NDArray[np.int64]) -> str:
    low, high = n.min(initial=1 << 30), n.max(initial=0)
    return str(high) if low >= high else f"{low}-{high}"


METRICS.register("pass_at_k")(PassAtK())
