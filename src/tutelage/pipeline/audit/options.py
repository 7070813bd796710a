"""What a command line asks for, as a recipe's `data`: one way to say what is read and how."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tutelage.data.options import DataOptions
from tutelage.recipe import data_to_audit, load, of_data


def asked(data: Sequence[str], overrides: Sequence[str] = ()) -> tuple[DataOptions, Path]:
    """The data that is named, and the folder that relative paths in it start from.

    Args:
        data: files, folders, globs or hub datasets; or one recipe, whose `data.train` is meant.
        overrides: settings of the recipe, such as `data.audit.language=en`.

    Raises:
        UserError: a setting or the recipe cannot be used.
    """
    if len(data) == 1 and Path(data[0]).suffix in (".yaml", ".yml") and Path(data[0]).is_file():
        loaded = load(data[0], overrides)
        return loaded.resolved().data, loaded.folder
    loaded = of_data(data, overrides)
    return data_to_audit(loaded.recipe), loaded.folder
