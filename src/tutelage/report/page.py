"""Put the evidence on one page: a single HTML file that asks nothing of anybody.

No script, no request, no inline handler. The content security policy forbids all of them and
allows one style sheet by its hash, so that an escaping mistake would still run nothing. Every
string of data passes `visible` and Jinja's escaping at the one place where expressions are
printed; only figures, which escape for themselves, are markup.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path

import jinja2
from markupsafe import Markup

from tutelage.report import text
from tutelage.report.evidence import Evidence, read_evidence
from tutelage.report.view import loss_verdict, view
from tutelage.rundir import RunFolder, write_text


def build(run: RunFolder) -> Path:
    """Write `report.html` of a run from whatever parts it has, and return its path.

    Raises:
        UserError: a part of the run is damaged or of another schema.
    """
    write_text(run.report, render(read_evidence(run)))
    return run.report


def render(evidence: Evidence) -> str:
    """The page as HTML."""
    return render_template("report.html.jinja", **view(evidence))


def render_template(template: str, /, **values: object) -> str:
    """A page of ours, with the house's style sheet in it."""
    style = resources.files("tutelage.report").joinpath("templates/style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = _templates().get_template(template)
    return page.render(style=Markup(style), style_hash=digest, **values)


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tutelage.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters |= text.FILTERS
    environment.filters |= {"excerpt": text.excerpt, "loss_verdict": loss_verdict}
    environment.tests["flat"] = _is_flat
    return environment


def _is_flat(value: Mapping[str, object]) -> bool:
    """Whether a mapping holds single values, and lists of them, alone."""
    return not any(
        isinstance(one, Mapping) or (isinstance(one, list) and any(map(_is_nested, one)))
        for one in value.values()
    )


def _is_nested(value: object) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _finalize(value: object) -> object:
    """Every printed expression passes here: markup as it is, anything else made visible."""
    return value if isinstance(value, Markup) else text.visible(str(value))
