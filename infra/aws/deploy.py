"""Deploys the packed hall: uploads it, brings its CloudFormation stack up to date, then static files and desk groups.

Speaks to whatever AWS the environment names (profile, region, ``AWS_ENDPOINT_URL``): the local hall goes the same way.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import mimetypes
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError, TokenRetrievalError

from chalicelib.web.statics import FOR_EVER
from infra.aws.package import BUILD, ROOT, UV_PLATFORMS, package

STATIC = ROOT / "build/static"
SERVICES = ROOT / "forms_schemas"
POLL_SECONDS = 2.0
ENDED = ("COMPLETE", "FAILED")
DONE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})


class DeploymentFailed(Exception):
    """CloudFormation, or what it was asked to do, failed. Its text is for the operator."""


def deploy(
    stage: str, parameters: Mapping[str, str], architecture: str | None = None, build: Path = BUILD
) -> dict[str, str]:
    """Pack and deploy a stage; gives the stack's outputs. Parameters that aren't given keep their values.

    DeploymentFailed: the stack did not reach the wanted state. BotoCoreError, ClientError: AWS could not be asked.
    """
    account = boto3.client("sts").get_caller_identity()["Account"]
    packed = package(stage, architecture, build)
    bucket = _artifacts_bucket(account)
    template = json.loads((packed / "sam.json").read_text())
    for resource, key in archives(template):
        resource[key] = _upload(bucket, packed / str(resource[key]).removeprefix("./"))
    located = packed / "located.json"
    located.write_text(json.dumps(template, separators=(",", ":"), sort_keys=True))
    outputs = _bring_up(f"doorstep-{stage}", template, _upload(bucket, located), {"Stage": stage, **parameters})
    if "DeskUserPoolId" in outputs:
        _ensure_department_groups(outputs["DeskUserPoolId"])
    _sync_static(outputs["StaticBucket"], STATIC)
    return outputs


# --- the package -------------------------------------------------------------------------------------------------


def _artifacts_bucket(account: str) -> str:
    """The bucket that packages are uploaded to; made when it is missing."""
    s3 = boto3.client("s3")
    region = s3.meta.region_name
    bucket = f"doorstep-artifacts-{account}-{region}"
    try:
        s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        # us-east-1 alone refuses to be named as a location
        elsewhere: Any = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **elsewhere)
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
    return bucket


def archives(template: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """The properties of a template that name a local archive."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for key in ("CodeUri", "ContentUri"):
            if key in properties:
                yield properties, key


def _upload(bucket: str, path: Path) -> str:
    """Upload under the hash of its content, unless it is there already; gives its ``s3://`` address."""
    s3 = boto3.client("s3")
    key = f"{hashlib.sha256(path.read_bytes()).hexdigest()}{path.suffix}"
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        print(f"  uploading {path.name}, {path.stat().st_size / 1e6:.1f} MB", flush=True)
        s3.upload_file(str(path), bucket, key)
    return f"s3://{bucket}/{key}"


# --- the stack ---------------------------------------------------------------------------------------------------


