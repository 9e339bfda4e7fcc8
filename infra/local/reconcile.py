"""``python -m infra.local.reconcile [DATE]``: have the open hall reconcile a day, and show how many differences it has.

Without a day, it is yesterday and the others that the hall compares by itself every night; but few laptops are awake
then.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import date

from infra.local import cloud
from infra.local.layout import Layout


def main() -> int:
    """Exit status 0 when there is nothing that a person has to look into."""
    event = event_of(sys.argv[1:])
    layout = Layout.from_env()
    if not layout.ready.exists():
        print(f'No hall is open here ({layout.ready} is missing). Open one with "make run" first.', file=sys.stderr)
        return 1
    function = json.loads(layout.ready.read_text())["stack"]["ReconcileName"]
    answer = cloud.client(layout, "lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    found = json.loads(answer["Payload"].read())
    print(json.dumps(found, indent=2, ensure_ascii=False))
    return 1 if any(found.values()) else 0


def event_of(arguments: Sequence[str]) -> dict[str, str]:
    """What the function is called with. SystemExit: that is no date."""
    parser = argparse.ArgumentParser(description="Reconcile the open local hall with its payment provider.")
    about = "such as 2026-11-22, in the hall's time zone; without it, the days that every night compares"
    parser.add_argument("date", nargs="?", type=date.fromisoformat, help=about)
    day = parser.parse_args(arguments).date
    return {"date": day.isoformat()} if day else {}


if __name__ == "__main__":
    sys.exit(main())
