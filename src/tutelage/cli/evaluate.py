"""`tutelage eval`: compare a run's tuned model with its base, two models behind endpoints, or any
run or model by suites.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from tutelage.cli.arguments import AsJson, Overwrite, Settings, each_alone
from tutelage.errors import UserError


def evaluate(
    run: Annotated[
        str | None,
        typer.Argument(
            help="Run folder, or a model (--suite); or with --out a recipe, of models at endpoints."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Run folder to make, for a recipe; folder for suites."),
    ] = None,
    suite: Annotated[
        list[str] | None,
        typer.Option(
            help="A suite to ask (`tutelage suites` lists them), or all; may be repeated.",
            callback=each_alone("--suite"),
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Run or model to compare with; of a run its own base by default."),
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="A first look: 15 questions of a suite, answers of 256 tokens.")
    ] = False,
    endpoint: Annotated[
        str | None, typer.Option(help="Address to ask --base and --tuned at; by default OpenAI's.")
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="Name of the base model at the endpoint.")
    ] = None,
    tuned: Annotated[
        str | None, typer.Option(help="Name of the tuned model at the endpoint.")
    ] = None,
    settings: Settings = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Ask base and tuned model the held-out items, or suites, and compare them, paired."""
    import orjson

    named = {"base": base, "tuned": tuned}
    overrides = [
        *(_at(endpoint, run) if endpoint else []),
        *(settings or []),
        *(f"evaluate.endpoint.{key}={json.dumps(value)}" for key, value in named.items() if value),
    ]
    if base and against:
        raise UserError(
            f"two models to compare with: {against} (--against) and {base} (--base)",
            fix="leave one out",
        )
    if suite or against or quick or run is None or (Path(run) / "config.json").is_file():
        _by_suites(run, suite or [], against, out, overrides, quick=quick, as_json=as_json)
        return
    where = Path(run)
    metrics = _metrics(where, out, overrides, overwrite=overwrite)
    if as_json:
        typer.echo(orjson.dumps(metrics, option=orjson.OPT_INDENT_2).decode())
        end(metrics)
        return
    show(metrics)
    typer.echo(f"report: {out / 'report.html'}" if out else f"next: tutelage report {run}")
    end(metrics)


def _by_suites(
    name: str | None,
    suites: list[str],
    against: str | None,
    out: Path | None,
    settings: list[str],
    *,
    quick: bool,
    as_json: bool,
) -> None:
    """Ask suites of a run or a model, and tell what they came to."""
    import orjson

    from tutelage.cli.suites import show_results
    from tutelage.pipeline.suites.evaluate import evaluate_suites

    results = evaluate_suites(
        name, suites, against=against, out=out, quick=quick, overrides=settings
    )
    if as_json:
        typer.echo(orjson.dumps(results, option=orjson.OPT_INDENT_2).decode())
    else:
        show_results(results)
        typer.echo(f"results: {results['folder']}")
        page = Path(results["folder"]) / "report.html"  # a run's own suites are in the run's
        if page.exists():
            typer.echo(f"report: {page}")
    end(results)


def end(metrics: dict[str, Any]) -> None:
    """Exit code 1 if a condition of `evaluate.fail_if` holds, of a run or of suites."""
    conditions = metrics.get("failed", [])
    for condition in conditions:
        typer.echo(f"failed: {condition}", err=True)
    if conditions:
        raise typer.Exit(1)


def _at(address: str, run: str | None) -> list[str]:
    """The settings that have both models at an address.

    The key that the recipe names is of the host that the recipe names, and sent to no other.
    """
    from tutelage.infer.options import EndpointOptions, host_of
    from tutelage.recipe import load
    from tutelage.rundir import RunFolder

    before = EndpointOptions().url
    if run is not None and Path(run).is_file():
        before = load(Path(run)).recipe.evaluate.endpoint.url
    elif run is not None and (Path(run) / "recipe.yaml").is_file():
        before = load(RunFolder.open(run).recipe).recipe.evaluate.endpoint.url
    settings = {"url": json.dumps(address), "tuned_url": "null"}
    if host_of(address) != host_of(before):
        settings["key_variable"] = "null"
    return [f"evaluate.endpoint.{key}={value}" for key, value in settings.items()]


