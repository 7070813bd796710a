"""What can become of a row, and every reason for it, declared once.

A row is kept as it stood, changed (its text differs from the file's), truncated to fit, or
dropped. A dropped row is *lost* if it was defective or did not fit; a row set aside on purpose
(not sampled, or a copy of a test item) is dropped but not lost, and does not count towards
`data.max_lost`. A later stage that needs a new reason adds it here.
"""

from __future__ import annotations

from enum import Enum, IntEnum


class Fate(IntEnum):
    """What became of a row; a larger value is worse, and a fate only ever gets worse."""

    KEPT = 0
    CHANGED = 1
    TRUNCATED = 2
    DROPPED = 3


class Reason(Enum):
    """Why a row is not simply kept.

    Attributes:
        code: the name in files and messages.
        lost: whether a row dropped for it counts as lost.
        meaning: one phrase for reports.
    """

    # The row could not be read.
    NOT_JSON = ("not_json", True, "the line is not valid JSON")
    NOT_A_ROW = ("not_a_row", True, "the row is not an object with named fields")
    WRONG_COLUMNS = ("wrong_columns", True, "the row's cells do not match the header")
    TOO_LARGE = ("too_large", True, "the row is larger than any row may be")
    # The row's content does not fit its format.
    MISSING_FIELD = ("missing_field", True, "a field that the format needs is missing")
    EMPTY_FIELD = ("empty_field", True, "a field that must hold text is empty")
    WRONG_VALUE = ("wrong_value", True, "a field holds something other than the format says")
    TURN_ORDER = ("turn_order", True, "its turns are not in the order that the format asks for")
    # The row was read, but not as it stood.
    END_OF_TEXT_REMOVED = ("end_of_text_removed", False, "an end-of-text marker was removed")
    NULL_REMOVED = ("null_removed", False, "null characters were removed")
    NUMBER_AS_TEXT = ("number_as_text", False, "a number was taken as text")
    EMPTY_SYSTEM_REMOVED = ("empty_system_removed", False, "an empty system message was removed")
    UNANSWERED_TURN_REMOVED = (
        "unanswered_turn_removed",
        False,
        "turns after the last answer were removed",
    )
    TAGS_TO_IOB2 = ("tags_to_iob2", False, "IOB1 tags were rewritten as IOB2")
    # The row was set aside on purpose.
    NOT_SAMPLED = ("not_sampled", False, "the row was not drawn (a source's limit, or a subset)")
    DUPLICATE_OF_TEST = ("duplicate_of_test", False, "its prompt stands in a set kept for testing")
    AUDIT_ERROR = ("audit_error", False, "the audit found an error in the row")
    NO_RESPONSE = ("no_response", False, "the row has no desired response to learn from")
    NO_NEGATIVE = ("no_negative", False, "the row has no undesired response to compare with")
    # The row met the tokenizer and the length limit.
    TEMPLATE_REFUSED = ("template_refused", True, "the chat template refuses the conversation")
    NOTHING_SUPERVISED = ("nothing_supervised", True, "no token is left to learn from")
    NO_CONTRAST = (
        "no_contrast",
        True,
        "an undesired response has the tokens of the desired one",
    )
    ANSWER_TOO_LONG = (
        "answer_too_long",
        True,
        "the answer has more tokens than a masked model has places for",
    )
    OVER_LONG = ("over_long", True, "the example is longer than the limit")
    PROMPT_TRUNCATED = ("prompt_truncated", False, "the prompt was shortened to fit")
    RESPONSE_TRUNCATED = ("response_truncated", False, "the response was shortened to fit")

    def __init__(self, code: str, lost: bool, meaning: str) -> None:
        self.code = code
        self.lost = lost
        self.meaning = meaning


REASONS = {reason.code: reason for reason in Reason}
