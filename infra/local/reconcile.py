"""``python -m infra.local.reconcile [DATE]``: have the open hall reconcile a day, and show how many differences it has.

The hall does so by itself every night, for the day before; but few laptops are awake then.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date

from infra.local import cloud
from infra.local.layout import Layout


def main() -> int:
    """Exit status 0 when there is nothing that a person has to look into."""
    parser = argparse.ArgumentParser(description="Reconcile a day of the open local hall with its payment provider.")
    parser.add_argument("date", type=date.fromisoformat, help="such as 2026-11-22, in the hall's time zone")
    day = parser.parse_args().date.isoformat()
    layout = Layout.from_env()
    if not layout.ready.exists():
        print(f'No hall is open here ({layout.ready} is missing). Open one with "make run" first.', file=sys.stderr)
        return 1
    function = json.loads(layout.ready.read_text())["stack"]["ReconcileName"]
    answer = cloud.client(layout, "lambda").invoke(FunctionName=function, Payload=json.dumps({"date": day}))
    found = json.loads(answer["Payload"].read())
    print(json.dumps(found, indent=2, ensure_ascii=False))
    return 0 if found == {day: {}} else 1


if __name__ == "__main__":
    sys.exit(main())
