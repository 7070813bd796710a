r"""Kinds of personal data: e-mail, phone, IBAN, card, IP and street address, national id, passport.

Formats of many countries are ambiguous with ordinary numbers, so that a number counts where it has
a checksum that holds, a format that nothing else has (`(212) 867-0199`, `+44 20 …`), or a word
before it that says what it is ("call 0171 234567"). Numbers, domains and addresses that are set
aside for examples, or that every manual uses, are examples.
"""

from __future__ import annotations

import ipaddress
import re
from itertools import pairwise

from tutelage.curate.safety import checksums
from tutelage.curate.safety.kinds import Kind, Verdict

EXAMPLE_DOMAIN = re.compile(
    r"(?:^|[.@])(?:example\.[a-z.]+|example|test|invalid|localhost|local"
    r"|(?:your|my)?-?_?(?:domain|company|companyname|email|mail|website|site|business|school|name"
    r"|organization|store)\.[a-z.]+|(?:abc|xyz|abcd?xyz|acme|foo|bar|test|sample|fake\w*|"
    r"x+)\.[a-z.]+)$",
    re.IGNORECASE,
)
EXAMPLE_USER = re.compile(
    r"^(?:(?:your|my)[._-]?\w*|e?-?mail|example|user(?:name)?\d*|name|first(?:name)?[._]?last(?:name)?"
    r"|\d+|[a-z]*[._]?doe\d*|(?:john|jane)[._]?smith\d*|someone|somebody|test\d*|foo|bar|abc|xyz|x+"
    r"|recipient|sender|me|customer|person)$",
    re.IGNORECASE,
)
NOBODY = {"git", "noreply", "no-reply", "donotreply", "do-not-reply", "postmaster", "mailer-daemon"}
"""Mailboxes that are no person's."""


def _email(match: re.Match[str]) -> Verdict:
    user, _, domain = match[0].rpartition("@")
    if user.lower() in NOBODY:
        return "none"
    # A picture or a package version is no mailbox: icon@2x.png, lodash@4.17.21.
    if re.fullmatch(r"(?i)\S*\.(?:png|jpe?g|gif|svg|webp|js|py|css)", domain):
        return "none"
    return "example" if EXAMPLE_DOMAIN.search(domain) or EXAMPLE_USER.match(user) else "real"


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _is_made_up(digits: str) -> bool:
    """Whether digits run up or down, or are the same all along: `123-456-7890`."""
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(digits)}
    return len(steps) == 1 or len(set(digits)) <= 2 or digits.startswith(("12345", "98765"))


CALLING_CODES = (
    *("1", "7", "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45"),
    *("46", "47", "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62"),
    *("63", "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98"),
    *("21", "22", "23", "24", "25", "26", "29", "35", "37", "38", "42", "50", "59", "67", "68"),
    *("80", "85", "87", "88", "96", "97", "99"),
)
"""What international numbers begin with (ITU-T E.164; of three-digit codes the first two)."""


def _international(match: re.Match[str]) -> Verdict:
    digits = _digits(match[0])
    if not 8 <= len(digits) <= 15 or not digits.startswith(CALLING_CODES):
        return "none"
    if digits.startswith("1"):
        return _north_american_digits(digits[1:])
    return "example" if _is_made_up(digits) or _is_made_up(digits[2:]) else "real"


def _north_american_digits(digits: str) -> Verdict:
    """North American numbering: neither area nor exchange begins with 0 or 1; 555 is fiction's."""
    if len(digits) != 10:
        return "none"
    if _is_made_up(digits) or "555" in (digits[:3], digits[3:6]):
        return "example"
    return "real" if digits[0] > "1" and digits[3] > "1" else "none"


def _north_american(match: re.Match[str]) -> Verdict:
    return _north_american_digits(_digits(match[0])[-10:])


def _announced_phone(match: re.Match[str]) -> Verdict:
    digits = _digits(match["value"])
    if not 7 <= len(digits) <= 15:
        return "none"
    if "555" in (digits[:3], digits[3:6]) or _is_made_up(digits) or _is_made_up(digits[-7:]):
        return "example"
    return "real"


def _french_phone(match: re.Match[str]) -> Verdict:
    return "example" if _is_made_up(_digits(match[0])) else "real"


EXAMPLE_IBANS = {"GB82WEST12345698765432", "DE89370400440532013000", "GB29NWBK60161331926819"}
"""Those that the standard, its registry and every article on it show."""

EXAMPLE_CARDS = {
    *("4111111111111111", "4242424242424242", "4012888888881881", "4000056655665556"),
    *("5555555555554444", "5105105105105100", "378282246310005", "371449635398431"),
    *("6011111111111117", "6011000990139424", "30569309025904", "38520000023237"),
    *("3530111333300000", "3566002020360505", "4222222222222", "4000000000000002"),
}
"""Those that payment services give for tests."""


def _iban(match: re.Match[str]) -> Verdict:
    text = re.sub(r"[ -]", "", match[0])
    if not checksums.is_iban(text):
        return "none"
    return "example" if text in EXAMPLE_IBANS else "real"


