"""`tutelage score`: values, intervals and per-row values of a file; every bad row is explained."""

import gzip
import json

import orjson
import pytest
import sacrebleu
import typer
from typer.testing import CliRunner

from tutelage.cli.score import score as command
from tutelage.errors import UserError
from tutelage.pipeline.score import score

TEXTS = [
    ("the cat sat on the mat", ["the cat sat on a rug"]),
    ("Paris", ["paris", "Lutetia"]),
    ("", ["nothing at all"]),
]
TAGS = [
    (["B-PER", "I-PER", "O"], [["B-PER", "I-PER", "O"]]),
    (["O", "B-LOC"], [["O", "B-PER"]]),
]


@pytest.fixture
def write(tmp_path):
    def write(*rows, name="rows.jsonl"):
        path = tmp_path / name
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write


def as_rows(pairs):
    return [{"prediction": p, "references": r, "id": "kept"} for p, r in pairs]


def test_values_intervals_and_signatures(write):
    result = score(write(*as_rows(TEXTS)), ["bleu", "exact_match", "token_f1"], resamples=500)

    assert result["n"] == 3
    assert list(result["metrics"]) == ["bleu", "exact_match", "token_f1"]
    bleu = sacrebleu.BLEU()
    streams = [[r[0] for _, r in TEXTS], [r[1] if len(r) > 1 else None for _, r in TEXTS]]
    expected = bleu.corpus_score([p for p, _ in TEXTS], streams)
    assert result["metrics"]["bleu"]["value"] == expected.score
    assert result["metrics"]["bleu"]["signature"] == str(bleu.get_signature())
    assert result["metrics"]["exact_match"]["value"] == pytest.approx(1 / 3)
    low, high = result["metrics"]["exact_match"]["interval"]
    assert 0 <= low <= 1 / 3 <= high <= 1
    assert (
        score(write(*as_rows(TEXTS)), ["bleu"], resamples=500)["metrics"]["bleu"]
        == (result["metrics"]["bleu"])
    )


def test_tags_as_lists_or_as_a_models_text(write):
    listed = score(write(*as_rows(TAGS)), ["entity_f1"], resamples=100)
    assert listed["metrics"]["entity_f1"]["value"] == 0.5
    assert listed["metrics"]["entity_f1"]["details"]["types"]["PER"]["support"] == 2

    text = [(" ".join(p), [" ".join(tags) for tags in r]) for p, r in TAGS]
    assert score(write(*as_rows(text)), ["entity_f1"], resamples=100) == listed
    one_list = [(p, r[0]) for p, r in TAGS]
    assert score(write(*as_rows(one_list)), ["entity_f1"], resamples=100) == listed


def test_items_hold_the_values_of_each_row(write, tmp_path):
    out = tmp_path / "made" / "items.jsonl"
    path = write(*as_rows(TEXTS), "", "  ")
    result = score(path, ["exact_match", "rougeL"], items_out=out, resamples=100)

    rows = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    assert [row["row"] for row in rows] == [0, 1, 2]
    for name in ("exact_match", "rougeL"):
        mean = sum(row[name] for row in rows) / len(rows)
        assert mean == pytest.approx(result["metrics"][name]["value"])


def test_items_replace_earlier_ones_and_no_other_file(write, tmp_path):
    path, out = write(*as_rows(TEXTS)), tmp_path / "items.jsonl"
    score(path, ["exact_match"], items_out=out, resamples=100)
    score(path, ["rougeL"], items_out=out, resamples=100)
    assert "rougeL" in orjson.loads(out.read_bytes().splitlines()[0])

    other = tmp_path / "notes.txt"
    other.write_text("mine", encoding="utf-8")
    for mine in (path, other):
        before = mine.read_bytes()
        with pytest.raises(UserError, match="would overwrite a file") as caught:
            score(path, ["exact_match"], items_out=mine, resamples=100)
        assert caught.value.where == str(mine) and caught.value.fix
        assert mine.read_bytes() == before


