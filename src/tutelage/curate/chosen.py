"""Which checks an audit runs, and why it leaves the others out.

A check is left out because the user said so, or because what it needs is not there; both are said
in the result. Nothing is left out silently.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tutelage.constraints import CONSTRAINTS
from tutelage.curate.check import CHECKS, FEATURES, WHOLE_CHECKS, Check, Feature, WholeCheck
from tutelage.curate.findings import Severity
from tutelage.curate.selection import METHODS
from tutelage.data.audit_options import AuditOptions
from tutelage.errors import UserError, missing_extra, unknown_name
from tutelage.own_files import OWN, load_own

PAGE = 'see docs/audit.md, "A check of your own"'


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an audit runs.

    Attributes:
        checks: of single rows, by name.
        features: what the checks of the whole need of each row, by name.
        whole: checks of the whole, by name, each after those it builds on.
        skipped: names of the others, with the reason.
    """

    checks: dict[str, Check]
    features: dict[str, Feature]
    whole: dict[str, WholeCheck]
    skipped: dict[str, str]

    def severity(self, name: str) -> Severity:
        """Severity of a check's findings, as the user or the check says."""
        check = self.checks.get(name) or self.whole[name]
        said = check.options.severity.get(name, check.severity)
        return check.severity if said == "off" else said


def choose(options: AuditOptions, folder: Path = Path(), against: bool = False) -> Chosen:
    """The checks that the options ask for.

    Args:
        options: the audit's.
        folder: what relative paths of own checks start from.
        against: whether there are evaluation sets to compare with.

    Raises:
        UserError: an option names no check, a file of own checks cannot be used, or rows are to be
            selected by what is not there.
    """
    registries = (CHECKS, WHOLE_CHECKS, CONSTRAINTS)
    own = {load_own(folder / path, registries, PAGE) for path in options.own}
    of_rows = [name for name in CHECKS.names() if _is_asked(CHECKS.get(name), own)]
    of_all = [name for name in WHOLE_CHECKS.names() if _is_asked(WHOLE_CHECKS.get(name), own)]
    _check_names(options, {*of_rows, *of_all})
    skipped: dict[str, str] = {}
    checks = {
        name: CHECKS.get(name)(options)
        for name in of_rows
        if _wanted(name, CHECKS.get(name), options, skipped)
    }
    names = [
        name
        for name in _in_order(of_all)
        if _wanted(name, WHOLE_CHECKS.get(name), options, skipped, against)
    ]
    whole: dict[str, WholeCheck] = {}
    features: dict[str, Feature] = {}
    for name in names:
        check = WHOLE_CHECKS.get(name)(options)
        missing = [before for before in check.before if before not in whole]
        if missing:
            skipped[name] = f"it builds on {missing[0]}, which is left out"
            continue
        whole[name] = check
        features.update({used: FEATURES.get(used)(options) for used in check.uses})
    features.update(_to_select_by(options))
    return Chosen(checks, features, whole, skipped)


def _to_select_by(options: AuditOptions) -> dict[str, Feature]:
    """The features that rows are selected by."""
    if options.select is None:
        return {}
    method = METHODS.get(options.select_by, "data.audit.select_by")
    if method.scored and options.model is None:
        raise UserError(
            f"selection by {options.select_by} needs scores by a model, and none is named",
            where="data.audit.select_by",
            fix="name one (--model), such as smollm2-135m-instruct",
        )
    for name in method.uses:
        feature = FEATURES.get(name)
        if feature.slow and options.rules_only:
            raise UserError(
                f"selection by {options.select_by} needs embeddings, and only rules are asked for",
                where="data.audit.select",
                fix="leave out --rules-only, or select by random",
            )
        for module in feature.needs:
            if importlib.util.find_spec(module) is None:
                raise missing_extra(module, feature.extra, f"selection by {options.select_by}")
    return {name: FEATURES.get(name)(options) for name in method.uses}


def is_own(check: Check | WholeCheck | type[Check] | type[WholeCheck]) -> bool:
    """Whether a check is of a user's file."""
    return check.__module__.startswith(OWN)


def _is_asked(check: type[Check] | type[WholeCheck], own: Collection[str]) -> bool:
    """Whether a check is of the house or of a file that is asked for, not of another audit's."""
    return not is_own(check) or check.__module__ in own


def _check_names(options: AuditOptions, known: Collection[str]) -> None:
    for setting in ("only", "skip"):
        for pattern in getattr(options, setting):
            if not any(fnmatchcase(name, pattern) for name in known):
                raise unknown_name("check", pattern, known, where=f"audit.{setting}")
    for name in options.severity:
        if name not in known:
            raise unknown_name("check", name, known, where="audit.severity")


def _wanted(
    name: str,
    check: type[Check] | type[WholeCheck],
    options: AuditOptions,
    skipped: dict[str, str],
    against: bool = True,
) -> bool:
    """Whether a check runs; the reason is noted if it does not."""
    reason = _reason(name, check, options, against)
    if reason is not None:
        skipped[name] = reason
    return reason is None


def _reason(
    name: str, check: type[Check] | type[WholeCheck], options: AuditOptions, against: bool
) -> str | None:
    """Why a check is left out; None if it is not."""
    if options.only and not _named(name, options.only):
        return "not asked for"
    if _named(name, options.skip) or options.severity.get(name) == "off":
        return "left out on request"
    if options.rules_only and _is_slow(check):
        return "only rules are asked for"
    if issubclass(check, WholeCheck) and check.against and not against:
        return "no evaluation set is given (--against)"
    if issubclass(check, WholeCheck) and check.scored and options.model is None:
        return "no model is named (--model)"
    if issubclass(check, WholeCheck) and check.judged and options.judge.model is None:
        return "no judge is named (--judge-model)"
    for module, extra in _missing(check):
        return f"needs {module}: pip install 'tutelage[{extra}]'"
    return None


def _named(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _is_slow(check: type[Check] | type[WholeCheck]) -> bool:
    uses = check.uses if issubclass(check, WholeCheck) else ()
    return check.slow or any(FEATURES.get(name).slow for name in uses)


def _missing(check: type[Check] | type[WholeCheck]) -> Iterator[tuple[str, str]]:
    """Modules that are not installed, each with the extra that brings it."""
    uses = check.uses if issubclass(check, WholeCheck) else ()
    for wanting in (check, *(FEATURES.get(name) for name in uses)):
        for module in wanting.needs:
            if importlib.util.find_spec(module) is None:
                yield module, wanting.extra


def _in_order(names: list[str]) -> list[str]:
    """The names, each after those it builds on."""
    ordered: list[str] = []

    def add(name: str) -> None:
        for before in WHOLE_CHECKS.get(name).before:
            add(before)
        if name not in ordered:
            ordered.append(name)

    for name in names:
        add(name)
    return ordered