def _bring_up(name: str, template: Mapping[str, Any], address: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Create or update the stack by a change set; gives its outputs."""
    cloudformation = boto3.client("cloudformation")
    standing = _standing(cloudformation, name)
    if standing and standing["StackStatus"] in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}:
        raise DeploymentFailed(
            f"stack {name} was never created ({standing['StackStatus']}): delete it, then deploy again"
        )
    change_set = f"deploy-{int(time.time())}"
    cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=change_set,
        ChangeSetType="UPDATE" if standing else "CREATE",
        TemplateURL=_https(address),
        Parameters=stack_parameters(template, parameters, standing),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Tags=[{"Key": "doorstep:stage", "Value": parameters["Stage"]}],
    )
    planned = _planned(cloudformation, name, change_set)
    if planned["Status"] == "FAILED":
        cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)
        if not standing or not _nothing_to_change(planned):
            raise DeploymentFailed(f"{name}: {planned.get('StatusReason', 'the change set failed')}")
        print(f"  {name}: nothing has changed")
    else:
        cloudformation.execute_change_set(StackName=name, ChangeSetName=change_set)
        _follow(cloudformation, name)
    return {output["OutputKey"]: output["OutputValue"] for output in _describe(cloudformation, name).get("Outputs", [])}


def _standing(cloudformation: Any, name: str) -> dict[str, Any] | None:
    """The stack, None when there is none (or nothing but an earlier plan for it)."""
    try:
        stack = _describe(cloudformation, name)
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    return None if stack["StackStatus"] in {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"} else stack


def _describe(cloudformation: Any, name: str) -> dict[str, Any]:
    stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return stack


def stack_parameters(
    template: Mapping[str, Any], given: Mapping[str, str], standing: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """What is given, else what the stack has, else the template's default."""
    unknown = sorted(given.keys() - template["Parameters"].keys())
    if unknown:
        raise DeploymentFailed(f"no such parameter: {', '.join(unknown)}")
    previous = {entry["ParameterKey"] for entry in (standing or {}).get("Parameters", [])}
    missing = [
        key
        for key, entry in template["Parameters"].items()
        if "Default" not in entry and key not in previous | given.keys()
    ]
    if missing:
        raise DeploymentFailed(f"a first deployment needs --parameter {'=… --parameter '.join(missing)}=…")
    return [
        {"ParameterKey": key, "ParameterValue": given[key]}
        if key in given
        else {"ParameterKey": key, "UsePreviousValue": True}
        for key in template["Parameters"]
        if key in given or key in previous
    ]


def _planned(cloudformation: Any, name: str, change_set: str) -> dict[str, Any]:
    while True:
        planned: dict[str, Any] = cloudformation.describe_change_set(StackName=name, ChangeSetName=change_set)
        if planned["Status"].endswith(ENDED):
            return planned
        time.sleep(POLL_SECONDS)


def _nothing_to_change(planned: Mapping[str, Any]) -> bool:
    reason = str(planned.get("StatusReason", ""))
    return "didn't contain changes" in reason or "No updates are to be performed" in reason


def _follow(cloudformation: Any, name: str) -> None:
    """Wait until the stack has settled; names what failed, in the order in which it did."""
    started = time.monotonic()
    while True:
        status = _describe(cloudformation, name)["StackStatus"]
        if status.endswith(ENDED):
            break
        print(f"\r  {name}: {status.lower()}, {time.monotonic() - started:.0f} s ", end="", flush=True)
        time.sleep(POLL_SECONDS)
    print(f"\r  {name}: {status.lower()}, {time.monotonic() - started:.0f} s ", flush=True)
    if status not in DONE:
        raise DeploymentFailed("\n".join([f"{name} ended as {status}", *_failures(cloudformation, name)]))


def _failures(cloudformation: Any, name: str) -> list[str]:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return [
        f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', event['ResourceStatus'])}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED")
    ]


def _https(address: str) -> str:
    """CloudFormation takes templates by their HTTPS address alone."""
    bucket, key = address.removeprefix("s3://").split("/", 1)
    s3 = boto3.client("s3")
    return str(s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=3600)).split(
        "?"
    )[0]


# --- what follows the stack --------------------------------------------------------------------------------------


def _ensure_department_groups(user_pool: str) -> None:
    """One Cognito group for each department that a published service names."""
    cognito = boto3.client("cognito-idp")
    pages = cognito.get_paginator("list_groups").paginate(UserPoolId=user_pool)
    existing = {group["GroupName"] for page in pages for group in page["Groups"]}
    for group in sorted({f"department:{department}" for department in _departments()} - existing):
        cognito.create_group(UserPoolId=user_pool, GroupName=group)


def _departments() -> Iterator[str]:
    for path in SERVICES.glob("*/*/service.json"):
        yield from (task["department"] for task in json.loads(path.read_text(encoding="utf-8"))["tasks"])


def _sync_static(bucket: str, directory: Path) -> None:
    """Upload the static files that are new or changed below ``static/``. Older ones stay: a page may still be open."""
    s3 = boto3.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="static/")
    stored = {entry["Key"]: entry["ETag"].strip('"') for page in pages for entry in page.get("Contents", [])}
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        key = f"static/{path.relative_to(directory).as_posix()}"
        content = path.read_bytes()
        if stored.get(key) != hashlib.md5(content, usedforsecurity=False).hexdigest():
            content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type, CacheControl=FOR_EVER)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--architecture", choices=sorted(UV_PLATFORMS), help="default: see .chalice/config.json")
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="of infra/aws/resources.yaml"
    )
    arguments = parser.parse_args()
    parameters = dict(str(pair).split("=", 1) for pair in arguments.parameter)
    try:
        outputs = deploy(arguments.stage, parameters, arguments.architecture)
    except (NoCredentialsError, NoRegionError, TokenRetrievalError) as error:
        raise SystemExit(f"AWS: {error}. Set AWS_PROFILE (or AWS_ACCESS_KEY_ID …) and AWS_REGION.") from error
    except (DeploymentFailed, BotoCoreError, ClientError) as error:
        raise SystemExit(str(error)) from error
    for name, value in sorted(outputs.items()):
        print(f"  {name:20} {value}")


if __name__ == "__main__":
    main()
