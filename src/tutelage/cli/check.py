"""`tutelage check`: try everything that could fail late."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tutelage.cli.arguments import AsJson, Recipe, Settings, read_early

if TYPE_CHECKING:
    from rich.console import Console

    from tutelage.pipeline.check import Check

TASKS = 24
"""Tasks whose part of the mixture is printed: those with the largest."""


def check(
    recipe: Recipe,
    settings: Settings = None,
    out: Annotated[Path, typer.Option(help="Where the run would be written.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Preflight: render all data, run the longest batch, answer a prompt, try every gate."""
    import orjson

    overrides = read_early(recipe, settings)
    from tutelage.pipeline.check import check as run_check

    found = run_check(recipe, overrides, out)
    if as_json:
        typer.echo(orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2).decode())
    else:
        show(found)


def show(found: Check) -> None:
    """Print what preflight found."""
    from rich.console import Console
    from rich.text import Text

    from tutelage.report.text import visible

    # Names and tokens are text, whatever brackets are in them.
    console = Console(highlight=False, markup=False)
    for sample in found.samples:
        how = "in green, underlined" if console.is_terminal else "between ⟦ and ⟧"
        console.print(f"{visible(sample.source)}  (trained tokens {how})", soft_wrap=True)
        line = Text()
        marks = [False, *(trained for _, trained in sample.tokens)]
        for (text, trained), before in zip(sample.tokens, marks, strict=False):
            if trained != before and not console.is_terminal:
                line.append("⟦" if trained else "⟧")
            shown = visible(text).replace("\n", "⏎\n")
            line.append(shown, style="underline green" if trained else "dim")
        if marks[-1] and not console.is_terminal:
            line.append("⟧")
        console.print(line, soft_wrap=True)
        console.print()
    counts = found.counts
    console.print(
        f"rows        {counts['read']:,} read = {counts['kept']:,} kept + {counts['changed']:,} "
        f"changed + {counts['truncated']:,} truncated + {counts['dropped']:,} dropped"
    )
    for reason, count in found.reasons.items():
        console.print(f"              {count:,} {reason}")
    splits = ", ".join(f"{number:,} {name}" for name, number in found.splits.items())
    console.print(f"examples    {splits}")
    tasks = ", ".join(
        f"{visible(task)} {number['train']:,}/{number['test']:,}"
        for task, number in found.tasks.items()
    )
    console.print(f"tasks       {tasks} (trained/asked)", soft_wrap=True)
    _show_mixture(found.mixture, console)
    console.print(
        f"tokens      {found.tokens:,}, {found.supervised_tokens:,} of them trained; "
        f"longest sequence {found.longest:,}"
    )
    console.print(
        f"stop token  {' '.join(found.stop_tokens)} trained in {found.stop_trained:,} of "
        f"{found.sequences:,} sequences"
    )
    console.print(
        f"template    {found.template}; {found.drift_checked - found.drift:,} of "
        f"{found.drift_checked:,} sequences have the ids of the text read at once"
    )
    console.print(
        f"training    {found.steps:,} steps, about {_duration(found.seconds_predicted)}; "
        f"peak memory about {found.peak_memory_bytes / 2**30:.1f} GiB"
    )
    if found.memory_parts:
        parts = ", ".join(
            f"{part} {size / 2**20:,.0f}" for part, size in found.memory_parts.items() if size
        )
        console.print(f"memory      {found.memory_settings}", soft_wrap=True)
        console.print(f"              in MiB: {parts}", soft_wrap=True)
    console.print(
        f"disk        {found.disk_needed_bytes / 2**30:.1f} GiB needed, "
        f"{found.disk_free_bytes / 2**30:.1f} GiB free"
    )
    for seen in found.foresight:
        corrected = f"; {seen.tests} tasks are corrected for" if seen.tests > 1 else ""
        shares = {"graded score": seen.graded, "right or wrong": seen.right_or_wrong}
        sizes = [f"{100 * share:.0f} points of 100 ({of})" for of, share in shares.items() if share]
        never = [of for of, share in shares.items() if share is None]
        said = f"4 times in 5: a change of {', '.join(sizes)}" if sizes else ""
        if never:
            said += f"{'; ' if said else ''}too few to find any change ({', '.join(never)})"
        console.print(
            f"can show    with {seen.items:,} items a task, {said}{corrected}", soft_wrap=True
        )
    for note in found.notes:
        console.print(f"note        {visible(note)}", soft_wrap=True)


def _show_mixture(mixture: dict[str, Any], console: Console) -> None:
    """Print what each task gives to the run, those that give most if there are many."""
    from tutelage.report.text import visible

    console.print(f"mixture     {mixture['strategy']}, {mixture['drawn']:,} draws")
    tasks = mixture["tasks"]
    most = set(sorted(tasks, key=lambda task: -tasks[task]["share"])[:TASKS])
    for task, part in tasks.items():
        if task in most:
            console.print(
                f"              {visible(task)}: {part['share']:.1%} of the draws, "
                f"{part['passes']:.3g} passes over {part['examples']:,} examples, "
                f"{part['tokens']:,} tokens",
                soft_wrap=True,
            )
    if len(tasks) > TASKS:
        console.print(f"              and {len(tasks) - TASKS:,} more (--json has all)")


def _duration(seconds: float) -> str:
    from tutelage.train.trackers.console import duration

    return duration(seconds)
