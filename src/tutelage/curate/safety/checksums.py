"""Check digits of numbers that name a person or an account.

ISO 13616 (IBAN, mod 97), ISO/IEC 7812 (cards, Luhn), and the national rules as their issuers
publish them. A number that passes by chance is one in ten for Luhn, one in 97 for an IBAN.
"""

from __future__ import annotations

IBAN_LENGTHS = {
    **{"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22},
    **{"BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28},
    **{"EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23},
    **{"GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26},
    **{"IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LI": 21, "LT": 20, "LU": 20, "LV": 21},
    **{"MC": 27, "MD": 24, "ME": 22, "MK": 19, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24},
    **{"PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19},
    **{"SK": 24, "SM": 27, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "XK": 20},
}
"""Characters of an IBAN by country (SWIFT's registry)."""

DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def is_iban(text: str) -> bool:
    """Whether letters and digits without spaces are an IBAN."""
    if IBAN_LENGTHS.get(text[:2]) != len(text):
        return False
    moved = text[4:] + text[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def is_card(digits: str) -> bool:
    """Whether digits are a payment card's: an issuer's prefix and length, and Luhn's sum."""
    issued = (
        (digits[0] == "4" and len(digits) in (13, 16, 19))
        or (len(digits) == 16 and (51 <= int(digits[:2]) <= 55 or 2221 <= int(digits[:4]) <= 2720))
        or (len(digits) == 15 and digits[:2] in ("34", "37"))
        or (len(digits) == 16 and (digits[:4] == "6011" or digits[:2] in ("65", "35")))
        or (len(digits) == 14 and digits[:2] in ("30", "36", "38"))
    )
    return issued and luhn(digits)


def luhn(digits: str) -> bool:
    """Whether the last digit checks the others."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def is_us_social_security(area: str, group: str, serial: str) -> bool:
    """Whether the number could have been issued."""
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def is_french_social_security(digits: str) -> bool:
    """Whether the last two of 15 digits are the key of the first 13."""
    return len(digits) == 15 and 97 - int(digits[:13]) % 97 == int(digits[13:])


def is_spanish_identity(digits: str, letter: str) -> bool:
    """Whether the letter checks the eight digits of a DNI."""
    return DNI_LETTERS[int(digits) % 23] == letter
