"""What every courier does, whoever it is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from chalicelib.domain.shipments import FINAL, Move, standing, state_of
from chalicelib.ports import (
    COURIER_REASONS,
    COURIER_STATES,
    CourierOrder,
    CourierWebhook,
    Forged,
    News,
    Shipment,
    VendorError,
    VendorRejected,
    VendorTemporary,
    VendorUnknown,
)
from infra.local.courier_counterpart.dialects import TAKEN_BACK
from tests.conformance.kit import check
from tests.conformance.listener import Received
from tests.conformance.rigs import NOBODYS_WAYBILL, Ability, CannotTell, Profile, Rig, an_order

MOVES, HEARS, PUSHES = Ability.MOVES, Ability.HEARS, Ability.PUSHES
ERRS, LOOKS, NETWORK, DRIVE = Ability.ERRS, Ability.LOOKS, Ability.NETWORK, Ability.DRIVE
_WAY = ("picked_up", "in_transit", "out_for_delivery", "delivered")
_NONSENSE = (b"", b"{}", b"[]", b"null", b'{"logitcsInterface":"|$4|"}', b"\xff\xfe", b"sign=&param=", b"[" * 9999)
_DAY = timedelta(days=1)


def _tells(*states: str) -> Callable[[Profile], str]:
    def fits(rig: Profile) -> str:
        missing = [state for state in states if state not in rig.words.states]
        return f"this courier has no word for {', '.join(missing)}" if missing else ""

    return fits


def _signed(rig: Profile) -> str:
    return "" if rig.wire.signed else "the wire format has no signature: its secret address alone protects it"


def _timed(rig: Profile) -> str:
    return "" if rig.wire.timed else "the wire format has no signed time: an old message is the same message again"


def _untimed(rig: Profile) -> str:
    return "the wire format has a signed time" if rig.wire.timed else ""


def _takes_back(rig: Profile) -> str:
    return "" if rig.words.takes_back else "this courier takes nothing back"


# --- ordering ----------------------------------------------------------------------------------------------------


@check()
def an_order_gets_a_waybill(rig: Rig) -> None:
    """An order is answered with its own number and a waybill."""
    order = an_order()
    shipment = rig.courier.order(order)
    assert shipment.order == order.number, f"the answer is about {shipment.order!r}"
    assert shipment.waybill or not rig.wire.numbers_at_once, "there is no waybill"
    if LOOKS in rig.abilities:
        assert len(rig.booked(order.number)) == 1, "it is not in the book once"


@check()
def an_order_needs_no_window(rig: Rig) -> None:
    """A parcel that the sender hands over needs no hours."""
    order = an_order("delivery", window=False)
    assert rig.courier.order(order).order == order.number


@check()
def the_same_number_again_is_the_same_shipment(rig: Rig) -> None:
    """An order that is repeated is answered with the shipment it has, and nothing is booked."""
    order = an_order()
    first = rig.courier.order(order)
    assert rig.courier.order(order) == first, "the second answer is another one"
    _is_booked_once(rig, order)


@check()
def the_same_number_at_the_same_time_is_one_shipment(rig: Rig) -> None:
    """Orders of one number that arrive at once are one shipment."""
    order = an_order()
    with ThreadPoolExecutor(4) as callers:
        waybills = {shipment.waybill for shipment in callers.map(rig.courier.order, [order] * 4)}
    assert len(waybills) == 1, f"there are {len(waybills)} waybills"
    _is_booked_once(rig, order)


@check()
def another_number_is_another_shipment(rig: Rig) -> None:
    """Two numbers never share a shipment, not even for the same parties and hours."""
    first = rig.courier.order(an_order())
    assert rig.courier.order(an_order()).waybill != first.waybill or not first.waybill, "they share a waybill"


@check()
def an_order_that_was_not_answered_is_found_or_ordered_again(rig: Rig) -> None:
    """After an order that was booked but not answered, asking or ordering again gives that one shipment."""
    order = an_order()
    _raises(VendorUnknown, lambda: rig.order_unanswered(order))
    rig.begin()
    found = rig.courier.query(order.number, "")
    if LOOKS in rig.abilities:
        assert found is not None or not rig.courier.finds_by_order, "asking by the order number does not find it"
    again = rig.courier.order(order)
    assert found is None or not found.waybill or found.waybill == again.waybill, "it was booked twice"
    _is_booked_once(rig, order)


@check(ERRS)
def a_refused_order_books_nothing(rig: Rig) -> None:
    """A refusal is a refusal: nothing is booked, and the same number may be ordered later."""
    order = an_order()
    rig.err("refuse")
    _raises(VendorRejected, lambda: rig.courier.order(order))
    assert rig.booked(order.number) == [], "it is booked all the same"
    rig.begin()
    assert rig.courier.order(order).order == order.number


@check(ERRS)
def no_error_carries_personal_data(rig: Rig) -> None:
    """What goes wrong is told without names, phones and addresses."""
    order = an_order()
    rig.err("refuse")
    fault = _raises(VendorRejected, lambda: rig.courier.order(order))
    told = f"{fault!r} {fault} {fault.__cause__!r} {fault.__context__!r}"
    assert not _personal(order, told), f"it tells: {told}"


@check(NETWORK)
def a_courier_that_can_not_be_reached_has_done_nothing(rig: Rig) -> None:
    """Without a connection nothing happened, and that is what the hall is told."""
    courier, order = rig.unreachable(), an_order()
    _raises(VendorTemporary, lambda: courier.order(order))
    _raises(VendorTemporary, lambda: courier.query(order.number, "1000000000000"))


# --- calling off -------------------------------------------------------------------------------------------------


@check()
def a_shipment_can_be_called_off_before_pickup_and_once_more(rig: Rig) -> None:
    """Before it is picked up an order can be called off; calling it off again is no error."""
    shipment = rig.courier.order(an_order())
    rig.courier.cancel(shipment.order, shipment.waybill)
    rig.courier.cancel(shipment.order, shipment.waybill)


@check(HEARS, fits=_tells("cancelled"))
def a_cancellation_is_told_too(rig: Rig) -> None:
    """What the hall has called off is told as cancelled, by message or on asking."""
    shipment = rig.courier.order(an_order())
    rig.courier.cancel(shipment.order, shipment.waybill)
    found = rig.courier.query(shipment.order, shipment.waybill)
    by_asking = found is not None and any(news.state == "cancelled" for news in found.news)
    assert by_asking or rig.told(shipment)[-1].state == "cancelled", "nobody tells that it is cancelled"


@check(MOVES)
def a_shipment_can_not_be_called_off_after_pickup(rig: Rig) -> None:
    """Once the courier has it in hand, calling off is refused."""
    shipment = rig.courier.order(an_order())
    rig.move(shipment, _first_under_way(rig))
    _raises(VendorRejected, lambda: rig.courier.cancel(shipment.order, shipment.waybill))


@check(MOVES, fits=_tells("exception"))
def a_pickup_in_vain_can_be_called_off(rig: Rig) -> None:
    """A parcel that could not be fetched has not left: its order can still be called off."""
    shipment = rig.courier.order(an_order())
    rig.move(shipment, "exception", reason=_reason(rig, "exception", "nobody_home", "not_collectable"))
    rig.courier.cancel(shipment.order, shipment.waybill)


@check()
def an_unknown_shipment_can_not_be_called_off(rig: Rig) -> None:
    """Calling off what was never ordered is refused."""
    _raises(VendorRejected, lambda: rig.courier.cancel(an_order().number, NOBODYS_WAYBILL))


# --- asking ------------------------------------------------------------------------------------------------------


@check()
def nothing_is_known_of_what_was_never_ordered(rig: Rig) -> None:
    """Asking for an order that does not exist finds nothing."""
    assert rig.courier.query(an_order().number, "") is None, "it finds something"


@check()
def there_is_no_news_of_a_waybill_that_is_not_the_couriers(rig: Rig) -> None:
    """An unknown waybill has no news."""
    found = rig.courier.query(an_order().number, NOBODYS_WAYBILL)
    assert found is None or found.news == (), "it has news"


@check()
def a_new_shipment_is_known_and_has_not_moved(rig: Rig) -> None:
    """What was just ordered is found under its waybill, and is at most about to be fetched."""
    shipment = rig.courier.order(an_order())
    found = rig.courier.query(shipment.order, shipment.waybill)
    if found is None:
        assert not rig.courier.finds_by_order, "it is not found by its number"
        assert not shipment.waybill, "it is not found by its waybill"
        return
    assert (found.order, found.waybill) == (shipment.order, shipment.waybill), "another one is found"
    assert {news.state for news in found.news} <= {"ordered", "pickup_scheduled"}, "it has moved already"


@check(MOVES, HEARS, fits=lambda rig: "" if rig.wire.history else "a query tells only where the parcel is")
def a_query_gives_the_very_news_that_was_told_oldest_first(rig: Rig) -> None:
    """Asking tells what the messages told, with the same identities and times, so that nothing is taken for new."""
    shipment = rig.courier.order(an_order())
    told = _journey(rig, shipment, _way(rig))
    if "delivered" in rig.words.takes_back:
        told += _moved(rig, shipment, TAKEN_BACK["delivered"], undoes="delivered")
    found = rig.courier.query(shipment.order, shipment.waybill)
    assert found is not None, "it is not found"
    assert [news.at for news in found.news] == sorted(news.at for news in found.news), "it is not oldest first"
    assert _once(told) == [news for news in found.news if news.identity in {each.identity for each in told}]
    assert {news.state for news in found.news if news not in told} <= {"ordered", "pickup_scheduled"}, "it tells more"


@check(MOVES, HEARS, DRIVE)
def a_stale_answer_changes_nothing(rig: Rig) -> None:
    """What an earlier answer told is still told by a later one: an answer that comes late adds nothing."""
    shipment = rig.courier.order(an_order())
    way = _way(rig)
    _journey(rig, shipment, way[:2])
    stale = rig.courier.query(shipment.order, shipment.waybill)
    _journey(rig, shipment, way[2:])
    fresh = rig.courier.query(shipment.order, shipment.waybill)
    assert stale is not None, "it is not found under way"
    assert fresh is not None, "it is not found in the end"
    if rig.wire.history:
        assert set(stale.news) <= set(fresh.news), "the later answer has other news of the same things"
    assert _state([*fresh.news, *stale.news]) == _state(fresh.news) == way[-1], "the late answer turned it back"


@check(MOVES, HEARS, ERRS)
def a_message_that_never_came_is_found_by_asking(rig: Rig) -> None:
    """Asking tells of what no message was sent."""
    shipment = rig.courier.order(an_order())
    rig.err("lose")
    rig.move(shipment, _first_under_way(rig))
    found = rig.courier.query(shipment.order, shipment.waybill)
    assert _state(found.news if found else ()) == _first_under_way(rig), "it is not told"


# --- what news says ----------------------------------------------------------------------------------------------


@check(MOVES, HEARS)
def every_state_is_told_with_waybill_order_and_time(rig: Rig) -> None:
    """Each state that the courier has a word for arrives as that state, with waybill, number, time and code."""
    for state in sorted(rig.words.states):
        shipment = rig.courier.order(an_order())
        news = _tried(rig, shipment, state)
        if news is None:
            continue
        assert (news.state, news.undoes) == (state, ""), f"{state} arrives as {news.state} {news.undoes}"
        assert news.waybill == shipment.waybill or not shipment.waybill, f"{state} is told of waybill {news.waybill!r}"
        assert news.order in ("", shipment.order), f"{state} is told of order {news.order!r}"
        assert news.order or news.waybill, f"{state} is told of nothing"
        assert news.at.tzinfo is not None, f"the time of {state} has no zone"
        assert abs(datetime.now(UTC) - news.at) < _DAY or not _is_live(rig), f"{state} is told of {news.at}"
        assert news.code, f"{state} is told without a code"


@check(MOVES, HEARS, DRIVE, fits=lambda rig: "" if rig.words.reasons else "this courier tells no reasons")
def every_reason_is_told_with_its_state(rig: Rig) -> None:
    """Each reason that the courier has a word for arrives with its state; a state without one arrives without one."""
    for state, reason in sorted(rig.words.reasons):
        assert state in COURIER_STATES
        assert reason in COURIER_REASONS
        news = _tried(rig, rig.courier.order(an_order()), state, reason)
        if news is not None:
            assert (news.state, news.reason) == (state, reason), f"{state} {reason}: {news.state} {news.reason}"


@check(MOVES, HEARS, DRIVE, fits=_takes_back)
def what_is_taken_back_says_what_it_takes_back(rig: Rig) -> None:
    """Taking back names the state that is void, and leaves the one before it."""
    for state in sorted(rig.words.takes_back):
        shipment = rig.courier.order(an_order())
        told = _journey(rig, shipment, _way_to(rig, state))
        before = told[-1].at
        try:
            told += _moved(rig, shipment, TAKEN_BACK[state], undoes=state)
        except CannotTell:
            continue
        assert told[-1].undoes == state, f"{state} is taken back as {told[-1].undoes!r}"
        assert told[-1].at > before, f"{state} is taken back before it happened"
        assert state not in {move.state for move in standing(_moves(told))}, f"{state} still stands"
        assert state not in FINAL or _state(told) not in FINAL, f"{state} is still the end"


@check(MOVES, HEARS, DRIVE)
def news_of_one_second_still_has_an_order_in_time(rig: Rig) -> None:
    """Things that happen at once still have an order, and an identity each."""
    shipment = rig.courier.order(an_order())
    told = [_moved(rig, shipment, state)[-1] for state in ("in_transit", "out_for_delivery") * 2]
    assert all(earlier.at < later.at for earlier, later in pairwise(told)), "their times do not rise"
    assert len({news.identity for news in told}) == 4, "they are taken for the same"


@check(MOVES, HEARS, DRIVE)
def repeated_and_overtaken_news_comes_to_the_same(rig: Rig) -> None:
    """News in any order, and any number of times, adds up to where the parcel is."""
    shipment = rig.courier.order(an_order())
    told = _journey(rig, shipment, _way(rig))
    dice = random.Random(shipment.order)
    for _ in range(20):
        shuffled = dice.sample(told * 3, k=len(told) * 3)
        assert _state(shuffled) == _way(rig)[-1], f"it came to {_state(shuffled)}"


@check(MOVES, HEARS, DRIVE, fits=_tells("delivered", "in_transit"))
def a_regression_does_not_open_what_is_delivered(rig: Rig) -> None:
    """A scan that comes after the delivery takes nothing back: only taking back does."""
    shipment = rig.courier.order(an_order())
    told = [*_journey(rig, shipment, _way(rig)), *_moved(rig, shipment, "in_transit")]
    assert not any(news.undoes for news in told), "it is told as taken back"
    assert _state(told) == "delivered", f"it came to {_state(told)}"


# --- messages ----------------------------------------------------------------------------------------------------


@check(MOVES, PUSHES)
def a_message_goes_to_the_secret_address(rig: Rig) -> None:
    """Messages go to the courier's own address at the hall, with the secret part that they have agreed upon."""
    push = _a_push(rig)[1]
    assert push.path.split("/")[1:4] == ["webhooks", "couriers", rig.webhook.code], "it goes elsewhere"
    assert len(push.path.split("/")) == 5, "the secret part is missing"


