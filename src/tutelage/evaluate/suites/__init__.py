"""The suites that can be asked; each is one file, registered under its name.

`evaluate/suite.py` says what a suite is.
"""