def _card(match: re.Match[str]) -> Verdict:
    digits = _digits(match[0])
    if not checksums.is_card(digits):
        return "none"
    return "example" if digits in EXAMPLE_CARDS or _is_made_up(digits[:12]) else "real"


WELL_KNOWN_ADDRESSES = {"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "1.2.3.4", "4.4.4.4"}


def _ip_address(match: re.Match[str]) -> Verdict:
    before = match.string[max(0, match.start() - 24) : match.start()].lower()
    # A version or the number of a section has the same form.
    if re.search(r"(?:version|release|ver|section|chapter|clause|\bv|§)[ :.]*$", before):
        return "none"
    try:
        address = ipaddress.ip_address(match["value"])
    except ValueError:
        return "none"
    if str(address) in WELL_KNOWN_ADDRESSES or not address.is_global or address.is_multicast:
        return "example"
    if isinstance(address, ipaddress.IPv4Address) and address.packed[3] in (0, 255):
        return "none"
    return "real"


EXAMPLE_STREETS = re.compile(
    r"(?i)^(?:123|1234|12345|111|456|789|100|101)\s"
    r"|\bmain st(?:reet)?\.?$|\b(?:any ?street|any ?town|example|sample|fake|pennsylvania ave"
    r"|baker st|downing st|evergreen terrace|sesame st|privet drive|elm st|infinite loop)"
)


def _street(match: re.Match[str]) -> Verdict:
    return "example" if EXAMPLE_STREETS.search(match[0]) else "real"


EXAMPLE_SOCIAL_SECURITY = {"078051120", "219099999", "123456789"}


def _us_social_security(match: re.Match[str]) -> Verdict:
    if not checksums.is_us_social_security(match["area"], match["group"], match["serial"]):
        return "none"
    digits = _digits(match[0])
    return "example" if digits in EXAMPLE_SOCIAL_SECURITY or _is_made_up(digits) else "real"


def _british_insurance(match: re.Match[str]) -> Verdict:
    compact = match[0].replace(" ", "")
    if compact[:2] in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ"):
        return "none"
    return "example" if compact[:2] in ("QQ", "AB") or compact[2:8] == "123456" else "real"


def _french_social_security(match: re.Match[str]) -> Verdict:
    return "real" if checksums.is_french_social_security(_digits(match[0])) else "none"


def _spanish_identity(match: re.Match[str]) -> Verdict:
    if not checksums.is_spanish_identity(match["digits"], match["letter"]):
        return "none"
    return "example" if _is_made_up(match["digits"]) else "real"


def _passport(match: re.Match[str]) -> Verdict:
    digits = _digits(match["value"])
    if len(digits) < 5:
        return "none"
    return "example" if _is_made_up(digits) else "real"


_GAP = r"[ .\-\u00a0]?"
_TELEPHONE = r"(?:tele)?phone|tel|call|dial|mobile|mob|cell|fax|whatsapp|text|telefon|tél|handy|sms"
_STREET_KIND = (
    r"Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Terrace|Parkway|Pkwy"
    r"|Highway|Hwy|Crescent|Close|Way|Place"
)
_STREET_WORD = r"(?:[A-Z][\w'’-]+|[NSEW]\.?|\d{1,3}(?:st|nd|rd|th))"

EMAIL = Kind(
    "e-mail address",
    "EMAIL",
    r"[A-Za-z0-9_]@[A-Za-z0-9]",
    re.compile(r"(?<![\w.+-])\w[\w.%+'-]{0,63}@(?:[A-Za-z0-9-]+\.){1,5}[A-Za-z]{2,18}\b"),
    _email,
)
CARD = Kind(
    "payment card number",
    "CREDIT_CARD",
    r"[2-6](?:[ -]?[0-9]){12}",
    re.compile(
        r"(?<![\d.$€£-])(?:[2-6]\d{3}([ -]?)\d{4}\1\d{4}\1\d{1,7}|3\d{3}[ -]?\d{6}[ -]?\d{4,5})"
        r"(?![\d-]|\.\d)"
    ),
    _card,
)
IBAN = Kind(
    "bank account (IBAN)",
    "IBAN",
    r"[A-Z]{2}[0-9]{2}[ -]?[A-Z0-9]{4}[ -]?[0-9]",
    re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b"),
    _iban,
)
SOCIAL_SECURITY = Kind(
    "social security number",
    "NATIONAL_ID",
    r"[0-9]{3}-[0-9]{2}-[0-9]{4}",
    re.compile(r"(?<![\d-])(?P<area>\d{3})-(?P<group>\d{2})-(?P<serial>\d{4})(?![\d-])"),
    _us_social_security,
)
BRITISH_INSURANCE = Kind(
    "national insurance number",
    "NATIONAL_ID",
    r"[A-Z]{2} ?(?:[0-9]{2} ?){3}[A-D]",
    re.compile(r"\b[A-CEGHJ-PQR-TW-Z][A-CEGHJ-NPQR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"),
    _british_insurance,
)
FRENCH_SOCIAL_SECURITY = Kind(
    "social security number (France)",
    "NATIONAL_ID",
    r"[12] ?[0-9]{2} ?[01][0-9] ?[0-9]{2} ?[0-9]{3} ?[0-9]{3}",
    re.compile(r"(?<!\d)[12] ?\d{2} ?[01]\d ?\d{2} ?\d{3} ?\d{3} ?\d{2}(?!\d)"),
    _french_social_security,
)
SPANISH_IDENTITY = Kind(
    "identity number (Spain)",
    "NATIONAL_ID",
    r"[0-9]{8}-?[A-Z]",
    re.compile(r"(?<![\w-])(?P<digits>\d{8})-?(?P<letter>[A-Z])\b"),
    _spanish_identity,
)
PASSPORT = Kind(
    "passport number",
    "PASSPORT",
    r"(?i-u:passport)",
    re.compile(
        r"(?i:\bpassport(?: (?:number|no\.?|num|id))?)\s*(?:is|:|#|=|\()?\s*"
        r"#?(?P<value>[A-Z]{0,2}\d{6,9})\b"
    ),
    _passport,
)
IP_ADDRESS = Kind(
    "IP address",
    "IP_ADDRESS",
    r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|[0-9a-fA-F]:[0-9a-fA-F]{0,4}:[0-9a-fA-F]{1,4}:",
    re.compile(
        r"(?<![\w.:])(?P<value>\d{1,3}(?:\.\d{1,3}){3}"
        r"|(?:[0-9a-fA-F]{1,4}:){2,7}(?::?[0-9a-fA-F]{1,4}){1,6})(?![\w:]|\.\d)"
    ),
    _ip_address,
)
INTERNATIONAL_PHONE = Kind(
    "phone number",
    "PHONE",
    r"\+[0-9]",
    re.compile(r"(?<![\w+])\+\d{1,3}(?:[ .\-\u00a0/]?\(?\d{1,5}\)?){2,6}(?![\w+*/=])"),
    _international,
)
NORTH_AMERICAN_PHONE = Kind(
    "phone number",
    "PHONE",
    r"[0-9]{3}\)?[ .\-]?[0-9]{3}[ .\-][0-9]{4}",
    re.compile(
        r"(?<![\w.$€£+-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[.-]|\d{3} (?=\d{3}-))"
        r"\d{3}[ .-]\d{4}(?![\w-]|\.\d)"
    ),
    _north_american,
)
ANNOUNCED_PHONE = Kind(
    "phone number",
    "PHONE",
    r"[0-9](?:[ .()/-]{0,2}[0-9]){6}",
    re.compile(
        rf"(?i)\b(?:{_TELEPHONE})\b[^\d\n]{{0,24}}?(?<![\w.$€£+-])"
        rf"(?P<value>\(?\d{{2,5}}\)?(?:[ .\-/()]{{0,2}}\d{{2,4}}){{1,5}})(?![\w-]|\.\d)"
    ),
    _announced_phone,
)
FRENCH_PHONE = Kind(
    "phone number",
    "PHONE",
    r"0[1-9][ .][0-9]{2}[ .][0-9]{2}[ .][0-9]{2}",
    re.compile(r"(?<![\d.])0[1-9]([ .])\d\d(?:\1\d\d){3}(?![\d.])"),
    _french_phone,
)
STREET = Kind(
    "street address",
    "ADDRESS",
    rf"[0-9] (?:[A-Z0-9][^ \n]* ){{1,4}}(?:{_STREET_KIND})|(?:stra(?:ß|ss)e|weg|platz) [0-9]"
    r"|[0-9s],? rue ",
    re.compile(
        rf"(?<![\w.,$€£-])\d{{1,5}}[A-Za-z]? {_STREET_WORD}(?: {_STREET_WORD}){{0,3}}? "
        rf"(?:{_STREET_KIND})\b(?!'|’)\.?"
        r"(?:,? (?:Apt|Apartment|Suite|Unit|#)\.? ?\w+)?(?:,? [A-Z][\w.]+(?: [A-Z][\w.]+)?,"
        r"? [A-Z]{2} \d{5}(?:-\d{4})?)?"
        r"|\b[A-ZÄÖÜ][\wäöüß-]+(?:straße|strasse|weg|platz) \d{1,4}[a-z]?\b(?:, \d{5} [A-Z]\w+)?"
        r"|\b\d{1,4}(?: (?:bis|ter))?,? rue (?:de |du |des |de la )?[A-ZÉ][\wé-]+"
        r"(?:,? \d{5} [A-Z]\w+)?"
    ),
    _street,
)

KINDS = (
    *(EMAIL, IBAN, CARD, FRENCH_SOCIAL_SECURITY, SOCIAL_SECURITY, BRITISH_INSURANCE),
    *(SPANISH_IDENTITY, PASSPORT, IP_ADDRESS, INTERNATIONAL_PHONE, NORTH_AMERICAN_PHONE),
    *(ANNOUNCED_PHONE, FRENCH_PHONE, STREET),
)
"""All of them; where two claim the same characters, the first named wins."""