@check(MOVES, PUSHES)
def a_message_that_was_turned_away_comes_again_as_the_same(rig: Rig) -> None:
    """A message that the hall could not take is repeated, and tells the very same."""
    shipment = rig.courier.order(an_order())
    rig.turn_away(shipment)
    rig.move(shipment, _first_under_way(rig))
    pushes = [rig.push(shipment) for _ in range(2)]
    assert len({_identity(rig, push) for push in pushes}) == 1, "it is taken for another message"
    assert rig.webhook.read(pushes[0].body) == rig.webhook.read(pushes[1].body), "it tells something else"


@check(MOVES, PUSHES, LOOKS)
def a_message_that_was_acknowledged_is_not_repeated(rig: Rig) -> None:
    """The hall's acknowledgement is one that the courier understands."""
    _a_push(rig)
    assert rig.all_is_heard(), "it keeps on repeating"


@check(MOVES, PUSHES)
def different_messages_have_different_identities(rig: Rig) -> None:
    """No message is taken for the repetition of another one."""
    shipment = rig.courier.order(an_order())
    identities = []
    for state in _way(rig):
        rig.move(shipment, state)
        identities.append(_identity(rig, rig.push(shipment)))
    assert len(set(identities)) == len(identities), "one is taken for another"


@check(MOVES, PUSHES)
def a_message_carries_no_personal_data(rig: Rig) -> None:
    """Names, phones and addresses stay where they are."""
    push = _a_push(rig)[1]
    assert not _personal(an_order(), push.body.decode("utf-8", "replace")), "it tells of a person"


