"""Tables on the terminal: plain columns, of which no figure is ever cut.

Where a table is wider than the terminal, or than the 80 columns that a file or a pipe counts as,
its lines are as long as they must be.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import TextType

WIDEST = 10_000


def table(left: Iterable[TextType], right: Iterable[TextType]) -> Table:
    """A table without rules.

    Args:
        left: heads of the columns of words, which come first.
        right: heads of those of numbers.
    """
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for head in left:
        made.add_column(head, no_wrap=True)
    for head in right:
        made.add_column(head, justify="right", no_wrap=True)
    return made


def print_table(made: Table) -> None:
    """Print it, wider than the terminal if it must be."""
    from rich.console import Console

    needed = Console(width=WIDEST).measure(made).maximum
    console = Console(highlight=False, markup=False)
    Console(width=max(console.width, needed), highlight=False, markup=False).print(made)
