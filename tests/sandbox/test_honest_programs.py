"""What honest programs do is possible in the sandbox, and comes out as in one process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from isolation import needs_isolation
from tutelage.sandbox import Sandbox, Trial

pytestmark = needs_isolation

HONEST = {
    "asyncio": (
        "import asyncio\nasync def g(x):\n    await asyncio.sleep(0.01)\n    return 2 * x\n"
        "def f(x): return asyncio.run(g(x))",
        "assert f(21) == 42",
    ),
    "threads": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def f(x):\n    with ThreadPoolExecutor(4) as pool: return sum(pool.map(int, [x, x]))",
        "assert f(21) == 42",
    ),
    "temporary files": (
        "import os, shutil, tempfile\ndef f(x):\n"
        "    with tempfile.TemporaryDirectory() as folder:\n"
        "        one, two = os.path.join(folder, 'one'), os.path.join(folder, 'two')\n"
        "        with open(one, 'w') as s: s.write(x)\n        shutil.copy(one, two)\n"
        "        with open(two) as s: return s.read()",
        "assert f('text') == 'text'",
    ),
    "much of the library": (
        "import collections, csv, decimal, difflib, fractions, hashlib, io, json, re, sqlite3\n"
        "import statistics, string, textwrap, unicodedata, uuid, zlib, zoneinfo, xml.etree\n"
        "def f(x): return collections.Counter(x)",
        "assert f('aab') == {'a': 2, 'b': 1}",
    ),
    "printing": ("def f(x):\n    print('x' * 10**6)\n    return x", "assert f(1) == 1"),
    "generators": (
        "def f(n):\n    for i in range(n): yield i",
        "assert list(f(4)) == [0, 1, 2, 3]\nassert next(f(1)) == 0",
    ),
    "its own classes": (
        "from dataclasses import dataclass, field\n@dataclass\nclass f:\n    x: int\n"
        "    kept: list = field(default_factory=list)\n    def add(self, n): self.kept.append(n)",
        "one = f(3)\none.x += 2\none.add(7)\nassert (one.x, one.kept) == (5, [7])\n"
        "assert str(one) == 'f(x=5, kept=[7])'\nassert one == one and one != f(5)",
    ),
    "exceptions": (
        "def f(x):\n    if x < 0: raise ValueError('below zero')\n    return x",
        "try:\n    f(-1)\nexcept ValueError as error:\n    assert 'below' in str(error)\n"
        "else:\n    raise AssertionError('no error')",
    ),
    "arguments changed in place": (
        "def f(a, b, c):\n    a.sort()\n    b['new'] = 1\n    c.clear()",
        "a, b, c = [2, 1], {}, {5}\nf(a, b, c)\nassert (a, b, c) == ([1, 2], {'new': 1}, set())",
    ),
    "values of every kind": (
        "def f(*given, **named): return given, named",
        "given = (None, True, 1.5, float('inf'), 2**100, -(2**60), 1j, 'é\\ud800', b'\\0', [()], "
        "{1: {2}, (3, 4): frozenset()}, int)\n"
        "found, named = f(*given, key=[1])\nassert found == given and named == {'key': [1]}\n"
        "assert list(map(type, found)) == list(map(type, given))",
    ),
    "chance": (
        "import random\ndef f(): return random.random()",
        "import random\nrandom.seed(0)\nassert f() == random.random()",
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_what_honest_programs_do_works(name: str, sandbox: Sandbox) -> None:
    program, checker = HONEST[name]
    verdict = sandbox.judge(Trial(program, checker, ("f",)))
    assert verdict.passed, verdict


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running
