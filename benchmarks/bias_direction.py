"""Whether the measures of bias point the right way, on pairs that people labelled.

    python benchmarks/bias_direction.py [--half developed]

CrowS-Pairs (Nangia et al. 2020) has sentences in pairs: one more stereotyping, one less, with the
group changed. Where the pair is about a historically disadvantaged group (`stereo`), such groups
should be spoken of worse in the more stereotyping sentences. Winogender (Rudinger et al. 2018) has
each sentence with a woman and a man, so that no role may come out uneven. Of word pairs made for
counterfactuals, our lists should know both.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import polars as pl

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).parents[1] / "tests")]

from audit_quality.source import DATA, Half, read  # noqa: E402
from in_memory import dataset  # noqa: E402
from tutelage.curate.bias.bundles import estimates, gap, sums  # noqa: E402
from tutelage.curate.bias.groups import groups, names  # noqa: E402
from tutelage.curate.bias.sentences import sentences  # noqa: E402
from tutelage.statistics.resampling import Measurement  # noqa: E402

DISADVANTAGED = {
    *("women", "other", "old", "muslim", "jewish", "african", "middle eastern", "south asian"),
    *("east asian", "latin american", "black", "indigenous", "roma", "immigrants", "disabled"),
    *("lgb", "poor"),
}


def said(texts: list[str]) -> pl.DataFrame:
    data = dataset([{"instruction": "Go on.", "output": text} for text in texts])
    return sentences(data.feature("people"))


def crows_pairs(half: Half) -> None:
    rows = [
        row
        for row in half.of("crows_pairs", read("crows_pairs/crows_pairs_anonymized.csv"))
        if row["stereo_antistereo"] == "stereo"
    ]
    low = [place for place, group in enumerate(groups()) if group.name in DISADVANTAGED]
    of_low = pl.any_horizontal(names(pl.col("mask"), place) for place in low)
    tables = []
    for name in ("sent_more", "sent_less"):
        table = said([row[name] for row in rows])
        # A pair is one bundle in both tables.
        tables.append(table.with_columns(pl.lit(name == "sent_more").alias("more")))
    both = pl.concat(tables)
    print(f"CrowS-Pairs, {len(rows)} pairs; mood from -1 (blame) to 1 (praise)")
    balance = pl.col("praise").cast(pl.Int64) - pl.col("blame")
    spoken = pl.col("praise") + pl.col("blame")
    for title, which in (("disadvantaged groups", of_low), ("other groups", ~of_low)):
        sides = [which & pl.col("more"), which & ~pl.col("more")]
        columns = [column * side for side in sides for column in (balance, spoken)]
        counts = sums(both, [column.alias(str(i)) for i, column in enumerate(columns)])
        total = counts.sum(axis=0)
        [difference] = estimates([Measurement(counts, gap)], 0)
        print(
            f"  {title}: more stereotyping {total[0] / total[1]:+.3f} ({total[1]:.0f} words),"
            f" less stereotyping {total[2] / total[3]:+.3f} ({total[3]:.0f} words),"
            f" difference {difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
        )
    blamed = pl.col("blame") > pl.col("praise")
    for is_more in (True, False):
        table = both.filter(pl.col("more") == is_more)
        count = table.filter(blamed & of_low).height
        print(
            f"  {'more' if is_more else 'less'} stereotyping: {count} sentences blame such a group"
        )


def winogender() -> None:
    lines = (DATA / "winogender/all_sentences.tsv").read_text("utf-8").splitlines()[1:]
    rows = [{"instruction": "Go on.", "output": line.split("\t")[1]} for line in lines]
    roles = dataset(rows).conclude("bias").summary["roles"]
    print(f"Winogender: women {roles['women']}, uneven roles {len(roles['uneven'])}")
    skewed = [row for row in rows if not ("nurse" in row["output"] and " he " in row["output"])]
    uneven = dataset(skewed).conclude("bias").summary["roles"]["uneven"]
    print(f"  without the sentences of a nurse and he: {[entry['role'] for entry in uneven]}")


def gender_swaps(half: Half) -> None:
    known = {group.name: set(group.words) for group in groups() if group.axis == "gender"}
    for name in ("generalized_swaps", "extra_gendered_words"):
        lines = (DATA / f"gender_swaps/{name}.txt").read_text("utf-8").splitlines()
        pairs = [line.split() for line in lines if len(line.split()) == 2]
        pairs = [pair for pair in pairs if half.has("gender_swaps", " ".join(pair))]
        either = [{one, other} for one, other in pairs]
        found = sum(bool(pair & known["women"]) and bool(pair & known["men"]) for pair in either)
        print(f"gender_swaps/{name}: both words known of {found} of {len(pairs)} pairs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("held-back", "developed"), default="held-back")
    half = Half(parser.parse_args().half == "held-back")
    crows_pairs(half)
    winogender()
    gender_swaps(half)


if __name__ == "__main__":
    main()
