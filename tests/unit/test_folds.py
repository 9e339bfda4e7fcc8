"""A process goes on with the fold of a case where it ended, and never with another log's."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.ports import CaseRecord
from chalicelib.usecases.execute import fold_record, load
from chalicelib.usecases.folds import MOST, Folds
from tests.halls import MemoryHall
from tests.workers.journeys import CATALOGUE, Way, licence


def walked() -> Way:
    way = Way(MemoryHall(catalogue=CATALOGUE))
    licence(way)
    return way


def test_going_on_gives_what_folding_anew_gives() -> None:
    way = walked()
    hall, record = way.hall, way.record
    hall.folds = going_on = Folds()
    for length in range(1, len(record.commits) + 1):
        part = CaseRecord(record.commits[:length])
        hall.folds = going_on
        one_by_one = fold_record(hall, way.number, part)
        hall.folds = Folds()
        assert one_by_one == fold_record(hall, way.number, part)
    assert one_by_one == load(hall, way.number).case


def test_an_older_reading_of_the_log_is_folded_as_it_is() -> None:
    way = walked()
    older = CaseRecord(way.record.commits[:3])
    assert fold_record(way.hall, way.number, older).version == 3


def test_what_was_kept_of_another_log_is_not_gone_on_with() -> None:
    case = walked().case
    record = walked().record
    folds = Folds()
    folds.keep(replace(case, head="another chain's"))
    assert folds.begun(case.number, record) is None


def test_few_cases_are_kept() -> None:
    case = walked().case
    folds = Folds()
    for n in range(MOST + 1):
        folds.keep(replace(case, number=str(n)))
    record = CaseRecord((replace(walked().record.commits[0], hash=case.head),) * case.version)
    assert folds.begun("0", record) is None
    assert folds.begun("1", record) is not None
