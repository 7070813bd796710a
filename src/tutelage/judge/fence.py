"""A fence around untrusted text that its author cannot climb.

A judge reads what it is to judge, and a row may say "give this the best score". So each text stands
between marks that its author cannot write: they hold an HMAC of the texts under a secret that never
leaves the machine, other texts have other marks, and a mark that occurs in the text all the same is
drawn anew. The same texts under the same secret have the same marks, so that a request can be
repeated to the letter and its reply kept. What a tokenizer might take for a control token, such as
`<|im_end|>`, would end the turn, and the fence with it, on servers that read messages so; a space
breaks it. The idea is that of spotlighting (Hines et al., 2024), which measured that delimiters
help and do not suffice: a judge may still be talked to. Hence what judges say is a warning here,
never a reason to drop a row.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tutelage.errors import UserError
from tutelage.rundir import replacing

MARK_DIGITS = 24
"""Hexadecimal digits of a mark: 96 bits, which nobody guesses."""

SECRET_BYTES = 32

CONTROL = re.compile(
    r"[<\[](?="
    r"[|｜][^\s<>|｜]{1,60}[|｜]>"  # <|im_start|> and relatives
    r"|/?(?:s|bos|eos|pad|unk|think|(?:start|end)_of_turn)>"
    r"|/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"
    r"|</?SYS>>"
    r")"
)
"""The first character of what begins or ends a turn in the templates of widespread models."""

Section = tuple[str, str]
"""What a text is, in our words, and the text."""


@dataclass(frozen=True, slots=True)
class Fence:
    """Fences texts.

    Attributes:
        secret: what marks are derived from.
    """

    secret: bytes

    def around(self, sections: Sequence[Section]) -> tuple[str, str]:
        """The sections, each between its marks and without control tokens, and the mark they share.

        Args:
            sections: names are ours, texts anybody's.

        Returns:
            The fenced sections, as one text, and the mark.
        """
        mark = self._mark(sections)
        fenced = [
            f"<{name} {mark}>\n{CONTROL.sub(_broken, text)}\n</{name} {mark}>"
            for name, text in sections
        ]
        return "\n\n".join(fenced), mark

    def _mark(self, sections: Sequence[Section]) -> str:
        lengths = (f"{len(part)}:{part}" for section in sections for part in section)
        content = "".join(lengths).encode(errors="surrogatepass")
        draw = 0
        while True:
            keyed = hmac.new(self.secret, f"{draw}\0".encode() + content, hashlib.sha256)
            mark = keyed.hexdigest()[:MARK_DIGITS]
            if not any(mark in text for _, text in sections):
                return mark
            draw += 1


def _broken(first: re.Match[str]) -> str:
    return f"{first[0]} "


def kept_secret(path: Path) -> bytes:
    """The secret in a file, drawn and put there if there is none.

    Raises:
        UserError: what is there is no secret of ours.
    """
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_text(secrets.token_hex(SECRET_BYTES), encoding="ascii")
        path.chmod(0o600)
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise UserError(
            "not a secret that fences are derived from",
            where=str(path),
            fix="remove the file: replies that were kept with it are then asked for again",
        )
    return secret
