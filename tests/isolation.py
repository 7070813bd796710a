"""Whether this machine lets anyone make user namespaces, found without our own code."""

from __future__ import annotations

import shutil
import subprocess

import pytest


def _isolates() -> bool:
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "--user", "--map-root-user", "--net", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_isolation = pytest.mark.skipif(
    not _isolates(), reason="no user namespaces here: nothing untrusted may run"
)
