"""Which texts follow the rules of prose: patterns that tell code, markup and verse apart.

Most false alarms of rules about text come from texts that are not prose: code repeats itself and
holds angle brackets, songs have refrains, lists and headlines end without a full stop. Each pattern
here is for Rust's regex crate, asked only of the few texts that a cheaper rule has found; word
boundaries are ASCII ones, because the Unicode kind makes a search six times slower.
"""

from __future__ import annotations

import polars as pl

_PROGRAM = (
    r"(?m)^\s*```|[;{]\s*$|^\s*\}\s*$"
    r"|^\s*(?:def|class|function|async|public|private|static|struct|package|func|fn|sub)(?-u:\b)"
    r".*[({:]"
    r"|^\s*(?:for|while|if|elif|else|switch|try|except|catch|with)(?-u:\b).*[:{)]\s*$"
    r"|^\s*(?:import|from|using|#include|require|SELECT|INSERT|UPDATE|DELETE FROM|CREATE TABLE"
    r"|ALTER TABLE|select)\s+[\w<\"'*.]+"
    r"|^\s*(?:const|let|var|int|char|float|double|String)\s+\w+"
    r"|^\s*[\w.\[\]\"']+\s*(?:[-+*/]?=)\s*\S|^\s*(?:print|puts|echo|return|console\.log)(?-u:\b)"
    r"|^\s*#!"
)
_MARKUP = r"(?m)^\s*<[!?a-zA-Z/][^>]*>"

VERSE_ASKED = (
    r"(?i)(?-u:\b)(?:poem|poetry|haiku|song|lyric|rap|verse|stanza|rhym|chorus|sonnet"
    r"|limerick|ballad"
    r"|chant|refrain|hymn|mantra|nursery|jingle|ode)"
)
REPETITION_ASKED = (
    r"(?i)(?-u:\b)(?:repeat|repetit|times|duplicat|pattern|copies|anaphora|onomatop|tongue.twister"
    r"|stutter|replicate|binary|matrix|matrices|grid|ascii|banner)"
)
MARKUP_ASKED = (
    r"(?i)(?-u:\b)(?:html|xml|xhtml|svg|css|jsx|react|angular|vue|web ?page|markup|tags?|json|entit"
    r"|escape|wiki ?(?:text|markup|page)|latex|code|script|href|rss|bold|italic|highlight|embed"
    r"|underline|button|dropdown|hyperlink|mathml)"
)
INDEX_ASKED = (
    r"(?i)(?-u:\b)(?:algorithm|pseudocode|array|index|matrix|function|program|citation|cite)"
)
_VERSE = r"(?m)\A\s*(?:^.{1,70}\n\s*){5,}"


def is_program(text: pl.Expr) -> pl.Expr:
    """Whether a text is, or holds, lines of a program."""
    return text.str.contains(_PROGRAM)


def is_code(text: pl.Expr) -> pl.Expr:
    """Whether a text is, or holds, lines of a program or of markup."""
    return is_program(text) | text.str.contains(_MARKUP)


def is_verse(text: pl.Expr) -> pl.Expr:
    """Whether a text is set in many short lines, as poems and songs are."""
    return text.str.contains(_VERSE)
