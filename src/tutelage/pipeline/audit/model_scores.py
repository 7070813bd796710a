"""Scores of every row's response by a local model, for `audit --model`.

Checks of the whole and selection read them as the columns `model`. A model takes a second for what
rules do in some microseconds, so what it said of a row is kept under a digest of all that decides
it: the model's files, the token ids, the precision and our code. A killed audit goes on within some
hundred rows of where it was, and one of changed data scores the rows that are new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

import tutelage
from tutelage.curate.check import Conclusion
from tutelage.curate.findings import none
from tutelage.curate.scores.likelihood import SCORES, scores
from tutelage.curate.scores.responses import Response, responses
from tutelage.data.options import SourceOptions
from tutelage.errors import UserError
from tutelage.model.context import context_length
from tutelage.model.families import families
from tutelage.model.fused import fuse
from tutelage.model.loading import LoadedModel, load
from tutelage.model.options import ModelOptions
from tutelage.pipeline.audit.again import examples_again
from tutelage.pipeline.prepared_key import digest, source_digest
from tutelage.pipeline.stages import stage
from tutelage.pipeline.workbench import set_threads
from tutelage.prompt.options import PromptOptions
from tutelage.prompt.renderer import Renderer
from tutelage.rundir import replacing

BLOCK = 256
"""Rows scored at a time: two minutes' work for a small model on two cores, and enough for prompts
that begin alike to meet."""

KEPT = "scores.arrow"
KEPT_COLUMNS = {"name": pl.String, **SCORES}
"""Scores, under the digest of all that decides them."""

ROOMS = ("curate/scores", "infer", "model", "prompt")
"""Source that decides a score beside the token ids."""

WHERE = "data.audit.model"

QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model that is ready to score rows.

    Attributes:
        name: as the user named it.
        loaded: the model.
        renderer: what makes token ids of rows.
        key: digest of all that decides scores but the ids.
    """

    name: str
    loaded: LoadedModel
    renderer: Renderer
    key: str

    def conclude(
        self, sources: Sequence[SourceOptions], base: Path, places: pl.DataFrame, folder: Path
    ) -> Conclusion:
        """Score all rows of a dataset.

        Args:
            sources: what was audited; read again, for a part holds earlier turns as one text.
            base: what relative paths start from.
            places: `source` and `row` of every row, in order.
            folder: where scores are kept; those that are not of these rows are removed.

        Returns:
            Columns as in `curate.scores.likelihood.SCORES`, null where a row has no response that
            can be scored, and a summary of them.

        Raises:
            UserError: the data is not what it was.
        """
        folder.mkdir(exist_ok=True)
        rows = responses(examples_again(sources, base, places), self.renderer)
        found = _kept(folder)
        known = set(found["name"])
        names: list[str | None] = []
        while block := list(islice(rows, BLOCK)):
            named = [None if one is None else self._name(one) for one in block]
            pairs = zip(named, block, strict=True)
            new = {name: one for name, one in pairs if name and one and name not in known}
            if new:
                found = found.vstack(self._scored(new, folder))
                known.update(new)
            names += named
            stage(f"{len(names):,} of {len(places):,} rows scored by {self.name}")
        _keep(found.filter(pl.col("name").is_in(names)), folder)
        order = pl.DataFrame({"name": names}, schema={"name": pl.String})
        table = order.join(found, on="name", how="left", maintain_order="left").drop("name")
        return Conclusion(none(), _summary(table, self), table)

    def _name(self, response: Response) -> str:
        """Digest of all that decides a response's scores."""
        ids = hashlib.sha256(repr((response.prompt, response.opening, response.ids)).encode())
        return digest([self.key, ids.hexdigest()])

    def _scored(self, new: Mapping[str, Response], folder: Path) -> pl.DataFrame:
        """The scores of new responses by name, once they are in a file."""
        family = families.get(self.loaded.family)
        found = scores(list(new.values()), family, self.loaded.model)
        table = found.select(pl.Series("name", list(new)), pl.all())
        with replacing(folder / f"{digest(new)}.arrow") as temporary:
            table.write_ipc(temporary)
        return table


def scorer(model: str, base: Path) -> Scorer:
    """Load a model to score rows by.

    Args:
        model: an embedded name, a local folder or a hub id.
        base: what a relative path starts from.

    Raises:
        UserError: it cannot be loaded, or is of a kind that does not predict a text token by token.
    """
    set_threads(None)
    stage(f"loading {model}")
    loaded = _loaded(str(base / model) if (base / model).is_dir() else model)
    if loaded.family != "causal":
        raise UserError(
            f"'{model}' is of the family {loaded.family}; rows are scored by decoder-only models",
            where=WHERE,
            fix="name a causal language model, such as smollm2-135m-instruct",
        )
    family = families.get(loaded.family)
    most = PromptOptions().max_tokens
    options = PromptOptions(
        loss_on="last",
        over_long="truncate_response",
        max_tokens=min(most, context_length(loaded.model) or most),
    )
    renderer = Renderer(loaded.tokenizer, options, form=family.form(loaded.model))
    family.probe(loaded.model)
    fuse(family, loaded.model)
    code = source_digest(Path(tutelage.__file__).parent, ROOMS, ("torch", "transformers"))
    key = digest([loaded.fingerprint, str(loaded.dtype), loaded.device.type, code])
    return Scorer(model, loaded, renderer, key)


def _loaded(base: str) -> LoadedModel:
    try:
        return load(ModelOptions(base=base))
    except UserError as error:
        if error.where != "model.base":  # it was not named there
            raise
        raise UserError(error.what, where=WHERE, fix=error.fix) from error


def _kept(folder: Path) -> pl.DataFrame:
    """The scores that earlier audits left, or this one before it was killed."""
    tables = [pl.read_ipc(path) for path in sorted(folder.glob("*.arrow"))]
    readable = [table for table in tables if table.schema == KEPT_COLUMNS]  # not by other versions
    return pl.concat([pl.DataFrame(schema=KEPT_COLUMNS), *readable]).unique("name")


def _keep(found: pl.DataFrame, folder: Path) -> None:
    """Leave these scores in one file."""
    with replacing(folder / KEPT) as temporary:
        found.write_ipc(temporary)
    for path in folder.glob("*.arrow"):
        if path.name != KEPT:
            path.unlink()


def _summary(table: pl.DataFrame, by: Scorer) -> dict[str, Any]:
    """What is true of all rows: how many were scored, and how their scores are spread."""
    known = table.drop_nulls("loss")
    return {
        "model": by.name,
        "fingerprint": by.loaded.fingerprint,
        "precision": str(by.loaded.dtype).removeprefix("torch."),
        "scored": len(known),
        "not_scored": len(table) - len(known),
        **{name: _spread(known[name].drop_nulls()) for name in SCORES if name != "tokens"},
    }


def _spread(values: pl.Series) -> dict[str, float]:
    """Mean and quantiles of values; nothing of none."""
    if values.is_empty():
        return {}
    found = {"mean": values.mean(), **{name: values.quantile(at) for name, at in QUANTILES.items()}}
    return {name: round(float(value), 4) for name, value in found.items()}  # type: ignore[arg-type]
