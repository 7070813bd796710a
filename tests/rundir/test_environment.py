import subprocess
import sys

import torch

from tutelage.rundir import environment


def test_it_describes_this_process() -> None:
    found = environment()
    assert found["packages"]["torch"] == torch.__version__
    assert found["threads"]["torch"] == torch.get_num_threads()
    assert found["cpu"]["cores"] >= 1
    assert found["memory_bytes"] > 2**28
    assert found["date"].endswith("+00:00")


def test_importing_the_room_loads_no_torch() -> None:
    check = "import sys, tutelage.rundir; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
