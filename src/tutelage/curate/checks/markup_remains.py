"""Remains of web pages and wikis in responses: tags, entities, citations, templates.

They were layout where the text comes from and are noise in an answer: Dolly's answers that were
pasted from Wikipedia hold "[citation needed]". Where the prompt is about markup, or the response is
code, they belong there.
"""

from __future__ import annotations

import html
import re

import polars as pl

from tutelage.curate.batch import Batch
from tutelage.curate.check import CHECKS, Check
from tutelage.curate.findings import matches, none
from tutelage.curate.text.forms import INDEX_ASKED, MARKUP_ASKED, is_program
from tutelage.curate.text.prompts import with_prompt

TAG = (
    r"(?i)</?(?:p|br|div|span|b|i|u|em|strong|ul|ol|li|table|tr|td|th|tbody|h[1-6]|font"
    r"|center|img|a"
    r"|blockquote|sup|sub|ref|small|hr|code|pre|body|section|article|nowiki|strike|audio|iframe)"
    r"(?:\s+[\w:-]+\s*=[^<>]*|\s[^<>=]{0,3})?\s*/?>"
)
ENTITY = (
    r"&(?:amp|nbsp|lt|gt|quot|apos|mdash|ndash|hellip|lsquo|rsquo|ldquo|rdquo|bull|middot"
    r"|copy|reg|trade"
    r"|euro|pound|deg|times|eacute|egrave|agrave|ouml|uuml|auml|ccedil|shy|laquo|raquo|#\d{2,5}"
    r"|#x[0-9a-fA-F]{2,5});"
)
CITATION = (
    r"(?i)\[(?:citation needed|clarification needed|edit|better source needed|dubious[^\]\n]{0,20}"
    r"|who\?|when\?|by whom\?|according to whom\?|(?:note|nb) \d+)\]"
    r"|\p{Ll}{2}[.,;:)\"”]?\[[1-9]\d{0,2}\](?:\[\d{1,3}\]|\s|[.,;:]|\z)|【\d+[^】\n]{0,20}】"
)
TEMPLATE = (
    r"(?i)\{\{(?:cite|citation|main|see also|lang|convert|infobox|reflist|short description"
    r"|dead link|refn"
    r"|sfn|ipa|as of|efn|quote|webarchive|use dmy)[^{}]*\}\}|\[\[\p{L}[^\[\]\n'\"]{1,80}\]\]"
    r"|\[(?:File|Image):"
    r"|(?:\A|\n)={2,4} ?[^=\n]{1,60} ?={2,4}\s*(?:\n|\z)"
)
ANY = f"{TAG}|{ENTITY}|(?i:{CITATION[4:]})|{TEMPLATE}"
KINDS = {"a tag": TAG, "an entity": ENTITY, "a citation": CITATION, "wiki markup": TEMPLATE}

_CITATION = re.compile(
    r"\s?\[(?:citation needed|clarification needed|edit|better source needed"
    r"|dubious[^\]\n]{0,20}|who\?"
    r"|when\?|by whom\?|according to whom\?|(?:note|nb) \d+)\]"
    r"|(?<=[a-z.,;:)\"”\]])\[[1-9]\d{0,2}\](?=\[|\s|[.,;:]|$)|【\d+[^】\n]{0,20}】",
    re.I,
)
_BREAK = re.compile(r"[ \t]*<br\s*/?>[ \t]*\n?|</(?:p|div|li|tr|h[1-6])>[ \t]*\n?", re.I)
_TAG = re.compile(TAG)
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
_LINK = re.compile(r"\[\[(?:[^\[\]|\n]*\|)?([^\[\]|\n]*)\]\]")
_HEADING = re.compile(r"^={2,4} ?([^=\n]{1,60}?) ?={2,4}\s*$", re.M)


@CHECKS.register("markup_remains")
class MarkupRemains(Check):
    """Tags, entities, citation marks and wiki markup in prose."""

    severity = "warning"
    title = "Remains of markup"
    suggestion = "Remove them (--clean does), and keep the text."
    precision = "0.993 [0.979, 0.997] on Alpaca, Dolly and Code Alpaca with defects put in"
    recall = "0.960 [0.936, 0.975] on Alpaca, Dolly and Code Alpaca with defects put in"

    def find(self, batch: Batch) -> pl.DataFrame:
        """One finding a response and kind, its first remain the evidence."""
        text = pl.col("text")
        texts = batch.of("response").filter(text.str.contains(r"[<&\[{]|==|【"))
        texts = texts.filter(text.str.contains(ANY))
        if texts.is_empty():
            return none()
        texts = with_prompt(texts, batch).filter(
            ~pl.col("prompt").str.contains(MARKUP_ASKED)
            & ~pl.col("prompt").str.contains(r"</?\w+>|\[\d+\]|\{\{|\[\[")
            & ~is_program(text)
            & ~text.str.contains(r"(?i)<(?:!doctype|\?xml|html)")
        )
        return pl.concat(
            [
                matches(
                    texts.filter(~pl.col("prompt").str.contains(INDEX_ASKED))
                    if name == "a citation"
                    else texts,
                    pattern,
                    f"{name}: “" + pl.col("match").str.strip_chars() + "”",
                )
                for name, pattern in KINDS.items()
            ]
        )

    def fix(self, text: str) -> str | None:
        """The text without the markup: breaks become lines, links their text."""
        text = _LINK.sub(r"\1", _TEMPLATE.sub("", _HEADING.sub(r"\1", text)))
        text = _CITATION.sub("", _TAG.sub("", _BREAK.sub("\n", text)))
        return html.unescape(text).replace("\xa0", " ").strip() or None
