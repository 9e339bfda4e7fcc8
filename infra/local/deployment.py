"""Deploys the very template that AWS gets, the way AWS gets it, and makes up for what the emulator leaves out of it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from botocore.exceptions import ClientError

from infra.local import agreements, cloud
from infra.local.children import tail
from infra.local.layout import AT_ONCE, LOOPBACK, ROOT, Layout

STACK = "doorstep-local"
PACKAGE = ROOT / "build/local"
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

WORKERS = 2  # the fewest that AWS lets a queue have
_NOTHING: dict[str, Any] = {"Records": []}
_HEALTH_CHECK = {
    "resource": "/healthz",
    "path": "/healthz",
    "httpMethod": "GET",
    "headers": {},
    "multiValueHeaders": {},
    "pathParameters": None,
    "queryStringParameters": None,
    "multiValueQueryStringParameters": None,
    "stageVariables": None,
    "body": None,
    "isBase64Encoded": False,
    "requestContext": {
        "stage": API_STAGE,
        "resourcePath": "/healthz",
        "path": "/healthz",
        "httpMethod": "GET",
        "identity": {"sourceIp": LOOPBACK},
    },
}


class DeploymentFailed(Exception):
    """The stack did not come up; the text says why."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack: its outputs, by name."""

    outputs: Mapping[str, str]

    @property
    def api_path(self) -> str:
        """Where the emulator serves the stack's API."""
        return f"/_aws/execute-api/{self.outputs['RestAPIId']}/{API_STAGE}"


def build_pages(layout: Layout) -> None:
    """Make the pages' static files, unless nothing has changed. DeploymentFailed: they can't be made."""
    _run(layout, "infra.web.build")


def pack(layout: Layout) -> None:
    """Pack what AWS would get, unless nothing has changed. DeploymentFailed: it does not pack."""
    _run(layout, "infra.aws.package", "--stage", "local")


