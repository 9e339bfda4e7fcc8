"""The process that looks into one file of a stranger: bytes in, media type and fault out, a line each.

It imports as little as it can: somebody waits for it on a page. See ``isolated_inspector``.
"""

from __future__ import annotations

import resource
import sys

from chalicelib.forms.inspection import inspect


def main(seconds: str, memory: str, *accepts: str) -> None:
    """Use no more than so many seconds of the processor and bytes of memory, and write no file."""
    for what, most in (
        (resource.RLIMIT_CPU, int(seconds)),
        (resource.RLIMIT_AS, int(memory)),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(what, (most, most))
    sys.stdout.write("\n".join(inspect(sys.stdin.buffer.read(), accepts)))


if __name__ == "__main__":
    main(*sys.argv[1:])
