"""Energy is read from the processors' counters, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tutelage.train import energy
from tutelage.train.energy import EnergyMeter


def set_counter(folder: Path, package: int, microjoules: int) -> None:
    counters = folder / f"intel-rapl:{package}"
    counters.mkdir(exist_ok=True)
    (counters / "energy_uj").write_text(f"{microjoules}\n")
    (counters / "max_energy_range_uj").write_text("1000000000\n")


def test_packages_are_added_up_and_counters_wrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(energy, "_COUNTERS", tmp_path)
    set_counter(tmp_path, 0, 5_000_000)
    set_counter(tmp_path, 1, 999_000_000)
    with EnergyMeter() as meter:
        set_counter(tmp_path, 0, 7_500_000)
        set_counter(tmp_path, 1, 3_000_000)
    assert meter.joules == pytest.approx(2.5 + 4.0)
    assert "RAPL" in meter.source


def test_nothing_is_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "_COUNTERS", tmp_path / "absent")
    with EnergyMeter() as meter:
        pass
    assert meter.joules is None and "not readable" in meter.source
    monkeypatch.setattr(energy, "_COUNTERS", tmp_path)
    with EnergyMeter() as meter:  # a counter that appears meanwhile measured nothing
        set_counter(tmp_path, 0, 7)
    assert meter.joules is None
