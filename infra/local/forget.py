"""``python -m infra.local.forget``: throws away what a closed hall kept. Standard library only."""

from __future__ import annotations

import fcntl
import shutil
import sys

from infra.local.layout import BadSetting, Layout


def main() -> None:
    """Forget cases, keys, logs. Exits with a sentence while the hall is open."""
    try:
        layout = Layout.from_env()
    except BadSetting as bad:
        sys.exit(str(bad))
    layout.state.mkdir(parents=True, exist_ok=True)
    with layout.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("The hall is open: close it first (Ctrl-C where it runs).")
        forget(layout)
    print(f"{layout.state} is forgotten.")


def forget(layout: Layout) -> None:
    """Remove everything of one hall; the Python environments stay."""
    for directory in (layout.cloud, layout.logs, layout.stripe, layout.courier):
        shutil.rmtree(directory, ignore_errors=True)
    for file in (layout.secrets, layout.messages, layout.ready):
        file.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
