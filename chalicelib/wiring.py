"""The composition root: builds the real hall. Each adapter is imported when it is first asked for, and then kept.

A Lambda's views and workers call ``hall()``. Tests put another hall in its place with ``standing_in``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chalicelib.domain.secrecy import derived
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib import ports
    from chalicelib.adapters.couriers.terms import Terms
    from chalicelib.domain.clock import Calendar
    from chalicelib.forms.catalogue import Catalogue
    from chalicelib.usecases.folds import Folds
    from chalicelib.usecases.hall import Hall
    from chalicelib.usecases.vendors import Health

_current: Hall | None = None


def hall() -> Hall:
    """The hall of this process."""
    global _current
    if _current is None:
        _current = AwsHall(Settings.from_env())
    return _current


@contextmanager
def standing_in(other: Hall) -> Iterator[Hall]:
    """Another hall in place of the real one, for as long as the context lasts."""
    global _current
    before, _current = _current, other
    try:
        yield other
    finally:
        _current = before


class AwsHall:
    """The hall on AWS, or on whatever AWS_ENDPOINT_URL points to."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def url(self) -> str:
        return self.settings.hall_url

    @property
    def now(self) -> Callable[[], datetime]:
        return utc_now

    @cached_property
    def secrets(self) -> dict[str, Any]:
        """Read once per process: keys as in the template's secret."""
        answer = self._client("secretsmanager").get_secret_value(SecretId=self.settings.secrets_arn)
        secrets: dict[str, Any] = json.loads(answer["SecretString"])
        return secrets

    @property
    def mac_key(self) -> bytes:
        return str(self.secrets["mac_key"]).encode()

    @cached_property
    def party(self) -> ports.Party:
        from chalicelib.ports import Party

        return Party(**json.loads(self.settings.hall_party))

    @cached_property
    def calendar(self) -> Calendar:
        from chalicelib.adapters.calendars import HolidayCalendar

        return HolidayCalendar(self.settings.country, self.settings.time_zone)

    @cached_property
    def catalogue(self) -> Catalogue:
        from chalicelib.forms.catalogue import Catalogue

        return Catalogue()

    # --- the store ---

    @cached_property
    def folds(self) -> Folds:
        from chalicelib.usecases.folds import Folds

        return Folds()

    @cached_property
    def log(self) -> ports.CaseLog:
        from chalicelib.adapters.dynamodb.case_log import DynamoCaseLog

        return DynamoCaseLog(self.settings.cases_table)

    @cached_property
    def ledger(self) -> ports.Ledger:
        from chalicelib.adapters.dynamodb.ledger import DynamoLedger

        return DynamoLedger(self.settings.views_table)

    @cached_property
    def read_model(self) -> ports.ReadModel:
        from chalicelib.adapters.dynamodb.read_model import DynamoReadModel

        return DynamoReadModel(self.settings.views_table)

    @cached_property
    def inbox(self) -> ports.Inbox:
        from chalicelib.adapters.dynamodb.inbox import DynamoInbox

        return DynamoInbox(self.settings.inbox_table)

    @cached_property
    def register(self) -> ports.CertificateRegister:
        from chalicelib.adapters.dynamodb.register import DynamoCertificateRegister

        return DynamoCertificateRegister(self.settings.certificates_table)

    @cached_property
    def lookups(self) -> ports.Lookups:
        from chalicelib.adapters.dynamodb.lookups import DynamoLookups

        return DynamoLookups(self.settings.lookups_table)

    @cached_property
    def steps(self) -> ports.StepQueue:
        from chalicelib.adapters.sqs_steps import SqsStepQueue

        return SqsStepQueue(self._client("sqs"), self.settings.steps_queue_url)

    @cached_property
    def files(self) -> ports.Files:
        return self._files(self.settings.files_bucket)

    @cached_property
    def uploads(self) -> ports.Files:
        return self._files(self.settings.uploads_bucket)

    @property
    def uploads_bucket(self) -> str:
        return self.settings.uploads_bucket

    @property
    def scans_uploads(self) -> bool:
        return bool(self.settings.malware_scan)

    @cached_property
    def inspector(self) -> ports.Inspector:
        from chalicelib.adapters.isolated_inspector import IsolatedInspector

        return IsolatedInspector()

    def _files(self, bucket: str) -> ports.Files:
        from chalicelib.adapters.s3_files import S3Files

        return S3Files(bucket)

    # --- vendors ---

    @cached_property
    def health(self) -> Health:
        from chalicelib.usecases.vendors import Health

        return Health(self)

    @cached_property
    def payments(self) -> ports.Payments:
        from chalicelib.adapters.stripe_payments import StripePayments
        from chalicelib.usecases.vendors import GuardedPayments

        stripe = StripePayments(self.secrets["stripe_api_key"], self.settings.stripe_api_base)
        return GuardedPayments(stripe, self.health)

    @cached_property
    def payment_webhook(self) -> ports.PaymentWebhook:
        from chalicelib.adapters.stripe_webhook import StripeWebhook

        return StripeWebhook(self.secrets["stripe_webhook_secret"])

    @property
    def courier_codes(self) -> Sequence[str]:
        return tuple(dict.fromkeys(code for codes in self.settings.couriers.values() for code in codes))

    def couriers_for(self, service: str) -> Sequence[str]:
        return self.settings.couriers.get(service, self.settings.couriers[""])

    def courier(self, code: str) -> ports.Courier:
        """KeyError for a courier that the hall has no contract with."""
        from chalicelib.adapters import couriers
        from chalicelib.usecases.vendors import GuardedCourier

        return GuardedCourier(couriers.courier(code, self._terms(code)), self.health)

    def courier_webhook(self, code: str) -> ports.CourierWebhook:
        """KeyError for a courier that the hall has no contract with."""
        from chalicelib.adapters import couriers

        return couriers.webhook(code, self._terms(code))

    def _terms(self, code: str) -> Terms:
        from chalicelib.adapters.couriers.terms import Terms

        callback = f"{self.url}/webhooks/couriers/{code}/{self.courier_token(code)}"
        options, secrets = self.settings.courier_options.get(code, {}), self.secrets["couriers"].get(code, {})
        return Terms(options, secrets, callback, memory=self.lookups)

    def courier_token(self, code: str) -> str:
        return derived(self.secrets["courier_token"], code)

    @cached_property
    def notifier(self) -> ports.Notifier:
        if self.settings.message_gateway_url:
            from chalicelib.adapters.gateway_notifier import GatewayNotifier

            return GatewayNotifier(self.settings.message_gateway_url)
        from chalicelib.adapters.aws_notifier import AwsNotifier

        return AwsNotifier(self._client("sns"), self._client("ses"), self.settings.email_sender)

    @cached_property
    def identities(self) -> ports.Identities:
        from chalicelib.adapters.oidc import OidcIdentities

        return OidcIdentities(
            self.settings.oidc_issuer, self.settings.oidc_audience, jwks_url=self.settings.oidc_jwks_url
        )

    # --- certificates ---

    @cached_property
    def signer(self) -> ports.Signer:
        from chalicelib.adapters.kms_signer import KmsSigner

        return KmsSigner(self._client("kms"), self.settings.seal_key_id)

    @cached_property
    def typesetter(self) -> ports.Typesetter:
        from chalicelib.adapters.typst_certificates import TypstTypesetter

        return TypstTypesetter()

    def _client(self, service: str) -> Any:
        from chalicelib.adapters.aws import client

        return client(service)


def utc_now() -> datetime:
    return datetime.now(UTC)
