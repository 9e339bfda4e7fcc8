"""A hall in memory, and browsers that look at its pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from chalice.test import Client

from app import app
from chalicelib import wiring
from tests.halls import MemoryHall
from tests.web.browser import Browser


@pytest.fixture
def hall() -> Iterator[MemoryHall]:
    with wiring.standing_in(MemoryHall()) as hall:
        yield hall


@pytest.fixture
def browse(hall: MemoryHall) -> Iterator[Callable[..., Browser]]:
    """Gives a browser that asks for a language."""
    with Client(app) as client:
        yield lambda language="en": Browser(client, language)


@pytest.fixture
def browser(browse: Callable[..., Browser]) -> Browser:
    return browse()
