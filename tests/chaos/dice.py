"""What may go wrong, how likely it is in this journey, and how often it did. One seed decides it all."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")

PER_CALL = (0.0, 0.0, 0.01, 0.05)  # of something that happens dozens of times in a journey
PER_MESSAGE = (0.0, 0.05, 0.2, 0.5)
PER_THING = (0.0, 0.0, 0.15, 0.4)  # of a parcel, a payment, a refund
RARE = (0.0, 0.0, 0.05, 0.15)


class Fault(StrEnum):
    """Everything that goes wrong here. What people do (decline, withdraw …) is no fault: see ``Deed``."""

    PUSH_DROPPED = "courier push dropped"
    PUSH_DOUBLED = "courier push doubled"
    PUSH_LATE = "courier push late, and so out of order"
    PUSHES_NEVER_SENT = "courier never pushes for a parcel"
    PUSH_STRAY = "courier push of a waybill of nobody's"
    PUSH_OUT_OF_TIME = "courier push signed by a clock too far off"
    COURIER_BUSY = "courier answers that it is busy"
    COURIER_DOWN = "courier down for hours, asked in vain"
    COURIER_LOST_REQUEST = "courier timed out before it did it"
    COURIER_LOST_ANSWER = "courier timed out after it did it"
    ORDER_REFUSED = "courier refuses an order"
    PICKUP_LATE = "courier comes hours after the window"
    PICKUP_IN_VAIN = "pickup in vain"
    DELIVERY_IN_VAIN = "delivery in vain"
    PARCEL_RETURNED = "parcel returned to the hall"
    PARCEL_LOST = "parcel lost, and said so"
    PARCEL_VANISHED = "parcel lost without a word"
    PARCEL_FOUND = "lost parcel turns up"
    NEWS_TAKEN_BACK = "courier takes news back"
    WEBHOOK_DROPPED = "payment webhook dropped"
    WEBHOOK_DOUBLED = "payment webhook doubled"
    WEBHOOK_LATE = "payment webhook late, and so out of order"
    WEBHOOK_OUT_OF_TIME = "payment webhook signed by a clock too far off"
    PROVIDER_BUSY = "payment provider answers that it is busy"
    PROVIDER_DOWN = "payment provider down for hours, asked in vain"
    PROVIDER_LOST_REQUEST = "payment provider timed out before it did it"
    PROVIDER_LOST_ANSWER = "payment provider timed out after it did it"
    PAYMENT_SLOW = "payment under way for days"
    PAYMENT_AFTER_FAILURE = "payment succeeds after it failed"
    REFUND_SLOW = "refund under way for days"
    REFUND_REFUSED = "refund refused"
    REFUND_FAILS_LATER = "refund fails after it was under way"
    REFUND_SENT_BACK = "refund fails after it was done"
    DISPUTED = "payment disputed"
    KILLED = "process killed between two calls"
    OVERTAKEN = "another process gets in between two calls"
    CONFLICT = "conditional put met another's"
    TRANSACTION_CONFLICT = "store answers TransactionConflict"
    THROTTLED = "store throttles"
    STORE_LOST_ANSWER = "store timed out after it wrote"
    STEP_LOST = "queue message lost"
    STEP_DOUBLED = "queue message doubled"
    STEP_LATE = "queue message late"
    QUEUE_FAILED = "queue takes no message"
    RECORD_LOST = "stream record lost"
    RECORD_DOUBLED = "stream record doubled"
    RECORD_LATE = "stream record late"
    SWEEP_MISSED = "sweep does not come round"
    GATEWAY_FAILED = "message gateway failed"
    GATEWAY_LOST_ANSWER = "message gateway timed out after it sent"
    FILES_FAILED = "file store or key failed"
    CLOCK_SKEW = "a vendor's clock is off by minutes"


LEVELS: Mapping[Fault, Sequence[float]] = {
    Fault.PUSH_DROPPED: PER_MESSAGE,
    Fault.PUSH_DOUBLED: PER_MESSAGE,
    Fault.PUSH_LATE: PER_MESSAGE,
    Fault.PUSHES_NEVER_SENT: PER_THING,
    Fault.PUSH_STRAY: RARE,
    Fault.COURIER_BUSY: PER_MESSAGE,
    Fault.COURIER_DOWN: PER_THING,
    Fault.COURIER_LOST_REQUEST: PER_MESSAGE,
    Fault.COURIER_LOST_ANSWER: PER_MESSAGE,
    Fault.ORDER_REFUSED: PER_THING,
    Fault.PICKUP_LATE: PER_THING,
    Fault.PICKUP_IN_VAIN: PER_THING,
    Fault.DELIVERY_IN_VAIN: PER_THING,
    Fault.PARCEL_RETURNED: RARE,
    Fault.PARCEL_LOST: RARE,
    Fault.PARCEL_VANISHED: RARE,
    Fault.PARCEL_FOUND: PER_MESSAGE,
    Fault.NEWS_TAKEN_BACK: RARE,
    Fault.WEBHOOK_DROPPED: PER_MESSAGE,
    Fault.WEBHOOK_DOUBLED: PER_MESSAGE,
    Fault.WEBHOOK_LATE: PER_MESSAGE,
    Fault.PROVIDER_BUSY: PER_MESSAGE,
    Fault.PROVIDER_DOWN: PER_THING,
    Fault.PROVIDER_LOST_REQUEST: PER_MESSAGE,
    Fault.PROVIDER_LOST_ANSWER: PER_MESSAGE,
    Fault.PAYMENT_SLOW: PER_THING,
    Fault.PAYMENT_AFTER_FAILURE: PER_MESSAGE,
    Fault.REFUND_SLOW: PER_THING,
    Fault.REFUND_REFUSED: PER_THING,
    Fault.REFUND_FAILS_LATER: PER_MESSAGE,
    Fault.REFUND_SENT_BACK: PER_THING,
    Fault.DISPUTED: PER_THING,
    Fault.KILLED: PER_CALL,
    Fault.OVERTAKEN: PER_CALL,
    Fault.CONFLICT: PER_CALL,
    Fault.TRANSACTION_CONFLICT: PER_MESSAGE,
    Fault.THROTTLED: PER_CALL,
    Fault.STORE_LOST_ANSWER: PER_CALL,
    Fault.STEP_LOST: PER_MESSAGE,
    Fault.STEP_DOUBLED: PER_MESSAGE,
    Fault.STEP_LATE: PER_MESSAGE,
    Fault.QUEUE_FAILED: PER_CALL,
    Fault.RECORD_LOST: PER_MESSAGE,
    Fault.RECORD_DOUBLED: PER_MESSAGE,
    Fault.RECORD_LATE: PER_MESSAGE,
    Fault.SWEEP_MISSED: PER_MESSAGE,
    Fault.GATEWAY_FAILED: PER_MESSAGE,
    Fault.GATEWAY_LOST_ANSWER: PER_MESSAGE,
    Fault.FILES_FAILED: PER_MESSAGE,
    Fault.CLOCK_SKEW: (0.5,),
}


class Dice:
    """Chance, and the book of what it did. After ``heal`` nothing goes wrong any more."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rates = {fault: self.random.choice(levels) for fault, levels in LEVELS.items()}
        self.struck: Counter[Fault] = Counter()
        self.healed = False

    def heal(self) -> None:
        self.healed = True

    def strikes(self, fault: Fault) -> bool:
        """Whether it goes wrong this time; counted if so."""
        rate = self.rates[fault]
        if self.healed or not rate or self.random.random() >= rate:
            return False
        self.struck[fault] += 1
        return True

    def count(self, fault: Fault) -> None:
        """Something went wrong that was decided earlier."""
        self.struck[fault] += 1

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def choice(self, items: Sequence[T]) -> T:
        return self.random.choice(items)

    def seconds(self, least: float, most: float) -> timedelta:
        return timedelta(seconds=round(self.random.uniform(least, most), 3))

    def minutes(self, least: float, most: float) -> timedelta:
        return self.seconds(least * 60, most * 60)

    def hours(self, least: float, most: float) -> timedelta:
        return self.seconds(least * 3600, most * 3600)
