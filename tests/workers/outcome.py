"""What has to hold at the end of a way, whatever went wrong on it: everything once, nothing left over."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import timedelta

from chalicelib.domain import events as e
from chalicelib.domain.commit import commit_to_json, first_broken
from chalicelib.domain.due import due
from tests.files import EICAR
from tests.halls import COURIER
from tests.workers.journeys import Ending, Way


def check(way: Way, expected: Ending) -> None:
    """Fails with what is not as it should be."""
    assert way.case.ending == expected.ending
    _check_log(way)
    _check_couriers(way, expected)
    _check_money(way, expected)
    _check_certificates(way, expected)
    _check_messages(way)
    _check_files(way, expected)
    _check_nothing_is_left(way)


def _check_log(way: Way) -> None:
    commits = way.record.commits
    assert first_broken(map(commit_to_json, commits)) is None
    assert [commit.version for commit in commits] == list(range(1, len(commits) + 1))
    once = [
        (
            type(event).__name__,
            *(getattr(event, name, "") for name in ("leg", "attempt", "state", "task", "happening", "submission")),
        )
        for event in way.events
        if not isinstance(event, e.CourierOrdered | e.CheckoutOpened)
    ]
    assert [each for each, times in Counter(once).items() if times > 1] == []


def _check_couriers(way: Way, expected: Ending) -> None:
    courier = way.hall.courier(COURIER)
    assert sorted(courier.orders) == sorted(f"{way.number}-{leg}-1" for leg in expected.legs)
    assert all(courier.query(s.order, s.waybill) for s in way.case.shipments)
    called_off = [order for order in courier.orders if courier.is_called_off(order)]
    assert called_off == ([f"{way.number}-pickup-1"] if expected.ending == "withdrawn" else [])


def _check_money(way: Way, expected: Ending) -> None:
    payments = way.hall.payments
    charged = [checkout.amount.amount for checkout in payments.checkouts.values() if checkout.state == "paid"]
    assert charged == [expected.fee]
    assert [payment.amount for payment in way.case.payments] == [expected.fee]
    assert not any(payment.surplus for payment in way.case.payments)
    assert sum(refund.amount.amount for _, refund in payments.refunds.values()) == expected.refunded
    assert sum(refund.amount for refund in way.case.refunds if refund.state == "done") == expected.refunded
    assert [checkout.id for checkout in payments.checkouts.values() if checkout.state == "open"] == []


def _check_certificates(way: Way, expected: Ending) -> None:
    issued, hall = way.case.certificates, way.hall
    assert len(issued) == len(hall.files.stored) == expected.certificates
    for certificate in issued:
        record = hall.register.get(certificate.number)
        pdf = hall.files.get(f"certificates/{way.number}/{certificate.number}.pdf")
        assert record is not None
        assert pdf is not None
        assert record.digest == certificate.digest == hashlib.sha256(pdf).hexdigest()
        assert record.delivered_at is not None, "brought to the door, and still in delivery for all the world"


def _check_messages(way: Way) -> None:
    """One for each happening, at a gateway that keeps keys; the applicants of these tests have no e-mail address."""
    sent = [message.key for message in way.hall.notifier.messages]
    assert sorted(sent) == sorted(f"{way.number}-{happening.key}-sms" for happening in way.case.happenings)
    assert way.case.told == {happening.key for happening in way.case.happenings}


def _check_files(way: Way, expected: Ending) -> None:
    """What the desk reads is there, clean, and just as it was sent."""
    kept = [way.hall.uploads.stored[f"kept/{way.number}/{file.upload}"] for file in way.case.kept]
    assert [file.content_type for file in kept] == [file.content_type for file in way.case.kept]
    assert [file.content_type for file in kept] == list(expected.files)
    assert not any(
        EICAR in stored.content for key, stored in way.hall.uploads.stored.items() if key.startswith("kept/")
    )


def _check_nothing_is_left(way: Way) -> None:
    later = way.hall.clock() + timedelta(seconds=1)
    assert list(way.hall.log.unrelayed(later)) == []
    assert list(way.hall.inbox.new_before(later)) == []
    assert list(way.hall.inbox.failed()) == []
    assert due(way.case, later) == ()
