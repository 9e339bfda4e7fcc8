"""The cases that this process has folded last, so that folding one again goes on where it ended.

A worker is called several times in a row for the same case, and its log only ever grows. A commit's hash stands for
all commits up to it.
"""

from __future__ import annotations

from chalicelib.domain.case import Case
from chalicelib.ports import CaseRecord

MOST = 64  # cases; a few hundred kilobytes


class Folds:
    """One for a process. Only saves time: an empty one does as well."""

    def __init__(self) -> None:
        self._cases: dict[str, Case] = {}

    def begun(self, number: str, record: CaseRecord) -> Case | None:
        """The case after some of these very commits, as many as its version says; None when it was not met lately."""
        case = self._cases.get(number)
        if case is None or not 0 < case.version <= len(record.commits):
            return None
        return case if record.commits[case.version - 1].hash == case.head else None

    def keep(self, case: Case) -> Case:
        """Keep it in place of an older state, and the one longest kept no longer when there are too many."""
        self._cases.pop(case.number, None)
        self._cases[case.number] = case
        while len(self._cases) > MOST:
            self._cases.pop(next(iter(self._cases)), None)
        return case
