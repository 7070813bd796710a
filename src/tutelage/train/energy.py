"""Energy used, where the machine lets it be read.

Intel and AMD processors count it (RAPL, in /sys/class/powercap, often for root only and rarely
in a virtual machine). Where nothing can be read, nothing is estimated.
"""

from __future__ import annotations

from pathlib import Path

_COUNTERS = Path("/sys/class/powercap")


class EnergyMeter:
    """Measures the processors' energy from entering to leaving.

    Attributes:
        joules: used meanwhile, or None where it cannot be read.
        source: what was read, or why not.
    """

    joules: float | None = None
    source: str = "not readable on this machine"

    def __enter__(self) -> EnergyMeter:
        """Start counting."""
        self._before = _read()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop counting."""
        after = _read()
        if self._before and self._before.keys() == after.keys():
            used = [_used(before, after[package]) for package, before in self._before.items()]
            self.joules = sum(used) / 1e6
            self.source = "RAPL, processor packages only"


def _read() -> dict[Path, tuple[int, int]]:
    """Each package's counter and the value at which it starts again, in microjoules."""
    found = {}
    for package in sorted(_COUNTERS.glob("intel-rapl:[0-9]")):
        try:
            counter = int((package / "energy_uj").read_text())
            found[package] = (counter, int((package / "max_energy_range_uj").read_text()))
        except (OSError, ValueError):
            continue
    return found


def _used(before: tuple[int, int], after: tuple[int, int]) -> int:
    used = after[0] - before[0]
    return used if used >= 0 else used + after[1]
