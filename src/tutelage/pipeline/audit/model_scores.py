"""Scores of every row's response by a local model, for `audit --model`.

Checks of the whole and selection read them as the columns `model`. A model takes seconds for what
rules do in a microsecond, so rows are scored in blocks of some hundred, and a block is kept under a
digest of all that decides its scores: the model's files, the token ids, the precision and our code.
A killed audit goes on where it was, and one of changed data or other checks scores only what is
new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
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
"""Rows of a block: two minutes' work for a small model on two cores, and enough for prompts that
begin alike to meet."""

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
            folder: where blocks are kept; what is there and not of these rows is removed.

        Returns:
            Columns as in `curate.scores.likelihood.SCORES`, and a summary of them.

        Raises:
            UserError: the data is not what it was.
        """
        folder.mkdir(exist_ok=True)
        rows = responses(examples_again(sources, base, places), self.renderer)
        tables: list[pl.DataFrame] = []
        used: set[Path] = set()
        done = 0
        while block := list(islice(rows, BLOCK)):
            path = folder / f"{digest([self.key, _content(block)])}.arrow"
            tables.append(_scored(self, block, path))
            used.add(path)
            done += len(block)
            stage(f"{done:,} of {len(places):,} rows scored by {self.name}")
        for path in folder.glob("*.arrow"):
            if path not in used:
                path.unlink()
        table = pl.concat(tables)
        return Conclusion(none(), _summary(table, self), table)


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


def _scored(by: Scorer, block: Sequence[Response | None], path: Path) -> pl.DataFrame:
    """The scores of a block, computed if they are not there."""
    if not path.exists():
        found = scores(block, families.get(by.loaded.family), by.loaded.model)
        with replacing(path) as temporary:
            found.write_ipc(temporary)
    return pl.read_ipc(path)


def _content(block: Sequence[Response | None]) -> str:
    """Digest of a block's token ids."""
    ids = repr([one and (one.prompt, one.opening, one.ids) for one in block])
    return hashlib.sha256(ids.encode()).hexdigest()


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
