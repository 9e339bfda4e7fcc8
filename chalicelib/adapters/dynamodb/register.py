"""The public register of certificates on DynamoDB."""

from __future__ import annotations

from datetime import date, datetime

from pynamodb.connection import Connection

from chalicelib.adapters.dynamodb.models import CertificateItem
from chalicelib.adapters.dynamodb.tables import ConditionFailed, bind, find, put, shared_connection, update
from chalicelib.adapters.instants import instant, sortable
from chalicelib.ports import CertificateRecord


class DynamoCertificateRegister:
    """Implements ports.CertificateRegister. Every method may raise the three kinds of VendorError."""

    def __init__(self, table: str, connection: Connection | None = None) -> None:
        self._items = bind(CertificateItem, table, connection or shared_connection())

    def put_once(self, record: CertificateRecord) -> CertificateRecord:
        """One request, whether it is new or not."""
        item = self._items(
            record.number,
            case=record.case,
            code=record.code,
            service=record.service,
            version=record.version,
            holder=record.holder,
            issued_at=sortable(record.issued_at),
            valid_until=record.valid_until.isoformat() if record.valid_until else None,
            digest=record.digest,
            revoked_at=_text(record.revoked_at),
            delivered_at=_text(record.delivered_at),
        )
        try:
            put(item, self._items.number.does_not_exist())
        except ConditionFailed as failed:
            return _record(self._items.from_raw_data(dict(failed.stored)))
        return record

    def get(self, number: str) -> CertificateRecord | None:
        item = find(self._items, number)
        return _record(item) if item else None

    def stamp(self, number: str, *, delivered_at: datetime | None = None, revoked_at: datetime | None = None) -> None:
        """KeyError: there is no such certificate."""
        stamps = [
            path.set(path | sortable(at))
            for path, at in ((self._items.delivered_at, delivered_at), (self._items.revoked_at, revoked_at))
            if at is not None
        ]
        if not stamps:
            return
        try:
            update(self._items(number), stamps, self._items.number.exists())
        except ConditionFailed:
            raise KeyError(number) from None


def _record(item: CertificateItem) -> CertificateRecord:
    return CertificateRecord(
        number=item.number,
        case=item.case,
        code=item.code,
        service=item.service,
        version=item.version,
        holder=item.holder,
        issued_at=instant(item.issued_at),
        valid_until=date.fromisoformat(item.valid_until) if item.valid_until else None,
        digest=item.digest,
        revoked_at=_instant(item.revoked_at),
        delivered_at=_instant(item.delivered_at),
    )


def _text(at: datetime | None) -> str | None:
    return sortable(at) if at else None


def _instant(text: str | None) -> datetime | None:
    return instant(text) if text else None
