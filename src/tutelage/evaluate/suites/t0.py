"""Prompts of T0 over many datasets, each in several wordings (Sanh et al. 2022, arXiv:2110.08207).

A row is a prompt and a completion; a file is a template, called by its dataset and the template's
name. Prompts of more than `MOST_WORDS` words are left out: the paper cuts inputs at 1,024 tokens,
and here nothing is cut. ROUGE-L decides, since completions are of all kinds; exact match stands
beside it. The paper ranks the answers of classifications by likelihood: values are not its.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tutelage.data.options import SourceOptions
from tutelage.evaluate.answered import asked, measured, readings
from tutelage.evaluate.measure import Measure
from tutelage.evaluate.question import Question, Reply
from tutelage.evaluate.suite import SUITES, Given, NotAsked, Suite

DATASETS = (
    "adversarial_qa_dbert",
    "ag_news",
    "amazon_polarity",
    "app_reviews",
    "cnn_dailymail_3_0_0",
    "common_gen",
    "commonsense_qa",
    "cosmos_qa",
    "dbpedia_14",
    "dream",
    "duorc_ParaphraseRC",
    "glue_mrpc",
    "imdb",
    "kilt_tasks_hotpotqa",
    "multi_news",
    "paws_labeled_final",
    "quarel",
    "quartz",
    "quoref",
    "rotten_tomatoes",
    "samsum",
    "sciq",
    "social_i_qa",
    "trec",
    "wiki_bio",
    "xsum",
    "yelp_review_full",
)
"""Those that files are known to be of; another file is a dataset of its own."""
METRICS = ("rougeL", "exact_match")
MOST_WORDS = 600
LONGEST = 96


class T0(Suite):
    """Prompts of many datasets."""

    area = "generalisation"
    title = "prompts over many datasets, each in several wordings: T0's"
    data = "t0"

    def questions(self, given: Given) -> list[Question]:
        """One a row of every file, each dataset a part."""
        folder = given.path(self.data)
        files = [folder] if folder.is_file() else sorted(folder.glob("*.jsonl"))
        if not files:
            raise NotAsked(f"{folder} has no *.jsonl files")
        rows = readings([SourceOptions(path=str(path)) for path in files], answered=True)
        short = [row for row in rows if len(row.example.prompt[-1].content.split()) <= MOST_WORDS]
        if not short:
            raise NotAsked(f"every prompt in {folder} has more than {MOST_WORDS} words")
        return [
            replace(
                question,
                key=f"{Path(row.example.source.file).stem}-{row.example.source.row}",
                task=dataset_of(Path(row.example.source.file).stem),
                max_new_tokens=LONGEST,
            )
            for row, question in zip(short, asked(given, short), strict=True)
        ]

    def measures(
        self, given: Given, questions: Sequence[Question], replies: Sequence[Reply]
    ) -> list[Measure]:
        """ROUGE-L and exact match, of all and of each dataset."""
        return measured(replace(given, metrics=METRICS), questions, replies)


def dataset_of(template: str) -> str:
    """The dataset that a file is of, by its name without ending."""
    known = [name for name in DATASETS if template.startswith(f"{name}_")]
    return max(known, key=len) if known else template


SUITES.register("t0")(T0())
