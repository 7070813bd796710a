"""Suites asked of models: which ones, the asking, what is kept of it, and what it comes to.

`tutelage eval` and `tutelage compare` are these jobs; the suites themselves are in
`evaluate/suites`.
"""
