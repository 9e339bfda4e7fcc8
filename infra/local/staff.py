"""The people at the desk of the local hall: made in the stack's user pool, as an administrator would make them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.layout import ROOT

_DOMAIN = "doorstep.example"


@dataclass(frozen=True, slots=True)
class Colleague:
    """Someone who signs in by e-mail address. ``groups``, ``role:…`` and ``department:…``, are claims of the token."""

    name: str
    email: str
    groups: tuple[str, ...]


def roster(schemas: Path = ROOT / "forms_schemas") -> list[Colleague]:
    """A reviewer of each department that has a task in some service, and one clerk, supervisor and auditor."""
    reviewers = [
        Colleague(
            f"Reviewer {department}", f"reviewer.{department}@{_DOMAIN}", ("role:reviewer", f"department:{department}")
        )
        for department in departments(schemas)
    ]
    others = [
        Colleague(role.capitalize(), f"{role}@{_DOMAIN}", (f"role:{role}",))
        for role in ("clerk", "supervisor", "auditor")
    ]
    return reviewers + others


def departments(schemas: Path) -> list[str]:
    """The departments of all services' tasks, by name."""
    services = (json.loads(file.read_text()) for file in schemas.glob("*/*/service.json"))
    return sorted({task["department"] for service in services for task in service.get("tasks", ())})


def employ(cognito: Any, pool: str, staff: Sequence[Colleague], password: str) -> None:
    """Make the users and groups that are not there yet; all have the same password."""
    for group in sorted({group for colleague in staff for group in colleague.groups}):
        with suppress(cognito.exceptions.GroupExistsException):
            cognito.create_group(UserPoolId=pool, GroupName=group)
    for colleague in staff:
        _employ(cognito, pool, colleague, password)


def _employ(cognito: Any, pool: str, colleague: Colleague, password: str) -> None:
    known = {"name": colleague.name, "email": colleague.email, "email_verified": "true"}
    with suppress(cognito.exceptions.UsernameExistsException):
        cognito.admin_create_user(
            UserPoolId=pool,
            Username=colleague.email,
            MessageAction="SUPPRESS",
            TemporaryPassword=password,
            UserAttributes=[{"Name": name, "Value": value} for name, value in known.items()],
        )
    cognito.admin_set_user_password(UserPoolId=pool, Username=colleague.email, Password=password, Permanent=True)
    for group in colleague.groups:
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=colleague.email, GroupName=group)


def sign_in(cognito: Any, pool: str, client: str, colleague: Colleague, password: str) -> str:
    """A fresh ID token of one colleague: a JWT, good for an hour, whose ``cognito:groups`` are the colleague's."""
    answer = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=client,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": colleague.email, "PASSWORD": password},
    )
    return str(answer["AuthenticationResult"]["IdToken"])
