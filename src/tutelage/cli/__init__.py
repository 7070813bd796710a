"""The front door: one file a verb, which parses, calls one job and prints.

Verbs import what they need inside their functions, so that `tutelage --help` loads no torch.
"""

from tutelage.cli.app import main

__all__ = ["main"]