def _metrics(
    run: Path, out: Path | None, overrides: list[str], *, overwrite: bool
) -> dict[str, Any]:
    """Do the job; a model here, and torch with it, is loaded only if one of the two is here."""
    from tutelage.recipe import to_tune
    from tutelage.rundir import RunFolder

    if out is not None and not run.exists():
        raise UserError(
            "expected a recipe, of models at endpoints; found nothing there",
            where=str(run),
            fix=f"to ask a model: tutelage eval {run} --suite NAME (`tutelage suites` lists them)",
        )
    if out is not None:
        from tutelage.pipeline.endpoints import compare_endpoints

        if run.is_dir():
            raise UserError("a run is evaluated where it is", where=str(run), fix="leave out --out")
        return _with_suites(out, compare_endpoints(run, out, overrides, overwrite=overwrite), [])
    if run.is_file():
        raise UserError(
            "expected a run folder, found a file",
            where=str(run),
            fix="give the folder of a run, or for models at endpoints add --out RUN, --base NAME "
            f"and --tuned NAME; {to_tune(run)}",
        )
    if overwrite:
        raise UserError("--overwrite belongs to --out", fix="leave it out")
    folder = RunFolder.open(run)
    from tutelage.pipeline import endpoints

    if endpoints.is_elsewhere(folder):
        return _with_suites(run, endpoints.again(run, overrides), overrides)
    from tutelage.pipeline.evaluate import evaluate as job

    return job(run, overrides)


def _with_suites(run: Path, metrics: dict[str, Any], overrides: list[str]) -> dict[str, Any]:
    """The metrics of a run of models at endpoints, once they were asked its recipe's suites too."""
    from tutelage.recipe import load
    from tutelage.rundir import RunFolder, read_json

    folder = RunFolder.open(run)
    if not load(folder.recipe, overrides).recipe.evaluate.suites:
        return metrics
    from tutelage.pipeline.suites.evaluate import evaluate_suites

    evaluate_suites(run, overrides=overrides)
    found: dict[str, Any] = read_json(folder.metrics)
    return found


def show(metrics: dict[str, Any]) -> None:
    """Print the primary metric of every task and the verdict."""
    from rich.console import Console
    from rich.text import Text

    from tutelage.cli.suites import COLOURS
    from tutelage.cli.tables import print_table, table
    from tutelage.evaluate.direction import better
    from tutelage.report.text import visible

    made = table(("task", "metric"), ("n", "base", "tuned", "difference", "p (Holm)"))
    for row in metrics.get("comparison", []):
        if not row["primary"]:
            continue
        digits = 1 if row["scale"] == 100 else 3
        good = better(row["difference"], row["higher_is_better"])
        colour = COLOURS[good] if row["significant"] else ""
        numbers = [f"{row[key]:.{digits}f}" for key in ("base", "tuned")]
        change, low, high = (f"{n:+.{digits}f}" for n in (row["difference"], *row["interval"]))
        made.add_row(
            Text(f"{visible(row['task'])}{' *' if row['held_out'] else ''}"),
            row["metric"],
            str(row["items"]),
            *numbers,
            Text(f"{change} [{low}, {high}]"),
            f"{row['p_corrected']:.4f}",
            style=colour,
        )
    # Names are text, whatever brackets are in them.
    console = Console(highlight=False, markup=False)
    print_table(made)
    for name, found in metrics.get("endpoints", {}).items():
        console.print(_account(name, found))
    percent = f"{100 * metrics['confidence']:g} %"
    held_out = any(row["held_out"] for row in metrics.get("comparison", []))
    mark = "* held out of training; " if held_out else ""
    console.print(f"{mark}in brackets the {percent} interval")
    for note in metrics.get("evaluation", {}).get("notes", []):
        console.print(f"note: {visible(note)}", soft_wrap=True)
    if forgetting := metrics.get("forgetting"):
        low, high = forgetting["interval"]
        console.print(
            f"general text: {forgetting['difference']:+.3f} nats a token "
            f"({low:+.3f} to {high:+.3f}); more is forgetting",
        )
    if suites := metrics.get("suites"):
        from tutelage.cli.suites import show_results

        show_results(suites)
    if verdict := metrics.get("verdict"):
        console.print(verdict["sentence"], style="bold")


def _account(name: str, found: dict[str, Any]) -> str:
    """What asking a model at an endpoint came to, on a line."""
    from tutelage.report.text import visible

    parts = [
        f"{name}: {visible(found['model'])} answered {found['answered']} of {found['items']}",
        f"{found['prompt_tokens']:,} + {found['answer_tokens']:,} tokens",
    ]
    if found["cost"] is not None:
        parts.append(f"cost {found['cost']:.4g}")
    parts += [f"{count} {kind}" for kind, count in found["failures"].items()]
    return ", ".join(parts)