def deploy(layout: Layout, keys: Mapping[str, Any]) -> Stack:
    """Create or update the stack; data of an earlier run stay. DeploymentFailed: it did not come up."""
    _clear_away_a_stillborn(layout)
    wanted = [f"--parameter={name}={value}" for name, value in parameters(layout).items()]
    _run(layout, "infra.aws.deploy", "--stage", "local", *wanted)
    described = cloud.client(layout, "cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    stack = Stack({output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]})
    _fill_secrets(layout, stack, keys)
    _make_up(layout, stack)
    _forget_old_artifacts(layout)
    return stack


def static_paths() -> list[str]:
    """The paths that CloudFront answers with static files, without a slash at their end."""
    distribution = _template()["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    behaviors = distribution["CacheBehaviors"]
    return [one["PathPattern"].removesuffix("/*") for one in behaviors if one["TargetOriginId"] == "static"]


def parameters(layout: Layout) -> dict[str, str]:
    """What is local about this hall."""
    return {
        "HallUrl": layout.hall_url,
        "Production": "false",
        "Cdn": "false",
        "CognitoUrl": layout.cloud_url,
        "StripeApiBase": layout.stripe_url,
        "Couriers": ",".join(agreements.AGREEMENTS) + ";residence-certificate=open,ems",
        "CourierOptions": json.dumps(agreements.options(layout.courier_url)),
        "EmailSender": EMAIL_SENDER,
        "MalwareScan": "own",
        "HallParty": json.dumps(HALL_PARTY, ensure_ascii=False),
    }


def _run(layout: Layout, module: str, *options: str) -> None:
    """Run a module that builds or deploys, on the emulated AWS, with a log of its own."""
    log = layout.logs / f"{module.removeprefix('infra.')}.log"
    PACKAGE.parent.mkdir(exist_ok=True)
    with (PACKAGE.parent / "local.lock").open("w") as lock, log.open("wb") as output:
        fcntl.flock(lock, fcntl.LOCK_EX)  # halls that start side by side share what is built
        done = subprocess.run(
            [sys.executable, "-m", module, *options],
            cwd=ROOT,
            env=os.environ | cloud.environment(layout),
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode:
        raise DeploymentFailed(f"{module} failed. The end of {log}:\n{tail(log)}")


def _template() -> dict[str, Any]:
    template: dict[str, Any] = json.loads((PACKAGE / "sam.json").read_text())
    return template


def _clear_away_a_stillborn(layout: Layout) -> None:
    """A stack whose creation failed can't be updated, and holds nothing."""
    cloudformation = cloud.client(layout, "cloudformation")
    try:
        status = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return
        raise
    if status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}:
        cloudformation.delete_stack(StackName=STACK)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


def _forget_old_artifacts(layout: Layout) -> None:
    """Each change of a source leaves a package behind; only the last is of use here."""
    s3, bucket = cloud.client(layout, "s3"), f"doorstep-artifacts-{cloud.ACCOUNT}-{cloud.REGION}"
    wanted = (PACKAGE / "located.json").read_text()
    for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
        if item["Key"] not in wanted:
            s3.delete_object(Bucket=bucket, Key=item["Key"])


def warm_up(layout: Layout, stack: Stack) -> None:
    """Have functions unpacked before the first case comes. Does not wait for it."""
    functions = cloud.client(layout, "lambda")
    wanted = {
        "APIHandlerName": (_HEALTH_CHECK, AT_ONCE),
        "RelayName": (_NOTHING, 1),
        "PerformName": (_NOTHING, WORKERS),
        "ScannedName": (_NOTHING, 1),
    }
    for name, (event, times) in wanted.items():
        for _ in range(times):
            functions.invoke(FunctionName=stack.outputs[name], InvocationType="Event", Payload=json.dumps(event))


# --- what the emulator leaves out ----------------------------------------------------------------------------------


def _fill_secrets(layout: Layout, stack: Stack, keys: Mapping[str, Any]) -> None:
    """Put the vendors' keys beside the one that the stack generated, as an operator would."""
    secrets = cloud.client(layout, "secretsmanager")
    arn = stack.outputs["SecretsArn"]
    held = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    filled = held | {name: keys[name] for name in held.keys() & keys.keys()}
    if filled != held:
        secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(filled))


def _make_up(layout: Layout, stack: Stack) -> None:
    """What the emulator ignores of the template, and what an operator does once by hand."""
    resources = _template()["Resources"]
    physical = _physical_ids(layout)
    dynamodb = cloud.client(layout, "dynamodb")
    for name, resource in resources.items():
        if ttl := resource.get("Properties", {}).get("TimeToLiveSpecification"):
            _expire(dynamodb, physical[name], ttl)
    api = resources["RestAPI"]["Properties"]
    _declare_binary(layout, stack, api["DefinitionBody"])
    _declare_preflights(layout, stack, api["DefinitionBody"])
    _declare_gateway_responses(layout, stack, api.get("GatewayResponses", {}))
    _bound_workers(cloud.client(layout, "lambda"), stack.outputs["PerformName"])
    cloud.client(layout, "ses").verify_email_identity(EmailAddress=EMAIL_SENDER)


def _physical_ids(layout: Layout) -> dict[str, str]:
    pages = cloud.client(layout, "cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    summaries = (summary for page in pages for summary in page["StackResourceSummaries"])
    return {summary["LogicalResourceId"]: summary["PhysicalResourceId"] for summary in summaries}


def _expire(dynamodb: Any, table: str, wanted: Mapping[str, Any]) -> None:
    current = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if current["TimeToLiveStatus"] == "DISABLED":
        dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)


def _bound_workers(functions: Any, name: str) -> None:
    for mapping in functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": WORKERS})


def _declare_binary(layout: Layout, stack: Stack, definition: Mapping[str, Any]) -> None:
    """Tell the API which media types are binary. By hand: boto3 can't send the only form that the emulator takes."""
    types = definition.get("x-amazon-apigateway-binary-media-types", [])
    change = {"patchOperations": [{"op": "replace", "path": "/binaryMediaTypes", "value": types}]}
    httpx2.patch(
        f"{layout.cloud_url}/restapis/{stack.outputs['RestAPIId']}", json=change, trust_env=False
    ).raise_for_status()


def _declare_preflights(layout: Layout, stack: Stack, definition: Mapping[str, Any]) -> None:
    """Have the API answer other pages' preflight requests: the emulator imports these answers without their headers."""
    gateway, api = cloud.client(layout, "apigateway"), stack.outputs["RestAPIId"]
    pages = gateway.get_paginator("get_resources").paginate(restApiId=api)
    resources = {resource["path"]: resource["id"] for page in pages for resource in page["items"]}
    for path, methods in definition["paths"].items():
        if "options" not in methods:
            continue
        answer = methods["options"]["x-amazon-apigateway-integration"]["responses"]["default"]
        gateway.put_integration_response(
            restApiId=api,
            resourceId=resources[path],
            httpMethod="OPTIONS",
            statusCode=answer["statusCode"],
            responseParameters=answer["responseParameters"],
        )


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