@check(MOVES, PUSHES, fits=_signed)
def an_altered_message_is_forged_or_says_the_very_same(rig: Rig) -> None:
    """Whatever is changed in a message, it is refused, or understood as what it was."""
    push = _a_push(rig)[1]
    told = _understood(rig.webhook, push)
    size = len(push.body)
    for at in range(0, size, max(1, size // 40)):
        for altered in (_flipped(push.body, at), push.body[:at] + push.body[at + 1 :], push.body[:at]):
            assert _understood(rig.webhook, replace(push, body=altered)) in (None, told), f"byte {at} changes the news"


@check(MOVES, PUSHES, fits=_signed)
def a_message_of_somebody_elses_hall_is_forged(rig: Rig) -> None:
    """Other secrets open nothing."""
    assert _understood(rig.stranger(), _a_push(rig)[1]) is None, "it is taken"


@check(NETWORK)
def nonsense_is_refused_or_tells_nothing(rig: Rig) -> None:
    """What is no message of this courier has no effect, and is answered with a refusal."""
    for body in _NONSENSE:
        told = _understood(rig.webhook, Received("", {}, body))
        assert told is None or (not rig.wire.signed and not told[1]), f"{body[:20]!r} is taken"
    assert 400 <= rig.webhook.refuse().status < 500, f"the refusal is {rig.webhook.refuse().status}"


@check(MOVES, PUSHES, fits=_timed)
def a_message_of_another_time_is_refused(rig: Rig) -> None:
    """A message that is old, or of the future, is refused: it may be played again by somebody who has seen it."""
    push = _a_push(rig)[1]
    now = datetime.now(UTC)
    assert _understood(rig.webhook, push, now + timedelta(minutes=4)), "a message of four minutes ago is refused"
    for moment in (now + timedelta(minutes=6), now - timedelta(minutes=6)):
        assert _understood(rig.webhook, push, moment) is None, "a message of six minutes away is taken"


@check(MOVES, PUSHES, fits=_untimed)
def a_message_played_again_years_later_is_the_same_message(rig: Rig) -> None:
    """Where the wire has no signed time, a replay has the identity of what it repeats, whenever it comes."""
    push = _a_push(rig)[1]
    now = datetime.now(UTC)
    assert _understood(rig.webhook, push, now + 800 * _DAY) == _understood(rig.webhook, push, now), "it is a new one"


# --- helpers -----------------------------------------------------------------------------------------------------


def _raises(kind: type[VendorError], act: Callable[[], object]) -> VendorError:
    try:
        act()
    except kind as fault:
        return fault
    except VendorError as fault:
        raise AssertionError(f"the failure is told as {type(fault).__name__}, not as {kind.__name__}") from fault
    raise AssertionError(f"it is answered as done, not with {kind.__name__}")


def _is_booked_once(rig: Rig, order: CourierOrder) -> None:
    if LOOKS in rig.abilities:
        assert len(rig.booked(order.number)) == 1, f"it is booked {len(rig.booked(order.number))} times"


def _personal(order: CourierOrder, text: str) -> bool:
    parties = (order.sender, order.receiver)
    return any(part in text for party in parties for part in (party.name, party.phone, party.street))


def _is_live(rig: Rig) -> bool:
    return PUSHES in rig.abilities


def _way(rig: Rig) -> list[str]:
    """From door to door, as far as the courier has words for it."""
    return [state for state in _WAY if state in rig.words.states]


def _way_to(rig: Rig, state: str) -> list[str]:
    way = _WAY[: _WAY.index(state) + 1] if state in _WAY else (*_WAY[:3], state)
    return [each for each in way if each in rig.words.states]


def _first_under_way(rig: Rig) -> str:
    return _way(rig)[0]


def _reason(rig: Rig, state: str, *wanted: str) -> str:
    return next((reason for reason in wanted if (state, reason) in rig.words.reasons), "")


def _moved(rig: Rig, shipment: Shipment, state: str, *, reason: str = "", undoes: str = "") -> list[News]:
    rig.move(shipment, state, reason=reason, undoes=undoes)
    told = list(rig.told(shipment))
    assert told, f"{undoes or state} is told without news"
    return told


def _tried(rig: Rig, shipment: Shipment, state: str, reason: str = "") -> News | None:
    try:
        return _moved(rig, shipment, state, reason=reason)[-1]
    except CannotTell:
        return None


def _journey(rig: Rig, shipment: Shipment, states: Iterable[str]) -> list[News]:
    return [news for state in states for news in _moved(rig, shipment, state)]


def _once(told: Iterable[News]) -> list[News]:
    """Each piece of news once, by its identity, oldest first."""
    return sorted({news.identity: news for news in told}.values(), key=lambda news: news.at)


def _moves(told: Iterable[News]) -> list[Move]:
    return [Move(each.state, each.at, each.code, each.identity, each.undoes, each.reason) for each in _once(told)]


def _state(told: Sequence[News]) -> str:
    """Where the parcel is, as the hall adds it up."""
    return state_of(_moves(told))


def _a_push(rig: Rig) -> tuple[Shipment, Received]:
    shipment = rig.courier.order(an_order())
    rig.move(shipment, _first_under_way(rig))
    return shipment, rig.push(shipment)


def _identity(rig: Rig, push: Received) -> str:
    return rig.webhook.authenticate(push.headers, push.body, datetime.now(UTC))


def _understood(
    webhook: CourierWebhook, push: Received, now: datetime | None = None
) -> tuple[str, tuple[News, ...]] | None:
    """Identity and news of a message; None when it is refused, no news when it can't be read."""
    try:
        identity = webhook.authenticate(push.headers, push.body, now or datetime.now(UTC))
    except Forged:
        return None
    try:
        return identity, webhook.read(push.body)
    except ValueError:
        return identity, ()


def _flipped(body: bytes, at: int) -> bytes:
    """Another letter at this place."""
    return body[:at] + (b"A" if body[at : at + 1] != b"A" else b"B") + body[at + 1 :]
