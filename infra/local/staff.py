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


@dataclass(frozen=True, slots=True)
class Desk:
    """The stack's user pool, as its administrator sees it. ``cognito`` is a boto3 client; all have one password."""

    cognito: Any
    pool: str
    client: str
    password: str

    def employ(self, staff: Sequence[Colleague]) -> None:
        """Make the users and groups that are not there yet."""
        for group in sorted({group for colleague in staff for group in colleague.groups}):
            with suppress(self.cognito.exceptions.GroupExistsException):
                self.cognito.create_group(UserPoolId=self.pool, GroupName=group)
        for colleague in staff:
            self._employ(colleague)

    def _employ(self, colleague: Colleague) -> None:
        user = {"UserPoolId": self.pool, "Username": colleague.email}
        known = {"name": colleague.name, "email": colleague.email, "email_verified": "true"}
        with suppress(self.cognito.exceptions.UsernameExistsException):
            self.cognito.admin_create_user(
                **user,
                MessageAction="SUPPRESS",
                TemporaryPassword=self.password,
                UserAttributes=[{"Name": name, "Value": value} for name, value in known.items()],
            )
        self.cognito.admin_set_user_password(**user, Password=self.password, Permanent=True)
        for group in colleague.groups:
            self.cognito.admin_add_user_to_group(**user, GroupName=group)

    def token(self, colleague: Colleague) -> str:
        """A fresh ID token of one colleague: a JWT, good for an hour, whose ``cognito:groups`` are the colleague's."""
        answer = self.cognito.admin_initiate_auth(
            UserPoolId=self.pool,
            ClientId=self.client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": colleague.email, "PASSWORD": self.password},
        )
        return str(answer["AuthenticationResult"]["IdToken"])