def test_a_note_where_an_empty_answer_would_be_right(write):
    letters = [("A", ["A"]), ("C", ["A"]), ("", ["B"]), ("!", ["?!", "..."])]
    found = score(write(*as_rows(letters)), ["exact_match", "bleu"], resamples=100)
    assert found["metrics"]["exact_match"]["value"] == 0.5  # SQuAD's rule: "A" is an article
    (note,) = found["notes"]
    assert note.startswith("exact_match would call an empty answer right on 3 of 4 items")
    assert "'A'" in note and "exact_text" in note
    assert "notes" not in score(write(*as_rows(letters)), ["exact_text"], resamples=100)
    assert "notes" not in score(write(*as_rows(TEXTS)), ["exact_match"], resamples=100)
    assert "notes" not in score(write(*as_rows(TAGS)), ["entity_f1"], resamples=100)


def test_reads_gzip(write, tmp_path):
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(write(*as_rows(TEXTS)).read_bytes()))
    assert score(packed, ["chrf"], resamples=100)["n"] == 3


GOOD = {"prediction": "a", "references": ["a"]}


@pytest.mark.parametrize(
    ("bad", "metric", "problem"),
    [
        ('{"prediction": "a"', "bleu", "not JSON"),
        ('{"prediction": NaN, "references": ["a"]}', "bleu", "not JSON"),
        ('["a", "b"]', "bleu", "found a list of 2, expected an object"),
        ({"references": ["a"]}, "bleu", "'prediction' is missing: found only 'references'"),
        ({"prediction": None, "references": ["a"]}, "bleu", "'prediction' is missing: found null"),
        ({"prediction": "a"}, "bleu", "'references' is missing"),
        ({"prediction": "a", "references": "a"}, "bleu", "found 'a', expected a list"),
        ({"prediction": "a", "references": []}, "bleu", "at least one reference"),
        ({"prediction": 3, "references": ["3"]}, "exact_match", "found 3, expected text"),
        ({"prediction": "3", "references": ["3", 3]}, "exact_match", r"'references\[1\]'"),
        ({"prediction": ["O"], "references": [["O"]]}, "bleu", "found a list of 1, expected text"),
        (
            {"prediction": ["O"], "references": [["O", "O"]]},
            "entity_f1",
            "found 2 tags, expected 1",
        ),
        ({"prediction": ["O", 1], "references": [["O", "O"]]}, "entity_f1", "only tags as text"),
        ({"prediction": ["S-X"], "references": [["O"]]}, "entity_f1", "'S-X' at position 0 is not"),
        ({"prediction": "O", "references": ["O E-X"]}, "entity_f1", "'E-X' at position 1 is not"),
        ({"prediction": {"a": 1}, "references": ["O"]}, "entity_f1", "an object"),
    ],
)
def test_a_bad_row_is_named_with_its_fix(write, bad, metric, problem):
    good = {"prediction": "O", "references": ["O"]}
    path = write(good, "", bad, good)
    with pytest.raises(UserError, match=problem) as caught:
        score(path, [metric], resamples=100)
    assert caught.value.where == f"{path} row 1 (line 3)"
    assert caught.value.fix


def test_files_that_cannot_be_scored(write, tmp_path):
    with pytest.raises(UserError, match="holds no rows"):
        score(write("", " "), ["bleu"])
    with pytest.raises(UserError, match="no such file"):
        score(tmp_path / "missing.jsonl", ["bleu"])
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes('{"prediction": "é", "references": ["é"]}'.encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8"):
        score(latin, ["bleu"])
    with pytest.raises(UserError, match="is a folder"):
        score(write(GOOD), ["bleu"], items_out=tmp_path, resamples=100)


def test_unknown_metrics_are_refused_before_reading(tmp_path):
    with pytest.raises(UserError, match="did you mean bleu"):
        score(tmp_path / "missing.jsonl", ["bleu4"])
    with pytest.raises(UserError, match="no metric"):
        score(tmp_path / "missing.jsonl", [])


def test_command_prints_json_or_a_table(write):
    app = typer.Typer()
    app.command()(command)
    path = str(write(*as_rows(TEXTS)))
    arguments = [path, "--metric", "exact_match", "--metric", "chrf", "--resamples", "100"]

    printed = CliRunner().invoke(app, [*arguments, "--json"])
    assert printed.exit_code == 0
    assert orjson.loads(printed.stdout) == score(path, ["exact_match", "chrf"], resamples=100)

    table = CliRunner().invoke(app, arguments).stdout
    assert "exact_match" in table
    assert "0.333" in table
