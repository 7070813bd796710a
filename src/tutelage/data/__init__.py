"""From files in any usual shape to examples, split for training, with an account of every row.

`load` reads what a recipe names; `Splits` is what it gives; the `Ledger` knows every row's fate.
"""

from tutelage.data.example import Example, Message, Source
from tutelage.data.fates import Fate, Reason
from tutelage.data.ledger import Ledger
from tutelage.data.load import load
from tutelage.data.splits import Splits

__all__ = ["Example", "Fate", "Ledger", "Message", "Reason", "Source", "Splits", "load"]
