"""What a run leaves on disk, and how to read it back.

`RunFolder` names every part of a run; `replacing`, `write_json` and `write_text` write a part so
that a kill leaves the old file or the new one; `TrainLog` is the log of training;
`environment()` says where a run took place; `held` keeps a second process out, and `made` leaves no
empty folder behind.
"""

from tutelage.rundir.atomic import check_replaceable, read_json, replacing, write_json, write_text
from tutelage.rundir.environment import environment
from tutelage.rundir.folder import CHECKPOINT, RESULTS, RunFolder
from tutelage.rundir.hold import FolderInUse, held, made
from tutelage.rundir.log import TrainLog

__all__ = [
    "CHECKPOINT",
    "RESULTS",
    "FolderInUse",
    "RunFolder",
    "TrainLog",
    "check_replaceable",
    "environment",
    "held",
    "made",
    "read_json",
    "replacing",
    "write_json",
    "write_text",
]
