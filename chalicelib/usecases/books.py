"""The hall's books: written along with the relaying of commits, and folded anew from the log at any time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import islice

from chalicelib.domain.case import Case
from chalicelib.domain.ledger import books, has_money
from chalicelib.usecases.execute import Loaded, load
from chalicelib.usecases.hall import Hall


def write(hall: Hall, loaded: Loaded, versions: Collection[int] | None = None) -> int:
    """Write down the entries of these commits of a case, or of all of them; gives their number.

    Doing it again changes nothing, and commits without money ask nothing of the store.
    """
    case, commits = loaded.case, loaded.record.commits
    wanted = {c.version for c in commits if has_money(c) and (versions is None or c.version in versions)}
    if not wanted:
        return 0
    before = Case(case.number, case.service, case.calendar)
    entries = [entry for entry in books(before, commits) if entry.version in wanted]
    hall.ledger.put(entries)
    return len(entries)


def fold_anew(hall: Hall, after: str = "", most: int | None = None) -> Iterator[tuple[str, Callable[[], int]]]:
    """Every case behind ``after``, with what writes its books anew from its log and gives the number of its entries.

    ``most`` is the number of cases after which to stop. What is in the books already is written over by the same. Each
    case is done for itself: one that can't be read must not keep the others from their books.
    """
    for number in islice(hall.log.cases(after), most):
        yield number, partial(_fold, hall, number)


def _fold(hall: Hall, number: str) -> int:
    return write(hall, load(hall, number))
