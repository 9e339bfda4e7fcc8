"""``python -m tests.bench`` (``make bench``): measures the hall on this machine and prints one table per question.

Nothing here passes or fails. ``ROWS=200000`` makes the longer of the two queues longer.
"""

from __future__ import annotations

import os
import platform
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench import engines, imports, timing, work
from tests.contract.stored import stored_hall
from tests.contract.stores import DynamoStore
from tests.workers.journeys import new_hall

FORMS_IN_MEMORY, FORMS_STORED = 300, 100
SMALL_QUEUE = 200
console = Console()


def main() -> None:
    work.quiet()
    console.print(
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )
    show("Imports of a cold start, ms (median)", ("", "with .pyc", "without"), list(imports.import_times()))
    secrets = ("checked by", "first byte wrong", "last byte wrong", "t", "")
    show("Refusing a wrong secret, µs (median)", secrets, list(timing.refusals()))
    commits, folding, loading = work.fold_and_due()
    show(f"A case of {commits} commits, ms (median)", ("fold + due", "read + fold"), [(folding, loading)])
    speeds = [("in memory", work.submissions_per_second(new_hall(), FORMS_IN_MEMORY, "In memory"))]
    for name in engines.NAMES:
        with engines.engine(name) as store:
            if isinstance(store, str):
                console.print(f"{name}: {store}")
                continue
            speeds.append((name, _stored_speed(store, name)))
            _show_store(store, name)
    show("Forms per second through the API, one after another", ("store", "per second"), speeds)


def _stored_speed(store: DynamoStore, name: str) -> float:
    with stored_hall(store) as hall:
        return work.submissions_per_second(hall, FORMS_STORED, name)


def _show_store(store: DynamoStore, name: str) -> None:
    trips = [(what, _told(sent)) for what, sent in work.round_trips(store)]
    show(f"Requests to DynamoDB ({name}), counted", ("operation", "requests"), trips)
    sizes = (SMALL_QUEUE, int(os.environ.get("ROWS", "20000")))
    pages = list(work.queue_pages(store, sizes))
    show(f"A page of 50 of the desk's queue ({name})", ("rows", "page", "requests", "ms (median)"), pages)


def _told(sent: Any) -> str:
    return ", ".join(f"{times} {name}" for name, times in sorted(sent.items())) or "none"


def show(title: str, columns: tuple[str, ...], rows: list[Any]) -> None:
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row))
    console.print(table)


main()
