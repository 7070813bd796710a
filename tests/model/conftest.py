"""Fixtures of the model tests: what `tiny_models` makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils import logging

import tiny_models


@pytest.fixture(autouse=True)
def _no_progress_bars() -> None:
    logging.disable_progress_bar()


@pytest.fixture
def tiny_model() -> Callable[..., PreTrainedModel]:
    """A function from an architecture's name to a random model of it, the same every time."""
    return tiny_models.make_model


@pytest.fixture
def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with a chat template."""
    return tiny_models.make_tokenizer()


@pytest.fixture
def tiny_folder(tmp_path: Path) -> Callable[..., Path]:
    """A function that saves a tiny model with its tokenizer and gives the folder."""

    def make(kind: str = "llama", **changes: object) -> Path:
        return tiny_models.save_folder(tmp_path / f"{kind}-base", kind, **changes)

    return make
