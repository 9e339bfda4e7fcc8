"""Deploys the very template that AWS gets, and makes up for what the emulator leaves out of it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from botocore.exceptions import ClientError

from infra.local import cloud
from infra.local.courier_counterpart import ems_side, open_side
from infra.local.layout import Layout
from infra.local.secrets import EMS_SENDER

STACK = "doorstep-local"
_GONE = {"", "DELETE_COMPLETE"}
_GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
ARTEFACTS = "doorstep-artefacts"
API_STAGE = "hall"
EMAIL_SENDER = "hall@doorstep.example"
HALL_PARTY = {
    "name": "政务服务大厅",
    "phone": "01000000000",
    "province": "北京市",
    "city": "北京市",
    "county": "东城区",
    "street": "示例路1号",
    "postcode": "100000",
}


class DeploymentFailed(Exception):
    """The stack did not come up; the text says which resource and why."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack: its outputs, by name."""

    outputs: Mapping[str, str]

    @property
    def api_path(self) -> str:
        """Where the emulator serves the stack's API."""
        return f"/_aws/execute-api/{self.outputs['RestAPIId']}/{API_STAGE}"


def deploy(layout: Layout, package: Path, keys: Mapping[str, str]) -> Stack:
    """Create or update the stack from what ``make package`` made; data of an earlier run stay.

    DeploymentFailed: it did not come up.
    """
    template = json.loads((package / "sam.json").read_text())
    template = _uploaded(layout, template, package)
    stack = _apply(layout, template, _parameters(layout, template["Parameters"]))
    _fill_secrets(layout, stack, keys)
    _make_up(layout, template, stack)
    return stack


def _parameters(layout: Layout, known: Mapping[str, Any]) -> list[dict[str, str]]:
    """What is local about this hall."""
    values = {
        "Stage": "local",
        "HallUrl": layout.hall_url,
        "Production": "false",
        "Cdn": "false",
        "CognitoUrl": layout.cloud_url,
        "StripeApiBase": layout.stripe_url,
        "Couriers": "ems,open",
        "EmsUrl": layout.courier_url + ems_side.PATH,
        "EmsSender": EMS_SENDER,
        "OpenCourierUrl": layout.courier_url + open_side.PATH,
        "EmailSender": EMAIL_SENDER,
        "HallParty": json.dumps(HALL_PARTY, ensure_ascii=False),
    }
    if unknown := values.keys() - known.keys():
        raise DeploymentFailed(f"The template has no parameter {', '.join(sorted(unknown))}")
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


# --- the stack ---------------------------------------------------------------------------------------------------


def _uploaded(layout: Layout, template: dict[str, Any], package: Path) -> dict[str, Any]:
    """The template with its local files uploaded.

    Each is named by the hash of its content, so an unchanged one changes nothing.
    """
    s3 = cloud.client(layout, "s3")
    s3.create_bucket(Bucket=ARTEFACTS)
    uploaded: dict[str, str] = {}
    for properties, name in _file_references(template):
        file = properties[name]
        uploaded[file] = uploaded.get(file) or _upload(s3, package / file)
        properties[name] = f"s3://{ARTEFACTS}/{uploaded[file]}"
    _forget_others(s3, set(uploaded.values()))
    return template


