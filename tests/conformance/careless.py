"""A courier's adapter that is careless, one carelessness at a time: the kit has to catch each.

It speaks the open contract like the real one, and then gets one thing wrong that adapters do get wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from chalicelib.adapters.couriers.http import Http
from chalicelib.adapters.couriers.open_http import OpenCourier, OpenWebhook
from chalicelib.adapters.couriers.terms import Terms
from chalicelib.ports import (
    Courier,
    CourierOrder,
    CourierWebhook,
    News,
    Reply,
    Shipment,
    VendorRejected,
    VendorTemporary,
    VendorUnknown,
)
from tests.conformance.rigs import CounterpartRig, Ear, other_secret

_Rewrite = Callable[[News], News]


class CarelessCourier(OpenCourier):
    """Does well what its subclass does not get wrong. ``misread`` is done to each piece of news that it gives."""

    misread: _Rewrite = staticmethod(lambda news: news)

    def query(self, order: str, waybill: str) -> Shipment | None:
        found = super().query(order, waybill)
        return found and replace(found, news=tuple(type(self).misread(news) for news in found.news))


class CarelessWebhook(OpenWebhook):
    """Likewise."""

    misread: _Rewrite = staticmethod(lambda news: news)

    def read(self, body: bytes) -> tuple[News, ...]:
        return tuple(type(self).misread(news) for news in super().read(body))


class OrdersAnew(CarelessCourier):
    def order(self, order: CourierOrder) -> Shipment:
        return replace(super().order(replace(order, number=f"{order.number}-{uuid4().hex[:8]}")), order=order.number)


class TakesSilenceForNo(CarelessCourier):
    def order(self, order: CourierOrder) -> Shipment:
        try:
            return super().order(order)
        except VendorUnknown as fault:
            raise VendorTemporary(fault.vendor, fault.code) from fault


class TakesNoForMaybe(CarelessCourier):
    def order(self, order: CourierOrder) -> Shipment:
        try:
            return super().order(order)
        except VendorRejected as fault:
            raise VendorUnknown(fault.vendor, fault.code) from fault


class TellsOfPeople(CarelessCourier):
    def order(self, order: CourierOrder) -> Shipment:
        try:
            return super().order(order)
        except VendorRejected as fault:
            raise VendorRejected(fault.vendor, f"{fault.code}: {order.sender.name} {order.sender.street}") from fault


class HasOneWaybill(CarelessCourier):
    def order(self, order: CourierOrder) -> Shipment:
        return replace(super().order(order), waybill="1000000000000")


class CallsOffAnything(CarelessCourier):
    def cancel(self, order: str, waybill: str) -> None:
        with suppress(VendorRejected):
            super().cancel(order, waybill)


class CallsOffOnce(CarelessCourier):
    def cancel(self, order: str, waybill: str) -> None:
        found = self.query(order, waybill)
        if found and any(news.state == "cancelled" for news in found.news):
            raise VendorRejected(self.code, "cancelled_already")
        super().cancel(order, waybill)


class CallsOffNothingWithTrouble(CarelessCourier):
    def cancel(self, order: str, waybill: str) -> None:
        found = self.query(order, waybill)
        if found and any(news.state == "exception" for news in found.news):
            raise VendorRejected(self.code, "too_late")
        super().cancel(order, waybill)


class FindsWhatNobodyOrdered(CarelessCourier):
    def query(self, order: str, waybill: str) -> Shipment | None:
        return super().query(order, waybill) or Shipment(order, waybill)


class AsksNobody(CarelessCourier):
    def query(self, order: str, waybill: str) -> Shipment | None:
        found = super().query(order, waybill)
        return found and replace(found, news=())


class NamesNewsByTheAsking(CarelessCourier):
    misread = staticmethod(lambda news: replace(news, identity=uuid4().hex))


class TakesTheTimeOfTelling(CarelessWebhook):
    misread = staticmethod(lambda news: replace(news, at=datetime.now(UTC)))


class ForgetsTheZone(CarelessWebhook):
    misread = staticmethod(lambda news: replace(news, at=news.at.replace(tzinfo=None)))


class ForgetsWhy(CarelessWebhook):
    misread = staticmethod(lambda news: replace(news, reason=""))


class ForgetsWhatIsTakenBack(CarelessWebhook):
    misread = staticmethod(lambda news: replace(news, undoes=""))


class TakesBackWhatComesLate(CarelessWebhook):
    misread = staticmethod(lambda news: replace(news, undoes="delivered") if news.state == "in_transit" else news)


class TakesAnAttemptForADelivery(CarelessWebhook):
    misread = staticmethod(lambda news: replace(news, state="delivered") if news.state == "delivery_failed" else news)


class TakesItsReturnForADelivery(CarelessWebhook):
    misread = staticmethod(lambda news: replace(news, state="delivered") if news.state == "returned" else news)


class BelievesEverybody(CarelessWebhook):
    def authenticate(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        return headers.get("webhook-id", "")


class MindsNoClock(CarelessWebhook):
    def authenticate(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        at = datetime.fromtimestamp(int(headers.get("webhook-timestamp", "0")), UTC)
        return super().authenticate(headers, body, at)


class CountsEachAttempt(CarelessWebhook):
    def authenticate(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        return super().authenticate(headers, body, now) + uuid4().hex


class TakesAllForOne(CarelessWebhook):
    def authenticate(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        return super().authenticate(headers, body, now) and "shipment.moved"


class ThanksNobody(CarelessWebhook):
    def acknowledge(self, body: bytes) -> Reply:
        return replace(super().acknowledge(body), status=500)


class RefusesWithAThankYou(CarelessWebhook):
    def refuse(self) -> Reply:
        return self.acknowledge(b"")


CARELESSNESS: Mapping[type[CarelessCourier | CarelessWebhook], tuple[str, ...]] = {
    OrdersAnew: (
        "the_same_number_again_is_the_same_shipment",
        "the_same_number_at_the_same_time_is_one_shipment",
        "an_order_that_was_not_answered_is_found_or_ordered_again",
    ),
    TakesSilenceForNo: ("an_order_that_was_not_answered_is_found_or_ordered_again",),
    TakesNoForMaybe: ("a_refused_order_books_nothing",),
    TellsOfPeople: ("no_error_carries_personal_data",),
    HasOneWaybill: ("another_number_is_another_shipment",),
    CallsOffAnything: (
        "a_shipment_can_not_be_called_off_after_pickup",
        "an_unknown_shipment_can_not_be_called_off",
    ),
    CallsOffOnce: ("a_shipment_can_be_called_off_before_pickup_and_once_more",),
    CallsOffNothingWithTrouble: ("a_pickup_in_vain_can_be_called_off",),
    FindsWhatNobodyOrdered: ("nothing_is_known_of_what_was_never_ordered",),
    AsksNobody: ("a_message_that_never_came_is_found_by_asking", "a_stale_answer_changes_nothing"),
    NamesNewsByTheAsking: (
        "a_query_gives_the_very_news_that_was_told_oldest_first",
        "a_stale_answer_changes_nothing",
    ),
    TakesTheTimeOfTelling: ("a_query_gives_the_very_news_that_was_told_oldest_first",),
    ForgetsTheZone: ("every_state_is_told_with_waybill_order_and_time",),
    ForgetsWhy: ("every_reason_is_told_with_its_state",),
    ForgetsWhatIsTakenBack: ("what_is_taken_back_says_what_it_takes_back",),
    TakesBackWhatComesLate: ("a_regression_does_not_open_what_is_delivered",),
    TakesAnAttemptForADelivery: ("every_state_is_told_with_waybill_order_and_time",),
    TakesItsReturnForADelivery: ("every_state_is_told_with_waybill_order_and_time",),
    BelievesEverybody: (
        "an_altered_message_is_forged_or_says_the_very_same",
        "a_message_of_somebody_elses_hall_is_forged",
        "nonsense_is_refused_or_tells_nothing",
        "a_message_of_another_time_is_refused",
    ),
    MindsNoClock: ("a_message_of_another_time_is_refused",),
    CountsEachAttempt: ("a_message_that_was_turned_away_comes_again_as_the_same",),
    TakesAllForOne: ("different_messages_have_different_identities",),
    ThanksNobody: ("a_message_that_was_acknowledged_is_not_repeated",),
    RefusesWithAThankYou: ("nonsense_is_refused_or_tells_nothing",),
}
"""What may be got wrong -> the checks that have to catch it."""


class CarelessRig(CounterpartRig):
    """The counterpart's open side, with an adapter of the hall's that is careless in this way, or honest (None)."""

    def __init__(
        self, carelessness: type[CarelessCourier | CarelessWebhook] | None, url: str, terms: Terms, ear: Ear
    ) -> None:
        self._carelessness = carelessness
        super().__init__("open", url, terms, terms, ear)

    def _courier(self, terms: Terms) -> Courier:
        if self._carelessness and issubclass(self._carelessness, CarelessCourier):
            url, secret = terms.options["url"], terms.secrets["secret"]
            return self._carelessness(url, secret, http=Http("open", read_s=terms.read_s))
        return super()._courier(terms)

    def stranger(self) -> CourierWebhook:
        return careless_webhook(self._carelessness, other_secret())


def careless_webhook(carelessness: type[CarelessCourier | CarelessWebhook] | None, secret: str) -> CourierWebhook:
    """The webhook that is careless in this way, or honest."""
    if carelessness and issubclass(carelessness, CarelessWebhook):
        return carelessness(secret)
    return OpenWebhook(secret)
