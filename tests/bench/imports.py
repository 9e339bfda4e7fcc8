"""How long a cold start imports, in the package as Lambda unpacks it, with its byte code and without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from infra.aws.package import BUILD, package

RUNS = 9
WORK = {
    "the application": "import app",
    "the application and its store": (
        "import app; from chalicelib.adapters.dynamodb import case_log, inbox, lookups, read_model; "
        "from chalicelib.adapters.dynamodb.tables import connect; connect('cn-north-1')"
    ),
}


def import_times() -> Iterator[tuple[str, float, float]]:
    """What is imported, and the median milliseconds with ``.pyc`` and without."""
    with tempfile.TemporaryDirectory() as scratch:
        compiled, bare = Path(scratch, "compiled"), Path(scratch, "bare")
        with zipfile.ZipFile(package("local", build=BUILD / "bench") / "deployment.zip") as archive:
            archive.extractall(compiled)
        shutil.copytree(compiled, bare, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"), symlinks=True)
        for name, work in WORK.items():
            yield name, _milliseconds(compiled, work), _milliseconds(bare, work)


def _milliseconds(task: Path, work: str) -> float:
    code = f"import sys, time; sys.path.insert(0, {str(task)!r}); t = time.perf_counter(); {work}; "
    code += "print(1000 * (time.perf_counter() - t))"
    environment = {"PATH": os.defpath, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    command = [sys.executable, "-I", "-S", "-B", "-c", code]
    times = [
        float(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
        for _ in range(RUNS)
    ]
    return median(times[1:])  # the first one warms the machine's own cache
