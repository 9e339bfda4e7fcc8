"""The only reader of the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs between stages. Every value comes from the CloudFormation template; secrets from Secrets Manager."""

    stage: str
    hall_url: str  # public address of the hall, without a slash at its end
    cases_table: str
    views_table: str
    inbox_table: str
    certificates_table: str
    lookups_table: str
    steps_queue_url: str
    files_bucket: str
    uploads_bucket: str
    malware_scan: str  # "guardduty", "own", or "" where nobody scans uploads
    seal_key_id: str
    secrets_arn: str
    oidc_issuer: str
    oidc_audience: str
    oidc_jwks_url: str  # "" = found by the issuer's discovery document
    stripe_api_base: str  # "" = Stripe itself
    couriers: Mapping[str, tuple[str, ...]]  # in order of preference, by service; "" for all others
    courier_options: Mapping[str, Mapping[str, str]]  # by courier: addresses, customer numbers; nothing secret
    email_sender: str
    message_gateway_url: str  # "" = SNS and SES
    country: str
    time_zone: str
    hall_party: str  # the hall's mail room as JSON of ports.Party

    @staticmethod
    def from_env(environment: Mapping[str, str] | None = None) -> Settings:
        """Read ``DOORSTEP_*``; KeyError names a required one that is missing."""
        env = os.environ if environment is None else environment

        def required(name: str) -> str:
            return env[f"DOORSTEP_{name}"]

        def optional(name: str, default: str = "") -> str:
            return env.get(f"DOORSTEP_{name}", default)

        return Settings(
            stage=required("STAGE"),
            hall_url=required("HALL_URL").rstrip("/"),
            cases_table=required("CASES_TABLE"),
            views_table=required("VIEWS_TABLE"),
            inbox_table=required("INBOX_TABLE"),
            certificates_table=required("CERTIFICATES_TABLE"),
            lookups_table=required("LOOKUPS_TABLE"),
            steps_queue_url=required("STEPS_QUEUE_URL"),
            files_bucket=required("FILES_BUCKET"),
            uploads_bucket=required("UPLOADS_BUCKET"),
            malware_scan=optional("MALWARE_SCAN", "guardduty"),
            seal_key_id=required("SEAL_KEY_ID"),
            secrets_arn=required("SECRETS_ARN"),
            oidc_issuer=required("OIDC_ISSUER"),
            oidc_audience=required("OIDC_AUDIENCE"),
            oidc_jwks_url=optional("OIDC_JWKS_URL"),
            stripe_api_base=optional("STRIPE_API_BASE"),
            couriers=_couriers(optional("COURIERS", "ems")),
            courier_options=json.loads(optional("COURIER_OPTIONS", "{}")),
            email_sender=optional("EMAIL_SENDER"),
            message_gateway_url=optional("MESSAGE_GATEWAY_URL"),
            country=optional("COUNTRY", "CN"),
            time_zone=optional("TIME_ZONE", "Asia/Shanghai"),
            hall_party=optional("HALL_PARTY", "{}"),
        )


def _couriers(text: str) -> dict[str, tuple[str, ...]]:
    """``ems,open;enquiry=open``: first the hall's couriers, then those of single services that differ."""
    found: dict[str, tuple[str, ...]] = {"": ()}
    for part in text.split(";"):
        service, named, codes = part.rpartition("=")
        found[service.strip() if named else ""] = tuple(code.strip() for code in codes.split(",") if code.strip())
    return found
