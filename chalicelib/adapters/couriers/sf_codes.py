"""SF Express's codes, and what they mean for us: one table each, with its source.

"Unconfirmed" is what no public document says, only clients and integrators; it is easily changed here.
"""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.ports import VendorError, VendorRejected, VendorTemporary, VendorUnknown

ERRORS: Mapping[str, type[VendorError]] = {
    # Of the platform: apiResultCode. Faults of the hall's own set-up are refusals: asking again changes nothing.
    "A1001": VendorRejected,  # a field of the envelope is missing
    "A1002": VendorTemporary,  # the request has expired; comes after a new token only if a clock is wrong
    "A1003": VendorRejected,  # address not allowed
    "A1004": VendorRejected,  # no permission for this service
    "A1005": VendorTemporary,  # too many: 30 a second, 3,000 a day per service and customer
    "A1006": VendorRejected,  # bad signature
    "A1007": VendorUnknown,  # the very request came before
    "A1008": VendorRejected,  # can't be decrypted
    "A1009": VendorUnknown,  # the system behind the platform has failed
    "A1010": VendorRejected,  # the customer's application is not released for this
    "A1011": VendorRejected,  # no token for this customer
    "A1099": VendorUnknown,  # the platform has failed
    # Of the services: errorCode
    "S0001": VendorRejected,  # bad JSON
    "S0002": VendorRejected,  # a field is missing
    "S0003": VendorUnknown,  # the service has failed
    "S0004": VendorRejected,  # a field is too long
    **dict.fromkeys(("1010", "1011", "1012"), VendorRejected),  # sender: address, name, phone
    **dict.fromkeys(("1014", "1015", "1016"), VendorRejected),  # receiver: address, name, phone
    "1023": VendorRejected,  # what is in it
    "6118": VendorRejected,  # no order number
    **dict.fromkeys(("6126", "6127", "6128"), VendorRejected),  # monthly card, added services
    **dict.fromkeys(("6133", "6135", "6136", "6150"), VendorRejected),  # nothing found by such a number
    **dict.fromkeys(("8003", "8013"), VendorRejected),  # too many numbers, none
    "8016": VendorRejected,  # this number was ordered before
    **dict.fromkeys(("8017", "8018", "8019", "8024"), VendorRejected),  # mismatch, unknown, settled, never ordered
    **dict.fromkeys(("8037", "8253"), VendorRejected),  # called off already
    "8252": VendorRejected,  # confirmed already
    **dict.fromkeys(("8051", "8052", "8053", "8057"), VendorRejected),  # product not offered there
    "8096": VendorRejected,  # outside of the hours of collection
    **dict.fromkeys(("8114", "8119", "8179", "20052"), VendorRejected),  # monthly card not valid or not agreed
    "8177": VendorRejected,  # nothing is taken at this peak
    "8196": VendorRejected,  # phone number looked wrong
    "8256": VendorRejected,  # product can't be paid this way
    "8267": VendorRejected,  # new appointment less than 70 minutes ahead
    "20004": VendorRejected,  # sender's address lacks detail (seen by integrators)
    **dict.fromkeys(("20011", "20012"), VendorRejected),
    "20034": VendorRejected,  # appointment is not in the future
    **dict.fromkeys(("20035", "20036"), VendorRejected),  # prohibited, product not applicable
}
"""SF's code -> what it means for us; source: the error lists (错误代码) of the platform and of the four services.

An unknown code of a service is a refusal, since SF has understood; one of the platform leaves us in doubt.
"""

STATUSES: Mapping[str, tuple[str, str]] = {
    "7": ("pickup_scheduled", ""),  # 待揽收
    "1": ("picked_up", ""),  # 已揽收
    "2": ("in_transit", ""),  # 运送中
    "3": ("out_for_delivery", ""),  # 派送中
    "11": ("out_for_delivery", "awaiting_collection"),  # 待取件
    "13": ("delivery_failed", ""),  # 待再次派送
    "4": ("delivered", ""),  # 已签收
    "5": ("cancelled", ""),  # unconfirmed, as 6 and 10
    "6": ("cancelled", ""),
    "10": ("exception", ""),
}
"""firstStatusCode -> canonical state and why; source: status list (一级状态) of EXP_RECE_SEARCH_ROUTES.

A secondaryStatusCode is the first one with two more digits. Parcels on their way back have neither, but ``-``.
"""

