"""Audit a dataset before anything is trained on it. Behind `tutelage audit`."""

from tutelage.pipeline.audit.clean import check_target, clean
from tutelage.pipeline.audit.engine import local
from tutelage.pipeline.audit.job import Audited, audit
from tutelage.pipeline.audit.on_ray import on_ray
from tutelage.pipeline.audit.selected import selected_path, write_selected

__all__ = [
    "Audited",
    "audit",
    "check_target",
    "clean",
    "local",
    "on_ray",
    "selected_path",
    "write_selected",
]
