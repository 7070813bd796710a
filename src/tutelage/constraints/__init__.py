"""Verifiable constraints: instructions whose fulfilment a program can decide from the response.

`constraint(id, kwargs)` makes a typed `Constraint` of an id, a published one such as
`length_constraints:number_words` or one of ours; `holds` is the strict rule, `holds_loosely` the
loose one. `CONSTRAINTS` lists the kinds; a new kind is one class in a module of this folder, or in
a file of a user's (`own.load_kinds`).
"""

from tutelage.constraints.constraint import (
    CONSTRAINTS,
    Constraint,
    constraint,
    holds,
    holds_loosely,
)

__all__ = ["CONSTRAINTS", "Constraint", "constraint", "holds", "holds_loosely"]