OP_CODES: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("50", "54"), ("picked_up", "")),
    "655": ("pickup_scheduled", ""),
    **dict.fromkeys(
        ("30", "31", "36", "99", "105", "106", "302", "305", "310", "607", "3036"), ("in_transit", "")
    ),  # 99: passed on to another address, unless its reason says back
    **dict.fromkeys(("44", "204", "634"), ("out_for_delivery", "")),
    **dict.fromkeys(("123", "125", "130", "218", "642"), ("out_for_delivery", "awaiting_collection")),
    **dict.fromkeys(("33", "70"), ("delivery_failed", "")),
    "80": ("delivered", ""),
    **dict.fromkeys(("631", "648"), ("returned", "")),  # goes back under a new waybill: this one is over
    **dict.fromkeys(("126", "517"), ("exception", "")),
}
"""opCode -> canonical state and why; source: operation codes (操作码) of RoutePushService.

50, 54, 30, 31, 36, 44, 70 and 80 are documented, the others as public clients read them (unconfirmed).
"""

REASON_CODES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("8000", "2"): ("exception", "damaged"),  # destroyed
    ("8000", "6"): ("exception", "lost"),
    ("70", "46"): ("cancelled", ""),
    **dict.fromkeys(
        (("33", "83"), ("33", "85"), ("70", "83"), ("70", "85")), ("out_for_delivery", "awaiting_collection")
    ),
    ("99", "2"): ("delivery_failed", ""),  # turns back: not delivered, but not back either
}
"""opCode and reasonCode -> canonical state and why; unconfirmed: as integrators have seen them."""

WORDS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "delivery_failed": (
        ("拒收", "refused"),
        ("拒绝签收", "refused"),
        ("地址不详", "wrong_address"),
        ("地址有误", "wrong_address"),
        ("地址错误", "wrong_address"),
        ("查无此人", "wrong_address"),
        ("不在派送范围", "wrong_address"),
        ("收件人不在", "nobody_home"),
        ("客户不在", "nobody_home"),
        ("无人在家", "nobody_home"),
        ("无人签收", "nobody_home"),
        ("无人接听", "nobody_home"),
        ("联系不上", "nobody_home"),
        ("无法联系", "nobody_home"),
        ("天气", "delayed"),
        ("交通", "delayed"),
    ),
    "exception": (
        ("遗失", "lost"),
        ("丢失", "lost"),
        ("破损", "damaged"),
        ("损坏", "damaged"),
        ("天气", "delayed"),
        ("交通", "delayed"),
    ),
}
"""State -> words of ``reasonName`` or ``remark`` that tell why; unconfirmed: SF's reason codes are not public."""

WITHOUT_NEWS = frozenset({"8000"})  # the signature can be looked at: says nothing alone

ORDER_STATES: Mapping[str, tuple[str, str]] = {
    "04": ("ordered", ""),  # not dispatched yet
    "04-40001": ("pickup_scheduled", ""),  # dispatched
    "04-40037": ("pickup_scheduled", ""),  # the courier has accepted
    "04-40005": ("pickup_scheduled", ""),  # another time, agreed with the sender
    "04-40016": ("pickup_scheduled", ""),  # passed on: wrong dispatch
    "04-40036": ("pickup_scheduled", ""),  # passed on: too heavy
    "04-40004": ("exception", "nobody_home"),  # the sender can't be reached
    "04-40021": ("exception", "wrong_address"),  # the phone number is wrong
    "04-40022": ("exception", "not_collectable"),  # the courier can't get in
    "04-40031": ("exception", "not_collectable"),
    "04-40027": ("exception", "delayed"),  # weather
    "04-40028": ("exception", "delayed"),  # traffic
    "04-40035": ("exception", "delayed"),  # too much to do
    "04-40014": ("cancelled", ""),  # by the customer
    "04-40015": ("cancelled", ""),  # ordered twice
    "05": ("picked_up", ""),
    "00": ("cancelled", ""),
}
"""orderStateCode -> canonical state and why; unconfirmed: as public clients of the order-state push read them.

A code has two or three parts, such as ``04-40002-40021``: the last part known beside the first one counts. A code of 04
that is none of these leaves the appointment as it is.
"""
STILL_SCHEDULED = ("pickup_scheduled", "")
