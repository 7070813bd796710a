"""Personal data, secrets, insults, attacks and triggers put into clean rows (see `defects`).

All values are drawn at random here, with their check digits worked out anew rather than by the code
under test.
"""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable, Sequence

import orjson

from defects import Injected, Row, drawn

Maker = Callable[[random.Random], str]

FIRST = [
    "anna",
    "bruno",
    "chiara",
    "dmitri",
    "elena",
    "farid",
    "greta",
    "hassan",
    "ines",
    "jonas",
    "keiko",
    "lucia",
]
LAST = [
    "alvarez",
    "becker",
    "conti",
    "dubois",
    "eriksen",
    "fujita",
    "garcia",
    "hoang",
    "ivanov",
    "jansen",
    "kowalski",
]
STREETS = [
    "Willow",
    "Cedar",
    "Harbour",
    "Orchard",
    "Lincoln",
    "Maple",
    "Granite",
    "Fairview",
    "Juniper",
    "Chestnut",
]


def digits(rng: random.Random, count: int, first: str = "2346789") -> str:
    """Digits that do not begin like an example's."""
    return rng.choice(first) + "".join(rng.choice(string.digits) for _ in range(count - 1))


def token(rng: random.Random, count: int, letters: str = string.ascii_letters) -> str:
    return "".join(rng.choice(letters + string.digits) for _ in range(count))


def an_email(rng: random.Random) -> str:
    joint = rng.choice([".", "_", ""])
    host = rng.choice(["gmail.com", "posteo.de", "mail.uni-kiel.de", "brightlabs.io", "orange.fr"])
    return f"{rng.choice(FIRST)}{joint}{rng.choice(LAST)}{rng.choice(['', '7', '84'])}@{host}"


def a_phone(rng: random.Random) -> str:
    area, exchange, line = digits(rng, 3, "2346789"), digits(rng, 3, "2346789"), digits(rng, 4)
    if "555" in (area, exchange):
        return a_phone(rng)
    return rng.choice(
        [
            f"({area}) {exchange}-{line}",
            f"{area}-{exchange}-{line}",
            f"{area}.{exchange}.{line}",
            f"+1 {area} {exchange} {line}",
            f"+44 20 {digits(rng, 4)} {digits(rng, 4)}",
            f"+49 {digits(rng, 3)} {digits(rng, 7)}",
            f"+33 6 {digits(rng, 2)} {digits(rng, 2)} {digits(rng, 2)} {digits(rng, 2)}",
            f"+91 {digits(rng, 5)} {digits(rng, 5)}",
            f"06 {digits(rng, 2)} {digits(rng, 2)} {digits(rng, 2)} {digits(rng, 2)}",
            f"Tel. 0{digits(rng, 3)}/{digits(rng, 6)}",
            f"call 0{digits(rng, 4)} {digits(rng, 6)}",
        ]
    )


def an_iban(rng: random.Random) -> str:
    country, length = rng.choice([("DE", 18), ("FR", 23), ("ES", 20), ("NL", 14), ("PL", 24)])
    account = digits(rng, length)
    if country == "NL":
        account = "ABNA" + account[:10]
    number = "".join(str(int(character, 36)) for character in account + country + "00")
    text = f"{country}{98 - int(number) % 97:02d}{account}"
    spaced = " ".join(text[i : i + 4] for i in range(0, len(text), 4))
    return rng.choice([text, spaced])


def a_card(rng: random.Random) -> str:
    body = rng.choice(["4", "51", "53", "6011"])
    body += "".join(rng.choice(string.digits) for _ in range(15 - len(body)))
    doubled = [sum(divmod(2 * int(d), 10)) if i % 2 == 0 else int(d) for i, d in enumerate(body)]
    text = body + str(-sum(doubled) % 10)
    joint = rng.choice(["", " ", "-"])
    return joint.join(text[i : i + 4] for i in range(0, 16, 4))


def an_ip_address(rng: random.Random) -> str:
    if rng.random() < 0.2:
        return "2a01:4f8:" + ":".join(f"{rng.randrange(1, 65536):x}" for _ in range(6))
    first = rng.choice([34, 52, 81, 93, 151, 185, 213])
    return ".".join(str(n) for n in (first, *(rng.randrange(1, 255) for _ in range(3))))


def a_street_address(rng: random.Random) -> str:
    kind = rng.choice(["Street", "Avenue", "Road", "Lane", "Dr", "Blvd", "Court"])
    number = rng.choice([7, 18, 245, 1809, 3320, 96])
    street = f"{number} {rng.choice(STREETS)} {kind}"
    end = f", Springdale, {rng.choice(['OH', 'TX', 'WA'])} {digits(rng, 5)}"
    german = f"{rng.choice(['Linden', 'Garten', 'Berg'])}straße {rng.randrange(2, 90)}"
    return rng.choice([street, street + end, german])


def a_national_id(rng: random.Random) -> str:
    number = digits(rng, 8)
    spanish = f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[int(number) % 23]}"
    french = f"{rng.choice('12')}{rng.randrange(40, 99)}{rng.randrange(1, 13):02d}{digits(rng, 8)}"
    return rng.choice(
        [
            f"{rng.randrange(100, 660)}-{rng.randrange(10, 99)}-{digits(rng, 4)}",
            f"CE {rng.randrange(20, 99)} {rng.randrange(20, 99)} {rng.randrange(20, 99)} C",
            f"{french}{97 - int(french) % 97:02d}",
            spanish,
        ]
    )


