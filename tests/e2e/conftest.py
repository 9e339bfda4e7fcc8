"""One local hall for all tests that walk through it: opened once, closed as Ctrl-C does."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.demo import Hall, Walk
from tests.chromium import chromium
from tests.e2e.backstage import Backstage
from tests.e2e.halls import PATIENCE_S, OneHall, free_ports

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_shared = pytest.StashKey[OneHall]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed shows the hall's logs."""
    report = yield
    shared = item.config.stash.get(_shared, None)
    if report.failed and shared is not None and shared.is_open:
        report.sections += [(f"the hall's {name}", text) for name, text in shared.open.logs()]
    return report


@pytest.fixture(scope="session")
def one_hall(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[OneHall]:
    shared = OneHall(tmp_path_factory.mktemp("one-hall"), free_ports())
    pytestconfig.stash[_shared] = shared
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def door(one_hall: OneHall) -> Iterator[Hall]:
    """The hall as everybody outside sees it."""
    with closing(Hall(one_hall.open.addresses, PATIENCE_S)) as hall:
        yield hall


@pytest.fixture
def backstage(one_hall: OneHall) -> Backstage:
    return Backstage(one_hall.open)


@pytest.fixture
def walk(door: Hall) -> Callable[..., Walk]:
    """Begins a walk that tells of its steps: ``walk(service, kind=Walk, **options)``."""

    def begin(service: str, kind: type[Walk] = Walk, **options: Any) -> Walk:
        return kind(door, service, lambda line: print(f"  {line}"), **options)

    return begin
