"""For every room of tests: the pages' texts are compiled before the first test, so that none sees old ones."""

from __future__ import annotations

import pytest

from infra.web.texts import compile_texts


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # once, not in each process of pytest-xdist
        compile_texts()