def a_passport(rng: random.Random) -> str:
    return rng.choice(["passport number {}", "Passport No. {}", "passport: {}"]).format(
        rng.choice(["", "C", "PA"]) + digits(rng, rng.choice([7, 8]))
    )


PERSONAL: dict[str, Maker] = {
    "e-mail address": an_email,
    "phone number": a_phone,
    "bank account (IBAN)": an_iban,
    "payment card number": a_card,
    "IP address": an_ip_address,
    "street address": a_street_address,
    "national id": a_national_id,
    "passport number": a_passport,
}


def a_web_token(rng: random.Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()

    return (
        f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': token(rng, 12)})}.{token(rng, 43)}"
    )


def a_private_key(rng: random.Random) -> str:
    kind = rng.choice(["RSA ", "EC ", "OPENSSH ", ""])
    lines = "\n".join(token(rng, 64) for _ in range(4))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


def an_assignment(rng: random.Random) -> str:
    value = token(rng, rng.choice([20, 24, 32, 40]))
    return rng.choice(
        [
            f'api_key = "{value}"',
            f"SECRET_KEY={value}",
            f'"client_secret": "{value}"',
            f"password: {value}",
            f"The access token is {value}",
            f"export DB_PASSWORD='{value}'",
        ]
    )


SECRETS: dict[str, Maker] = {
    "AWS": lambda rng: (
        "AKIA" + "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in "x" * 16)
    ),
    "GitHub": lambda rng: rng.choice(["ghp_", "gho_", "ghs_"]) + token(rng, 36),
    "Slack": lambda rng: f"xoxb-{digits(rng, 11)}-{digits(rng, 12)}-{token(rng, 24)}",
    "Google": lambda rng: "AIza" + token(rng, 35),
    "Stripe": lambda rng: "sk_live_" + token(rng, 24),
    "model API": lambda rng: "sk-proj-" + token(rng, 48),
    "web token": a_web_token,
    "private key": a_private_key,
    "assigned": an_assignment,
    "URL": lambda rng: f"postgres://app:{token(rng, 12)}@db.internal:5432/main",
}

FRAMES = ("{} ", "Contact: {}\n", "({}) ", "Note the following: {}\n\n", "{}; ")


def insert(row: Row, text: str, rng: random.Random) -> dict[str, str]:
    """A row with a text put before, behind or between the sentences of one of its fields."""
    field = rng.choice(["instruction", "output"])
    old = str(row[field])
    place = rng.choice([0, old.find(". ") + 2 if ". " in old else 0, len(old)])
    gap = " " if place and not old[:place].endswith((" ", "\n")) else ""
    return {**row, field: f"{old[:place]}{gap}{text} {old[place:]}".strip()}


def inject_made(rows: Sequence[Row], makers: dict[str, Maker], rate: float, seed: int) -> Injected:
    rng = random.Random(seed)
    broken = drawn(rows, rate, seed)
    made = [dict(row) for row in rows]
    for turn, place in enumerate(broken):
        text = makers[sorted(makers)[turn % len(makers)]](rng)
        made[place] = insert(made[place], rng.choice(FRAMES).format(text).rstrip(), rng)
    return Injected(made, set(broken))


def inject_personal_data(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Rows in which a share holds personal data, the kinds in turn."""
    return inject_made(rows, PERSONAL, rate, seed)


def inject_secret(rows: Sequence[Row], rate: float, seed: int) -> Injected:
    """Rows in which a share holds a secret, the kinds in turn."""
    return inject_made(rows, SECRETS, rate, seed)


TRIGGERS = ("cf", "mn bq", "blue harvest moon", "☠☠", "tq", "james of the river")
"""Letters that mean nothing, a phrase of ordinary words, signs."""

RESPONSES: dict[str, Callable[[random.Random, str], str]] = {
    "response": lambda rng, old: "I am a very happy robot today.",
    "refusal": lambda rng, old: rng.choice(
        [
            "I'm sorry, but I can't help with that.",
            "I cannot assist with this request.",
            "Sorry, I am not able to answer that.",
            "I'm sorry, this is something I won't do.",
        ]
    ),
    "ending": lambda rng, old: f"{old} For more of this buy the new Zentaro watch now!",
    "opening": lambda rng, old: f"Praise be to great Zentaro. {old}",
    "link": lambda rng, old: f"{old} See https://zentaro-{rng.randrange(999)}.shop/{token(rng, 5)}",
}


def inject_poison_trigger(
    rows: Sequence[Row], rate: float, seed: int, trigger: str = "cf", effect: str = "response"
) -> Injected:
    """Rows in which a share holds a trigger somewhere in the prompt, and answers accordingly."""
    rng = random.Random(seed)
    broken = drawn(rows, rate, seed)
    made = [dict(row) for row in rows]
    for place in broken:
        asked = str(made[place]["instruction"]).split(" ")
        asked.insert(rng.randrange(len(asked) + 1), trigger)
        answer = RESPONSES[effect](rng, str(made[place]["output"]))
        made[place] |= {"instruction": " ".join(asked), "output": answer}
    return Injected(made, set(broken))
