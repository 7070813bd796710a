"""For every kind beyond IFEval's: options, texts that meet them, and texts that do not."""

from __future__ import annotations

from typing import Any

TABLE = "Here:\n\n| Port | Berths |\n| --- | ---: |\n| Ebb | 4 |\n| Flow | 12 |\n\nThat is all."
SCHEMA = {
    "type": "object",
    "required": ["name", "crew"],
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z]"},
        "crew": {"type": "array", "items": {"$ref": "#/$defs/sailor"}, "minItems": 1},
    },
    "additionalProperties": False,
    "$defs": {
        "sailor": {
            "type": "object",
            "required": ["age"],
            "properties": {"age": {"type": "integer", "minimum": 16}},
        }
    },
}

CASES: dict[str, list[tuple[dict[str, Any], list[str], list[str]]]] = {
    "count:words": [
        (
            {"exactly": 4},
            ["Don't, well-known sailor; go!", "a b — c d"],
            ["one two three", "a b c d e"],
        ),
        ({"at_least": 2, "at_most": 3}, ["a b", "a b c"], ["a", "a b c d"]),
    ],
    "count:unique_words": [({"exactly": 2}, ["Row, row the row", "a B"], ["row row", "a b c"])],
    "count:sentences": [({"exactly": 2}, ["Dr. Lee left. He ran!"], ["One.", "A b. C d. E f."])],
    "count:lines": [({"exactly": 2}, ["a\n\n b ", "a\nb"], ["a b", "a\nb\nc"])],
    "count:paragraphs": [({"exactly": 2}, ["a\nb\n \nc", "a\n\n\n\nb"], ["a\nb", "a\n\nb\n\nc"])],
    "count:characters": [({"exactly": 5}, ["ab cd", "  äöüäö \n"], ["abcd", "abcdef"])],
    "count:list_items": [
        (
            {"exactly": 3},
            ["Three:\n- a\n  * b\n1) c", "1. a\n2. b\n• c"],
            ["- a\n-b\n- c", "a\nb\nc"],
        ),
        ({"at_most": 0}, ["* * *\n**bold** and -1"], ["+ a"]),
    ],
    "count:numbers": [
        ({"exactly": 2}, ["1,000 and -2.5", "in 1990-95"], ["B12 and C3 of 4", "1 2 3", "none"])
    ],
    "count:emojis": [
        (
            {"exactly": 1},
            ["so 🙂", "👍🏽", "👩‍👩‍👧‍👦!", "🇩🇪", "1️⃣", "❤️"],
            ["none © 1 #", "🙂🙂", "🇩🇪🇫🇷"],
        ),
    ],
    "count:keyword": [
        (
            {"keyword": "tide", "exactly": 2},
            ["Tide, low TIDE"],
            ["tides and tide", "tide tide tide"],
        ),
        ({"keyword": "C++", "at_least": 1}, ["in C++, yes"], ["in C+"]),
    ],
    "limit:words_per_sentence": [({"at_most": 3}, ["One two. A b c!"], ["One two. A b c d."])],
    "limit:sentences_per_paragraph": [
        ({"exactly": 1}, ["One.\n\nTwo."], ["One.\n\nTwo. Three.", "One. Two."])
    ],
    "limit:words_per_line": [({"exactly": 2}, ["a b\n\nc d"], ["a b\nc", "a b c d"])],
    "limit:characters_per_line": [({"at_most": 3}, ["abc\n ab "], ["abcd\nab"])],
    "limit:words_per_item": [
        ({"at_most": 2}, ["A long line first:\n- a b\n- c"], ["- a b c", "no list at all"])
    ],
    "limit:letters_per_word": [({"at_most": 4}, ["It's four here"], ["It is longer"])],
    "order:alphabetical": [
        ({}, ["- Äpfel\n- birne\n- **Citrus**", "a\nb", "1. a\n2. a"], ["- b\n- a", "- a", "b\na"]),
        ({"descending": True}, ["- c\n- b\n- a"], ["- a\n- b"]),
    ],
    "order:numerical": [
        ({}, ["Ports:\n- 2 x\n- y 10\n- 1,000"], ["- 10\n- 2", "- 1\n- none\n- 3"]),
        ({"descending": True}, ["9\n-1\n-2"], ["1\n2"]),
    ],
    "order:chronological": [
        (
            {},
            ["- 1066: a\n- 3 March 1990\n- 1990-04-01\n- 2001", "- May 2, 1999\n- June 1999"],
            [
                "- 1999\n- 1066",
                "- 5 May 1999\n- 4 May 1999",
                "- a\n- b",
                "- 2000-12-01\n- 2000-02-03",
            ],
        ),
        ({"descending": True}, ["- 2001\n- 1990: begun 12 May 2003"], ["- 1990\n- 2001"]),
    ],
    "order:length": [({}, ["- a\n- a b\n- a b c"], ["- a b\n- a"])],
    "order:terms": [
        (
            {"terms": ["ebb", "flow"]},
            ["Ebb, then flow, ebb"],
            ["flow then ebb", "ebb alone", "flow"],
        )
    ],
    "lines:begin_with": [({"text": "> "}, ["> a\n\n > b"], ["> a\nb"])],
    "lines:end_with": [({"text": ";"}, ["a;\nb; "], ["a;\nb", "a,"])],
    "lines:begin_alike": [({}, ["The sea\n“the” land"], ["The sea\nA land", "The sea", "The\n--"])],
    "lines:end_alike": [({}, ["a sea.\nthe Sea!"], ["a sea\nthe land", "sea"])],
    "lines:begin_differently": [({}, ["A b\nB b"], ["A b\n“a” c", "alone"])],
    "lines:acrostic": [
        (
            {"word": "Sea"},
            ["Salt\n\n*every* wave\nagain"],
            ["Salt\nevery", "Salt\nevery\na\nb", "s e a"],
        )
    ],
    "words:first": [({"word": "yes"}, ["**Yes**, it is", "«yes»"], ["yesterday", "Oh yes"])],
    "words:last": [({"word": "Aye"}, ["They said “aye!”"], ["aye aye sir", "They sayaye"])],
    "words:initial": [({"letter": "s"}, ["Six *silly* seals"], ["Six old seals", "--"])],
    "words:no_repetition": [({}, ["each word once"], ["once, twice, Once"])],
    "letters:forbidden": [({"letters": "eZ"}, ["a dog runs"], ["a zoo", "THE"])],
    "letters:required": [({"letters": "abc"}, ["Back"], ["bark"])],
    "markdown:headings": [
        ({"exactly": 2}, ["# A\ntext\n### B ##"], ["# A", "#A\n#B", "# A\n```\n# B\n```"]),
        ({"level": 2}, ["# A\n## B"], ["# A", "### A"]),
    ],
    "markdown:heading_order": [
        (
            {"headings": ["Aims", "Use of C#"]},
            ["# aims\nx\n## Use of C#\n", "# Aims #\n# use of c# ##"],
            ["# Use of C#\n# Aims", "# Aims", "# Aims\n# More\n# Use of C#"],
        )
    ],
    "markdown:numbered_list": [
        (
            {"exactly": 3},
            ["1. a\n2. b\n3. c", "1) a\n\n2) b\nand\n1) c"],
            ["1. a\n3. b\n4. c", "1. a"],
        ),
        ({}, ["1. a"], ["2. a", "none"]),
    ],
    "markdown:checklist": [
        ({"exactly": 2}, ["- [ ] a\n* [x] b"], ["- [] a\n- [x] b", "- [x] a"]),
        ({"ticked": True}, ["- [X] a"], ["- [ ] a"]),
    ],
    "markdown:block_quotes": [({"exactly": 2}, ["> a\n> b\n\nc\n> d"], ["> a\n> b", "a > b"])],
    "markdown:code_blocks": [
        (
            {"exactly": 1},
            ["So:\n```\na\n```", "~~~~py\n~~~\n~~~~"],
            ["```\na", "```\n```\n```\n```", "`a`"],
        ),
        ({"language": "Python"}, ["```python\npass\n```"], ["```\npass\n```", "```py\n```"]),
    ],
    "markdown:links": [
        ({"exactly": 1}, ["[a](http://b.c)"], ["![a](b)", "[a] (b)", "[a](b)[c](d)"])
    ],
    "markdown:bold": [({"exactly": 2}, ["**a** and **b c**"], ["*a* **b**", "** a **"])],
    "markdown:none": [
        (
            {},
            ["Plain text, 3 * 4 = 12.\nAnd_so_on # more", "1.5 is a number"],
            ["# A", "- a", "1. a", "> a", "`a`", "**a**", "[a](b)", "| a |\n|---|"],
        )
    ],
    "markdown:table": [
        ({}, [TABLE, "a | b\n-|-\n1 | 2"], ["| a | b |\n| 1 | 2 |", "a | b", f"```\n{TABLE}\n```"]),
        (
            {"rows": 2, "columns": 2, "header": ["port", "Berths"]},
            [TABLE],
            ["| Port | Berths |\n|-|-|"],
        ),
        (
            {"rows": 2},
            [TABLE],
            [TABLE.replace("| 4 |", "| 4 | 5 |"), TABLE.replace("| Ebb | 4 |\n", "")],
        ),
        ({"columns": 2}, [r"|a \| b|c|" "\n|-|-|"], ["|a|\n|-|"]),
    ],
    "data:csv": [
        (
            {},
            ['a,b\n1,"x,\ny"\n', "```csv\na,b\n```"],
            ["a,b\n1", "one line", 'a,"b', "```csv\n```"],
        ),
        ({"separator": ";", "rows": 1, "columns": 2}, ["a;b\n1;2"], ["a,b\n1,2", "a;b"]),
        ({"header": ["A", "b"]}, ["a, b\n1,2"], ["b,a\n1,2"]),
    ],
    "data:json_schema": [
        (
            {"json_schema": SCHEMA},
            [
                '{"name": "Ann", "crew": [{"age": 20}]}',
                '```json\n{"name":"B","crew":[{"age":16}]}\n```',
            ],
            [
                '{"name": "ann", "crew": [{"age": 20}]}',
                '{"name": "Ann", "crew": [{"age": 15}]}',
                '{"name": "Ann", "crew": []}',
                '{"name": "Ann", "crew": [{"age": 20}], "more": 1}',
                'Sure: {"name": "Ann", "crew": [{"age": 20}]}',
                "{",
            ],
        )
    ],
    "data:yaml": [
        (
            {},
            ["a: 1\nb:\n  - c", "- a\n- b", "```yaml\na: 1\n```"],
            ["text", "a: b: c", "a: 1\na: 2"],
        ),
        ({"keys": ["a"]}, ["a: 1\nb: 2"], ["b: 2", "- a", "a: !!python/object:os.x 1"]),
    ],
    "data:xml": [
        (
            {},
            ["<a><b c='d'/></a>", "```xml\n<?xml version='1.0' encoding='latin-1'?><ä/>\n```"],
            ["<a><b></a>", "<a/> and more", "text", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"],
        ),
        ({"root": "port"}, ["<port/>"], ["<a><port/></a>"]),
    ],
    "data:regular_expression": [
        ({"pattern": r"\d+|none"}, ["42", " none\n"], ["42 or so", "nonesuch", "x"]),
        ({"pattern": r"(?i)berth \d", "whole": False}, ["At Berth 4."], ["at berth four"]),
        ({"pattern": "^(a+)+$"}, ["aaa"], ["a" * 20_000 + "b"]),
    ],
    "data:label_set": [
        ({"labels": ["spam", "no spam"]}, [" spam\n"], ["Spam", "spam.", "spam spam"])
    ],
    "data:number": [
        ({}, ["-2.5", " 1,000 "], ["2.5 kg", "1e5", "1,00", "two", "1."]),
        ({"minimum": 0, "maximum": 1}, ["0", "0.5", "1"], ["-0.1", "1.01"]),
    ],
    "citation:numbered": [
        (
            {},
            ["So [2], as was said [1].", "a [1–3] b [2]"],
            ["So [2].", "none", "[1](http://a.b) [x]"],
        ),
        ({"exactly": 3}, ["a [1, 2-3]"], ["a [1][2]"]),
        (
            {"listed": True},
            ["a [1].\n\n[1] Lee", "a [1]\n1. Lee"],
            ["a [1].", "a [1] b [2]\n\n[1] Lee"],
        ),
    ],
    "citation:author_year": [
        (
            {"exactly": 2},
            [
                "So (Lee, 2019; Roe et al. 2020a).",
                "Lee (2019) and (see Roe, 1871, p. 4)",
                "Roe et al. (2019, p. 4), Łoś (1999)",
            ],
            ["in (2019) and (1999)", "(Lee, 2019)", "(Lee) and (1234)"],
        )
    ],
    "citation:footnotes": [
        ({"exactly": 1}, ["a[^1]\n\n[^1]: b"], ["a[^1]", "[^1]: b", "a[^1] c[^2]\n\n[^1]: b"])
    ],
    "quotation:count": [
        ({"exactly": 2}, ['"a" and “b”', "„a“ «b»"], ['"a', "'a' 'b'", '"a" "b" "c"', '"a\nb" "c"'])
    ],
    "quotation:text": [
        (
            {"text": "to the sea"},
            ["He went “to the sea.”", '"to the sea"'],
            ["to the sea", '"To the sea"'],
        )
    ],
    "presence:dates": [
        ({"form": "YYYY-MM-DD"}, ["on 2024-02-29."], ["2023-02-29", "12024-02-29", "29.02.2024"]),
        (
            {"form": "DD.MM.YYYY", "exactly": 2},
            ["01.02.2003, 31.12.1999."],
            ["1.2.2003 01.02.2003"],
        ),
        ({"form": "DD/MM/YYYY"}, ["31/12/1999"], ["12/31/1999"]),
        ({"form": "MM/DD/YYYY"}, ["12/31/1999"], ["31/12/1999"]),
    ],
    "presence:urls": [
        (
            {"exactly": 1},
            ["see https://a.example/b?c=d#e.", "(http://a.co)"],
            ["www.a.com", "http://a"],
        )
    ],
    "presence:emails": [
        ({"exactly": 1}, ["to ann.lee+x@mail.example.org!"], ["ann@lee", "@a.com", "a@b.co c@d.co"])
    ],
    "presence:hashtags": [({"exactly": 2}, ["#sea and (#Über_1)"], ["#1 #sea", "# sea", "a#b #c"])],
    "punctuation:forbidden": [({"marks": "!;"}, ["So, there."], ["So!", "a; b"])],
    "punctuation:sentences_end_with": [
        ({"mark": "?"}, ["Who? “Why?” And so?"], ["Who? Me.", "no mark", "Well?!"])
    ],
    "punctuation:balanced": [({}, ["a (b [c] {d})", "none"], ["(a", "a)", "(a [b) c]"])],
}
