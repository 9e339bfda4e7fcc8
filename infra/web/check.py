"""``python -m infra.web.check``: checks the types of the pages' scripts, which their JSDoc tells."""

from __future__ import annotations

import sys

from infra.web.build import SCRIPTS
from infra.web.node import MODULES, BuildFailed, alone, fetch, run


def check() -> None:
    """BuildFailed with every fault and its place."""
    with alone():
        fetch(checks=True)
    run(MODULES / "typescript/bin/tsc", "--project", str(SCRIPTS / "jsconfig.json"))


def main() -> None:
    try:
        check()
    except BuildFailed as trouble:
        sys.exit(str(trouble))


if __name__ == "__main__":
    main()