def _file_references(template: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for name in ("CodeUri", "ContentUri"):
            if isinstance(properties.get(name), str):
                yield properties, name


def _upload(s3: Any, file: Path) -> str:
    content = file.read_bytes()
    key = f"{hashlib.sha256(content).hexdigest()}/{file.name}"
    if not s3.list_objects_v2(Bucket=ARTEFACTS, Prefix=key).get("KeyCount"):
        s3.put_object(Bucket=ARTEFACTS, Key=key, Body=content)
    return key


def _forget_others(s3: Any, wanted: set[str]) -> None:
    for item in s3.list_objects_v2(Bucket=ARTEFACTS).get("Contents", ()):
        if item["Key"] not in wanted:
            s3.delete_object(Bucket=ARTEFACTS, Key=item["Key"])


def _apply(layout: Layout, template: Mapping[str, Any], parameters: list[dict[str, str]]) -> Stack:
    s3, cloudformation = cloud.client(layout, "s3"), cloud.client(layout, "cloudformation")
    s3.put_object(Bucket=ARTEFACTS, Key="template.json", Body=json.dumps(template).encode())
    wanted = {
        "StackName": STACK,
        "TemplateURL": f"{layout.cloud_url}/{ARTEFACTS}/template.json",  # too long to be sent along
        "Parameters": parameters,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    if _status(cloudformation) == "ROLLBACK_COMPLETE":  # never came up: such a stack can only be deleted
        cloudformation.delete_stack(StackName=STACK)
        _settle(cloudformation)
    try:
        if _status(cloudformation) in _GONE:
            cloudformation.create_stack(**wanted)
        else:
            cloudformation.update_stack(**wanted)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise
    if _settle(cloudformation) not in _GOOD:
        raise DeploymentFailed("\n".join(_reasons(cloudformation)))
    described = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    return Stack({output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]})


def _status(cloudformation: Any) -> str:
    """The stack's status, "" if there is none."""
    try:
        return str(cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"])
    except ClientError as error:
        if "does not exist" in str(error):
            return ""
        raise


def _settle(cloudformation: Any) -> str:
    """Wait until the stack changes no more; gives its status."""
    while (status := _status(cloudformation)).endswith("_IN_PROGRESS"):
        time.sleep(0.1)
    return status


def _reasons(cloudformation: Any) -> Iterator[str]:
    """What failed since the deployment began, oldest first."""
    events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]  # newest first
    for event in reversed(events):
        if event["ResourceStatus"].endswith("_FAILED"):
            yield f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', event['ResourceStatus'])}"


# --- what the emulator leaves out ----------------------------------------------------------------------------------


def _fill_secrets(layout: Layout, stack: Stack, keys: Mapping[str, str]) -> None:
    """Put the vendors' keys beside the one that the stack generated, as an operator would."""
    secrets = cloud.client(layout, "secretsmanager")
    arn = stack.outputs["SecretsArn"]
    held = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    filled = held | {name: keys[name] for name in held.keys() & keys.keys()}
    if filled != held:
        secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(filled))


def _make_up(layout: Layout, template: Mapping[str, Any], stack: Stack) -> None:
    """What the emulator ignores of the template, and what an operator does once by hand."""
    resources = template["Resources"]
    physical = _physical_ids(layout)
    dynamodb = cloud.client(layout, "dynamodb")
    for name, resource in resources.items():
        if ttl := resource.get("Properties", {}).get("TimeToLiveSpecification"):
            _expire(dynamodb, physical[name], ttl)
    api = resources["RestAPI"]["Properties"]
    _declare_binary(layout, stack, api["DefinitionBody"])
    _declare_gateway_responses(layout, stack, api.get("GatewayResponses", {}))
    cloud.client(layout, "ses").verify_email_identity(EmailAddress=EMAIL_SENDER)


def _physical_ids(layout: Layout) -> dict[str, str]:
    pages = cloud.client(layout, "cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    summaries = (summary for page in pages for summary in page["StackResourceSummaries"])
    return {summary["LogicalResourceId"]: summary["PhysicalResourceId"] for summary in summaries}


def _expire(dynamodb: Any, table: str, wanted: Mapping[str, Any]) -> None:
    current = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if current["TimeToLiveStatus"] == "DISABLED":
        dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)


def _declare_binary(layout: Layout, stack: Stack, definition: Mapping[str, Any]) -> None:
    """Tell the API which media types are binary. By hand: boto3 can't send the only form that the emulator takes."""
    types = definition.get("x-amazon-apigateway-binary-media-types", [])
    change = {"patchOperations": [{"op": "replace", "path": "/binaryMediaTypes", "value": types}]}
    httpx2.patch(
        f"{layout.cloud_url}/restapis/{stack.outputs['RestAPIId']}", json=change, trust_env=False
    ).raise_for_status()


def _declare_gateway_responses(layout: Layout, stack: Stack, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Give the API its own answers to what no function sees, such as a route that does not exist."""
    gateway, api = cloud.client(layout, "apigateway"), stack.outputs["RestAPIId"]
    held = gateway.get_gateway_responses(restApiId=api)["items"]
    if wanted.keys() <= {response["responseType"] for response in held if not response["defaultResponse"]}:
        return  # a changed API is a new one here, without any
    for kind, response in wanted.items():
        headers = response.get("ResponseParameters", {}).get("Headers", {})
        gateway.put_gateway_response(
            restApiId=api,
            responseType=kind,
            statusCode=response["StatusCode"],
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            responseTemplates=response["ResponseTemplates"],
        )
    gateway.create_deployment(restApiId=api, stageName=API_STAGE)
