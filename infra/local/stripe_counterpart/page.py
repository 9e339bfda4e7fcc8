"""The hosted pay page: plain HTML for a phone, in the session's language."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from infra.local.stripe_counterpart.store import Json

ZERO_DECIMAL = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"}
)

TEXTS = {
    "en": {
        "title": "Pay the fee",
        "test": "Practice page: no money moves.",
        "case": "Case number",
        "item": "Item",
        "amount": "Amount",
        "total": "Total",
        "pay": "Pay {total}",
        "more": "Try what happens when",
        "decline": "the card is declined",
        "expire": "the time runs out",
        "back": "Back to the hall",
        "declined": "Your card was declined. Nothing was charged. You can try again.",
        "paid": "Paid. Thank you.",
        "expired": "This payment page has expired. Nothing was charged.",
        "missing": "There is no such payment page.",
    },
    "zh": {
        "title": "缴纳费用",
        "test": "演示页面，不会实际扣款。",
        "case": "办件编号",
        "item": "项目",
        "amount": "金额",
        "total": "合计",
        "pay": "支付 {total}",
        "more": "试试其他情况",
        "decline": "支付被拒绝",
        "expire": "支付超时",
        "back": "返回办事大厅",
        "declined": "支付被拒绝，没有扣款，您可以重试。",
        "paid": "支付成功，谢谢。",
        "expired": "支付页面已过期，没有扣款。",
        "missing": "没有这个支付页面。",
    },
}

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(session: Json | None, items: list[Json], *, accept_language: str, message: str = "") -> str:
    """The page of a session as it is; ``message`` is one of TEXTS. None: there is no such session."""
    language = _language(session, accept_language)
    texts = TEXTS[language]
    return _templates.get_template("pay.html").render(
        language={"zh": "zh-CN", "en": "en"}[language],
        texts=texts,
        session=session,
        lines=[(item["description"], _amount(item["amount_total"], item["currency"])) for item in items],
        total=_amount(session["amount_total"], session["currency"]) if session else "",
        message=texts[message] if message else "",
    )


def _language(session: Json | None, accept_language: str) -> str:
    locale = (session or {}).get("locale") or "auto"
    wanted = accept_language if locale == "auto" else locale
    return "zh" if wanted.lower().startswith("zh") else "en"


def _amount(amount: int, currency: str) -> str:
    """``CNY 12.00``."""
    major = Decimal(amount) if currency in ZERO_DECIMAL else Decimal(amount).scaleb(-2)
    return f"{currency.upper()} {major}"
