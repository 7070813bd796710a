"""Kinds of secrets: access keys by their issuer's form, private keys, tokens, passwords assigned.

An issuer's form (`AKIA…`, `ghp_…`) is near proof by itself. What is merely assigned to a name such
as `api_key` must look drawn at random: Shannon entropy of at least 3.2 bits a character, letters
and digits mixed, no word of the kind that stands where a reader's own key should (YOUR_API_KEY).
"""

from __future__ import annotations

import base64
import math
import re
from collections import Counter

import orjson

from tutelage.curate.safety.kinds import Kind, Verdict

PLACEHOLDER = re.compile(
    r"your|example|sample|placeholder|replace|insert|changeme|change_me|dummy|fake|redacted|secret_?key"
    r"|access_?token|api_?key|xxxx|\*\*\*|\.\.\.|0{8}|1234567|abcdef|qwerty|[<>{}$]",
    re.IGNORECASE,
)
LEAST_ENTROPY = 3.2
"""Bits a character; English words in camel case have about 3, keys of 16 hexadecimal digits 3.3."""


def entropy(text: str) -> float:
    """Shannon entropy of a text's characters, in bits a character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def is_placeholder(text: str) -> bool:
    """Whether a text stands for a secret that the reader is to put in."""
    return PLACEHOLDER.search(text) is not None or len(set(text)) < min(8, len(text) // 2)


def _issued(match: re.Match[str]) -> Verdict:
    return "none" if is_placeholder(match["value"]) else "real"


def _assigned(match: re.Match[str]) -> Verdict:
    value = match["value"]
    mixed = re.search(r"\d", value) and re.search(r"[A-Za-z]", value)
    if is_placeholder(value) or not mixed or entropy(value) < LEAST_ENTROPY:
        return "none"
    # A path, a file, a call or a constant is code, not a key.
    if re.fullmatch(r"[a-z_]+(?:[./][\w-]+)+|[A-Z][A-Z_]+\d?|[a-z]+(?:_[a-z0-9]+)+", value):
        return "none"
    return "real"


def _password_in_url(match: re.Match[str]) -> Verdict:
    value = match["value"].lower()
    known = {"password", "pass", "passwd", "pwd", "secret", "user", "admin", "root", "postgres"}
    return "none" if value in known or PLACEHOLDER.search(value) else "real"


def _private_key(match: re.Match[str]) -> Verdict:
    body = re.sub(r"[^A-Za-z0-9+/=]", "", match["body"])
    return "none" if len(body) < 40 or is_placeholder(body[:80]) else "real"


JWT_OF_DOCUMENTATION = "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
"""Signature of the token that jwt.io shows, copied into countless tutorials."""


def _web_token(match: re.Match[str]) -> Verdict:
    head = match["head"]
    try:
        header = orjson.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except ValueError:
        return "none"
    if not isinstance(header, dict) or "alg" not in header:
        return "none"
    return "none" if match["signature"] == JWT_OF_DOCUMENTATION else "real"


def _issued_kind(name: str, sieve: str, pattern: str) -> Kind:
    """A kind that its issuer's form shows."""
    return Kind(
        name,
        "SECRET",
        sieve,
        re.compile(rf"(?<![A-Za-z0-9_-])(?P<value>{pattern})(?![A-Za-z0-9])"),
        _issued,
    )


_SECRET_NAME = (
    r"api[_ -]?key|apikey|secret(?:[_ -]?key)?|access[_ -]?(?:key|token)|auth[_ -]?token"
    r"|client[_ -]?secret|private[_ -]?key|token|passw(?:or)?d|pwd|passphrase|credential"
)

KINDS = (
    Kind(
        "private key",
        "SECRET",
        r"PRIVATE KEY",
        re.compile(
            r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?P<body>[^-]*)"
            r"(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----)?"
        ),
        _private_key,
    ),
    _issued_kind(
        "AWS access key", r"(?:AKIA|ASIA)[A-Z2-7]{16}", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"
    ),
    _issued_kind(
        "GitHub token",
        r"gh[pousr]_[A-Za-z0-9]{36}|github_pat_",
        r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{40,255}",
    ),
    _issued_kind("GitLab token", r"glpat-", r"glpat-[A-Za-z0-9_-]{20,64}"),
    _issued_kind(
        "Slack token",
        r"xox[abeprs]-|hooks\.slack\.com/services/T",
        r"xox[abeprs]-[A-Za-z0-9-]{20,250}"
        r"|https://hooks\.slack\.com/services/T\w{6,12}/B\w{6,12}/\w{20,30}",
    ),
    _issued_kind("Google API key", r"AIza[A-Za-z0-9_-]{35}", r"AIza[A-Za-z0-9_-]{35}"),
    _issued_kind("Stripe key", r"[rs]k_live_", r"[rs]k_live_[A-Za-z0-9]{20,250}"),
    _issued_kind(
        "key of a model's API", r"sk-[A-Za-z0-9_-]{20}", r"sk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,250}"
    ),
    _issued_kind("Hugging Face token", r"hf_[A-Za-z]{30}", r"hf_[A-Za-z]{30,40}"),
    _issued_kind(
        "package registry token",
        r"npm_[A-Za-z0-9]{36}|pypi-AgEI",
        r"npm_[A-Za-z0-9]{36}|pypi-AgEI[A-Za-z0-9_-]{50,250}",
    ),
    _issued_kind("SendGrid key", r"SG\.[A-Za-z0-9_-]{22}\.", r"SG\.[\w-]{22}\.[\w-]{43}"),
    _issued_kind("Telegram bot token", r"[0-9]{8}:AA", r"\d{8,10}:AA[\w-]{33}"),
    Kind(
        "JSON web token",
        "SECRET",
        r"eyJ[A-Za-z0-9_-]{10}",
        re.compile(
            r"\b(?P<head>eyJ[\w-]{10,500})\.eyJ[\w-]{10,2000}\.(?P<signature>[\w-]{20,700})"
        ),
        _web_token,
    ),
    Kind(
        "password in a URL",
        "SECRET",
        r"[a-z]://[^ /:@]{1,64}:[^ /:@]{3,64}@",
        re.compile(
            r"\b[a-z][a-z+]{1,15}://[^\s/:@\"'<>]{1,64}:(?P<value>[^\s/:@\"'<>{}$\[]{3,64})@[\w.-]+"
        ),
        _password_in_url,
    ),
    Kind(
        "assigned secret",
        "SECRET",
        r"(?i-u:key|secret|token|passw|pwd|passphrase|credential)[A-Za-z0-9_ -]{0,12}"
        r"[\"'`\]]{0,2} ?(?:[:=]|is|to) ?[\"'`]?[A-Za-z0-9+/_.!@#%^&*=-]{12}",
        re.compile(
            rf"(?i)(?<![A-Za-z])(?:[A-Z0-9]{{1,20}}[_-]){{0,4}}(?:{_SECRET_NAME})"
            r"(?:[_-]?\w{1,12})?[\"'`\]]{0,2}\s{0,2}"
            r"(?::=|=>|[:=]|\bis\b|\bto\b)\s{0,2}(?:Bearer )?[\"'`]?"
            r"(?P<value>[A-Za-z0-9+/_.!@#%^&*=~-]{12,256})(?![A-Za-z0-9(])"
        ),
        _assigned,
    ),
)
"""All of them; where two claim the same characters, the first named wins."""
