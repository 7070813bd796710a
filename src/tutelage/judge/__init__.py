"""Judging responses by a language model: by a rubric, or one against another.

The model that judges also says requests in other words, and whether two ask for the same.
What judges is any function from conversations to answers: a model behind an endpoint or one here.
What is judged is untrusted, and fenced. Nothing here loads torch.
"""

from tutelage.judge.asking import Ask, Unjudged
from tutelage.judge.fence import Fence, kept_secret
from tutelage.judge.pairwise import Pair, Preference, compare
from tutelage.judge.rewording import Rewordings, reword
from tutelage.judge.rubric import CRITERIA, RUBRIC, Exchange, Judgement, rate

__all__ = [
    "CRITERIA",
    "RUBRIC",
    "Ask",
    "Exchange",
    "Fence",
    "Judgement",
    "Pair",
    "Preference",
    "Rewordings",
    "Unjudged",
    "compare",
    "kept_secret",
    "rate",
    "reword",
]
