"""Personal data and secrets are found by kind, with their span; examples and placeholders are told
apart; what is redacted is found no more."""

from __future__ import annotations

import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import safety_defects
from safety_defects import PERSONAL, SECRETS
from tutelage.curate.check import CHECKS
from tutelage.curate.safety import checksums, personal, secret_kinds
from tutelage.curate.safety.kinds import Kind, hits, locate, redacted
from tutelage.data.audit_options import AuditOptions

EITHER = (*personal.KINDS, *secret_kinds.KINDS)


def verdicts(text: str, kinds: tuple[Kind, ...] = personal.KINDS) -> set[tuple[str, str]]:
    return {(hit.kind.label, hit.verdict) for hit in hits(text, kinds)}


@pytest.mark.parametrize("name", sorted(PERSONAL))
@pytest.mark.parametrize("seed", range(12))
def test_personal_data_is_found_and_redacted(name: str, seed: int) -> None:
    text = f"Please note {PERSONAL[name](random.Random(seed))}, and thank you."
    found = [hit for hit in hits(text, personal.KINDS) if hit.verdict == "real"]
    assert len(found) == 1, text
    clean = redacted(text, personal.KINDS)
    assert clean is not None
    assert f"[{found[0].kind.label}]" in clean
    assert not hits(clean, personal.KINDS)


@pytest.mark.parametrize("name", sorted(SECRETS))
@pytest.mark.parametrize("seed", range(12))
def test_secrets_are_found_and_redacted(name: str, seed: int) -> None:
    text = f"Use {SECRETS[name](random.Random(seed))} here."
    assert verdicts(text, secret_kinds.KINDS) == {("SECRET", "real")}, text
    clean = redacted(text, secret_kinds.KINDS)
    assert clean is not None
    assert redacted(clean, secret_kinds.KINDS) is None


@pytest.mark.parametrize(
    "text",
    [
        "Write to jane.doe@example.com.",
        "Call 212-555-0147 now.",
        "Reach me at (123) 456-7890.",
        "Pay with 4111 1111 1111 1111.",
        "Ping 192.168.0.12 first.",
        "His number was 078-05-1120.",
        "Send it to 123 Main Street.",
        "Transfer to GB82 WEST 1234 5698 7654 32.",
    ],
)
def test_what_belongs_to_nobody_is_an_example(text: str) -> None:
    assert {verdict for _, verdict in verdicts(text)} == {"example"}


@pytest.mark.parametrize(
    "text",
    [
        "The population was 8,336,817 in 2020-04-01.",
        "Section 4.10.2.1 of version 10.2.0.14 applies.",
        "10.5281/zenodo.1234567 and ISBN 978-3-16-148410-0",
        "def f(a, b): return a@b  # 2 + 3 = 5",
        "It took 20 minutes. Road works continued on 5 May.",
        "git clone git@github.com:numpy/numpy.git",
        "Sum 4539 1488 0343 6468 is no card.",
        "2021-05-17 12:30:45 +0200",
        "f(x) = 3.14159265358979 * 1000000",
    ],
)
def test_numbers_are_not_personal(text: str) -> None:
    assert verdicts(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        'api_key = "YOUR_API_KEY_GOES_HERE"',
        "AKIAIOSFODNN7EXAMPLE",
        "password: mypassword123456789",
        "token = get_token_from_server(request)",
        'secret = "xxxxxxxxxxxxxxxxxxxxxxxx"',
        "postgres://user:password@localhost/db",
        "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
        "the key is to understand that internationalization matters",
        "sk-learn-contrib is a package",
        "password=os.environ['DB_PASSWORD']",
    ],
)
def test_placeholders_are_no_secrets(text: str) -> None:
    assert verdicts(text, secret_kinds.KINDS) == set()


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80), st.sampled_from([*PERSONAL.values(), *SECRETS.values()]))
def test_the_sieve_keeps_every_match_and_spans_are_characters(
    noise: str, make: safety_defects.Maker
) -> None:
    text = f"{noise} {make(random.Random(len(noise)))} {noise}"
    texts = pl.DataFrame(
        {"at": [0], "field": ["f"], "text": [text]}, schema_overrides={"at": pl.UInt32}
    )
    located = locate(texts, EITHER, "real").select("start", "end", "kind").rows()
    plain = [hit for hit in hits(text, EITHER) if hit.verdict == "real"]
    assert located == [(hit.start, hit.end, hit.kind.name) for hit in plain]


def test_redaction_is_on_request() -> None:
    check = CHECKS.get("personal_data")
    text = "Ask ines.conti@posteo.de and wait."
    assert check(AuditOptions()).fix(text) is None
    assert check(AuditOptions(redact=True)).fix(text) == "Ask [EMAIL] and wait."


@given(st.integers(min_value=10**14, max_value=10**15 - 1))
def test_exactly_one_last_digit_checks_a_number(body: int) -> None:
    assert sum(checksums.luhn(f"{body}{digit}") for digit in range(10)) == 1


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ["a_", "1-", "a.", "token_", "key: ", "12 rue ", "A1 "])
def test_time_is_linear_in_a_hostile_text(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    assert hits(f"{text} and ines.conti@posteo.de", EITHER)
