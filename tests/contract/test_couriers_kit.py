"""The conformance kit itself: it catches each carelessness, and can be put to an endpoint from outside."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette

from chalicelib.adapters.couriers.http import utc_now
from infra.local import agreements
from infra.local.courier_counterpart.book import Book
from infra.local.courier_counterpart.chaos import Chaos
from infra.local.courier_counterpart.depot import Depot
from infra.local.courier_counterpart.open_side import OpenSide
from tests.conformance import CHECKS
from tests.conformance.__main__ import asked_of_endpoints, report
from tests.conformance.careless import CARELESSNESS, CarelessCourier, CarelessRig, CarelessWebhook, careless_webhook
from tests.conformance.kit import Verdict, run
from tests.conformance.listener import catching_hall
from tests.conformance.rigs import LONGEST_WAIT_S, Ear, Endpoint, EndpointRig, call, eventually
from tests.contract.courier_rig import OPEN_SECRET, SECRETS, TOKEN, counterpart, serving, terms_of

Carelessness = type[CarelessCourier | CarelessWebhook]
RigOf = Callable[[Carelessness | None], CarelessRig]
IN_VAIN_S = 1.0  # to wait for what a careless one never does


@pytest.fixture(scope="module")
def rig_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigOf]:
    ears: list[Ear] = []
    with (
        catching_hall(lambda push: ears[-1].answer(push)) as hall,
        counterpart(hall.url, tmp_path_factory.mktemp("couriers")) as url,
    ):

        def rig(carelessness: Carelessness | None) -> CarelessRig:
            wait_s = IN_VAIN_S if carelessness else LONGEST_WAIT_S
            ears.append(Ear(hall, careless_webhook(carelessness, OPEN_SECRET), wait_s))
            return CarelessRig(carelessness, url, terms_of("open", url), ears[-1])

        yield rig


@pytest.mark.parametrize("carelessness", [pytest.param(each, id=each.__name__) for each in CARELESSNESS])
def test_each_carelessness_is_caught_by_the_checks_that_are_there_for_it(
    rig_of: RigOf, carelessness: Carelessness
) -> None:
    outcomes = list(run(rig_of(carelessness), (CHECKS[name] for name in CARELESSNESS[carelessness])))
    assert [outcome.check.name for outcome in outcomes if outcome.verdict is not Verdict.FAILED] == []


def failing(rig: CarelessRig) -> set[str]:
    return {outcome.check.name for outcome in run(rig, CHECKS.values()) if outcome.verdict is Verdict.FAILED}


@pytest.mark.thorough
def test_the_whole_kit_tells_the_honest_from_the_careless(rig_of: RigOf) -> None:
    assert failing(rig_of(None)) == set()
    for carelessness, expected in CARELESSNESS.items():
        found = failing(rig_of(carelessness))
        print(carelessness.__name__, *sorted(found), sep="\n  ")
        assert found >= set(expected)


@contextmanager
def counterpart_of_its_own(hall_port: int, state: Path) -> Iterator[str]:
    """The counterpart in another process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {"DOORSTEP_COURIER_TOKEN": TOKEN, "DOORSTEP_COURIER_TERMS": json.dumps(agreements.terms(SECRETS))}
    server = subprocess.Popen(
        [sys.executable, "-m", "infra.local.courier_counterpart", "--port", str(port), "--retry-s", "0.05",
         "--hall-url", f"http://127.0.0.1:{hall_port}", "--state-dir", state],
        env={**os.environ, **environment},
    )  # fmt: skip
    try:
        assert eventually(lambda: answers(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(LONGEST_WAIT_S)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_strangers_endpoint_is_put_to_the_kit_from_outside(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with counterpart_of_its_own(port, tmp_path) as url:
        kit = subprocess.run(
            [sys.executable, "-m", "tests.conformance", "--url", f"{url}/open", "--drive", url,
             "--listen", f"127.0.0.1:{port}"],
            env={**os.environ, "COURIER_SECRET": OPEN_SECRET}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (kit.returncode, kit.stderr) == (0, "")
    assert kit.stdout.endswith(f"{len(asked_of_endpoints())} passed, 0 failed, 0 skipped\n"), kit.stdout


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The counterpart, with nobody who hears its messages."""
    with counterpart("http://127.0.0.1:9", tmp_path_factory.mktemp("couriers")) as url:
        yield url


def test_without_a_way_to_move_parcels_what_needs_it_is_left_out_in_plain_words(
    endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = EndpointRig(Endpoint(f"{endpoint}/open", OPEN_SECRET), ear=None)
    assert report(run(rig, asked_of_endpoints())) == 0
    said = capsys.readouterr().out
    assert "skipped: needs a way to move parcels (DRIVE, or a person)" in said
    assert "and the courier's messages (LISTEN)" in said


def test_a_person_moves_the_parcels_as_the_kit_says(endpoint: str) -> None:
    said: list[str] = []

    def carry_out(instruction: str) -> bool:
        said.append(instruction)
        found = re.fullmatch(
            r"Let parcel (?P<waybill>\d+) \(order .*\) be (?P<state>\w+)(, because: (?P<reason>\w+))?\.|"
            r"Take back that parcel (?P<taken>\d+) \(order .*\) is (?P<undoes>\w+); it is \w+ again\.",
            instruction,
        )
        assert found, instruction
        wish = {name: found[name] for name in ("state", "reason", "undoes") if found[name]}
        return call("POST", f"{endpoint}/waybills/{found['waybill'] or found['taken']}/events", wish).status == 201

    rig = EndpointRig(Endpoint(f"{endpoint}/open", OPEN_SECRET), ear=None, tell=carry_out)
    outcomes = list(run(rig, asked_of_endpoints()))
    assert [outcome for outcome in outcomes if outcome.verdict is Verdict.FAILED] == []
    assert 10 < len(said) < 40  # more would ask too much of a person


def test_an_endpoint_that_believes_everybody_fails(tmp_path: Path) -> None:
    class Believing(OpenSide):
        async def _is_signed(self, *_: object) -> bool:
            return True

    depot = Depot(Book(tmp_path / "book.sqlite"), Chaos(), utc_now)
    with serving(Starlette(routes=Believing({"secret": OPEN_SECRET}).routes(depot))) as url:
        rig = EndpointRig(Endpoint(f"{url}/open", OPEN_SECRET), ear=None)
        failed = {outcome.check.name for outcome in run(rig, asked_of_endpoints()) if outcome.verdict is Verdict.FAILED}
    depot.book.close()
    assert failed == {
        "a_request_that_is_not_signed_by_the_hall_is_refused",
        "a_request_of_another_time_is_refused",
        "a_signature_for_one_request_is_none_for_another",
    }
