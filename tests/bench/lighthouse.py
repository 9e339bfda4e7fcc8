"""``python -m tests.bench.lighthouse`` (``make lighthouse``): Lighthouse's scores of pages of the open local hall.

As on a mid-range phone with a slow line, which Lighthouse simulates. Scores of speed depend on the machine and on what
else it does: measure with nothing else running. Exit status 1 where a score is below ``LEAST``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from infra.local.demo import Hall, Walk
from infra.web.node import MODULES, alone, fetch, run
from tests.chromium import ARGUMENTS, CHROMIUM

LEAST = 98
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
FORM = "/services/business-licence-change/apply"
PAID_FOR = "residence-certificate"  # the service of the case whose tracking page is looked at


def audit(address: str, categories: Sequence[str] = CATEGORIES) -> dict[str, float]:
    """Scores from 0 to 100 by category; what stands against a perfect one goes to standard error.

    BuildFailed: Lighthouse or the browser did not run.
    """
    assert CHROMIUM, "no Chromium on this machine"
    os.environ.setdefault("CHROME_PATH", CHROMIUM)  # where Lighthouse looks
    with alone():
        fetch(checks=True)
    with tempfile.TemporaryDirectory() as room:
        report = Path(room) / "report.json"
        run(
            MODULES / "lighthouse/cli/index.js", address, "--quiet", "--no-enable-error-reporting", "--output=json",
            f"--output-path={report}", f"--only-categories={','.join(categories)}",
            f"--chrome-flags=--headless=new {' '.join(ARGUMENTS)}",
        )  # fmt: skip
        found = json.loads(report.read_text("utf-8"))
    _tell(found)
    return {name: 100 * category["score"] for name, category in found["categories"].items()}


def _tell(report: Mapping[str, object]) -> None:
    audits, categories = report["audits"], report["categories"]
    assert isinstance(audits, dict)
    assert isinstance(categories, dict)
    for name, category in categories.items():
        for one in category["auditRefs"]:
            found = audits[one["id"]]
            if one["weight"] and found["score"] is not None and found["score"] < 1:
                print(f"  {name}: {found['title']} {found.get('displayValue', '')}", file=sys.stderr)


def tracking_page(hall: Hall) -> str:
    """The address of a new case."""
    walk = Walk(hall, PAID_FOR)
    walk.submit()
    return f"{hall.addresses['hall']}/t/{walk.tracking}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Lighthouse's scores of the form's and the tracking page.")
    state = Path(os.environ.get("STATE", ".local"))
    parser.add_argument("--hall", type=Path, default=state / "hall.json", help="the addresses of the running hall")
    arguments = parser.parse_args()
    if not arguments.hall.exists():
        print(f'No hall is open here ({arguments.hall} is missing). Open one with "make run" first.', file=sys.stderr)
        return 1
    hall = Hall(json.loads(arguments.hall.read_text()))
    table = Table("page", *CATEGORIES, title="Lighthouse, mobile")
    lowest = 100.0
    for name, address in (("form", hall.addresses["hall"] + FORM), ("tracking", tracking_page(hall))):
        scores = audit(address)
        table.add_row(name, *(f"{scores[category]:.0f}" for category in CATEGORIES))
        lowest = min(lowest, *scores.values())
    Console().print(table)
    return 0 if lowest >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
