"""The merged template: what Chalice and infra/aws/resources.yaml make together."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]
from pynamodb.models import Model

from chalicelib.adapters.dynamodb.models import CaseItem, CertificateItem, InboxItem, LookupItem, ViewItem
from chalicelib.settings import Settings
from chalicelib.usecases import drafts
from chalicelib.workers import reconcile, relay, scanned, sweep
from infra.local import scanner
from tests.packaging.conftest import Packed

OWN_ROLES = {
    "APIHandler": "ApiRole",
    "Relay": "RelayRole",
    "Perform": "PerformRole",
    "Sweep": "SweepRole",
    "Scanned": "ScannedRole",
    "Reconcile": "ReconcileRole",
}
MODELS: dict[str, type[Model]] = {
    "Cases": CaseItem,
    "Views": ViewItem,
    "Inbox": InboxItem,
    "Certificates": CertificateItem,
    "Lookups": LookupItem,
}


def test_cfn_lint_has_nothing_to_say(packed: Packed) -> None:
    assert [str(match) for match in lint((packed.directory / "sam.json").read_text())] == []


def test_a_misspelled_name_of_a_chalice_resource_would_be_seen(packed: Packed) -> None:
    """Chalice adds what it does not know; but only its own resources get their type from it."""
    assert [name for name, resource in packed.template["Resources"].items() if "Type" not in resource] == []


def test_chalice_makes_these_functions_and_no_other_one_goes_unnoticed(packed: Packed) -> None:
    assert packed.functions().keys() == OWN_ROLES.keys()


# --- functions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("function", "role"), OWN_ROLES.items())
def test_a_function_has_a_role_and_a_log_of_its_own(packed: Packed, function: str, role: str) -> None:
    properties = packed.functions()[function]
    log = properties["LoggingConfig"]["LogGroup"]["Ref"]
    assert properties["Role"] == {"Fn::GetAtt": [role, "Arn"]}
    assert log in packed.resources("Logs::LogGroup")
    assert {"Fn::GetAtt": [log, "Arn"]} in [statement.get("Resource") for statement in _statements(packed, role)]


def test_every_function_is_told_every_setting(packed: Packed) -> None:
    recorded = _recorded()
    assert {*recorded.required, *recorded.optional} == set(_variables(packed))


def test_an_optional_setting_has_the_same_default_in_the_template_and_in_the_code(packed: Packed) -> None:
    defaults = {name: str(entry.get("Default", "")) for name, entry in packed.template["Parameters"].items()}
    by_template = {
        name: defaults[value["Ref"]] for name, value in _variables(packed).items() if value.get("Ref") in defaults
    }
    required = dict.fromkeys(_recorded().required, "x")
    assert Settings.from_env(by_template | required) == Settings.from_env(required)


def test_only_perform_carries_the_typesetter(packed: Packed) -> None:
    assert {name for name, function in packed.functions().items() if "Layers" in function} == {"Perform"}


def test_all_functions_run_on_the_architecture_that_was_packed(packed: Packed) -> None:
    assert {tuple(f["Architectures"]) for f in packed.functions().values()} == {(packed.architecture,)}


def test_the_api_answers_before_api_gateway_gives_up(packed: Packed) -> None:
    assert packed.functions()["APIHandler"]["Timeout"] < 30


def test_the_api_is_regional_and_throttled(packed: Packed) -> None:
    api = packed.resources("Serverless::Api")["RestAPI"]
    assert api["EndpointConfiguration"] == "REGIONAL"
    assert all("ThrottlingRateLimit" in setting for setting in api["MethodSettings"])


def test_what_api_gateway_answers_by_itself_is_a_problem_document(packed: Packed) -> None:
    for response in packed.resources("Serverless::Api")["RestAPI"]["GatewayResponses"].values():
        # API Gateway takes this template whatever a request accepts; one under another media type it may pass over.
        problem = json.loads(response["ResponseTemplates"]["application/json"])
        assert response["ResponseParameters"]["Headers"]["Content-Type"] == "'application/problem+json'"
        assert problem.keys() >= {"type", "title", "status", "code", "request_id", "errors"}
        assert str(problem["status"]) == response["StatusCode"]


# --- rights ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", OWN_ROLES.values())
def test_a_role_names_each_action_and_each_resource(packed: Packed, role: str) -> None:
    for statement in _statements(packed, role):
        assert not [action for action in _listed(statement["Action"]) if "*" in action]
        for resource in _listed(statement.get("Resource", [])):
            assert _is_one_of_ours(packed, resource) or "ses:FromAddress" in str(statement.get("Condition")), resource


@pytest.mark.parametrize("role", OWN_ROLES.values())
def test_without_a_resource_a_role_may_only_send_to_phones(packed: Packed, role: str) -> None:
    """SNS knows no ARN of a phone: such a statement excludes every topic instead."""
    for statement in _statements(packed, role):
        assert "Resource" in statement or (
            statement["Action"] == "sns:Publish"
            and statement["NotResource"] == {"Fn::Sub": "arn:${AWS::Partition}:sns:*:*:*"}
        )


def test_only_perform_can_seal_a_certificate(packed: Packed) -> None:
    assert _roles_that_may(packed, "kms:Sign") == {"PerformRole"}


def test_no_function_can_delete_a_commit(packed: Packed) -> None:
    cases = {"Fn::GetAtt": ["Cases", "Arn"]}
    for role in OWN_ROLES.values():
        for statement in _statements(packed, role):
            if cases in _listed(statement.get("Resource", [])):
                assert not {"dynamodb:DeleteItem", "dynamodb:BatchWriteItem"} & set(_listed(statement["Action"]))


def test_the_sweep_may_do_whatever_the_relay_left_undone(packed: Packed) -> None:
    def rights(role: str) -> set[tuple[str, str]]:
        return {
            (action, json.dumps(resource))
            for statement in _statements(packed, role)
            for action in _listed(statement["Action"])
            for resource in _listed(statement["Resource"])
            if "logs:" not in action and "Stream" not in str(resource)
        }

    assert rights("RelayRole") - rights("SweepRole") == set()


# --- what is kept ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_a_table_is_backed_up_encrypted_and_kept(packed: Packed, name: str) -> None:
    table, resource = packed.resources("DynamoDB::Table")[name], packed.template["Resources"][name]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"] == {"Fn::If": ["IsProduction", True, False]}
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


@pytest.mark.parametrize(("name", "model"), MODELS.items())
def test_a_table_has_the_keys_and_indexes_that_the_store_relies_on(
    packed: Packed, name: str, model: type[Model]
) -> None:
    table, relied_on = packed.resources("DynamoDB::Table")[name], model._get_schema()
    assert _keys(table["KeySchema"]) == _keys(relied_on["key_schema"])
    assert {
        index["IndexName"]: (_keys(index["KeySchema"]), index["Projection"])
        for index in table.get("GlobalSecondaryIndexes", [])
    } == {
        index["index_name"]: (_keys(index["key_schema"]), index["projection"])
        for index in relied_on["global_secondary_indexes"]
    }


def test_there_is_no_other_table(packed: Packed) -> None:
    assert packed.resources("DynamoDB::Table").keys() == MODELS.keys()


def test_lookups_expire(packed: Packed) -> None:
    table = packed.resources("DynamoDB::Table")["Lookups"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}


@pytest.mark.parametrize("name", ["Files", "Uploads", "Static"])
def test_a_bucket_is_private_encrypted_and_read_by_tls_alone(packed: Packed, name: str) -> None:
    bucket = packed.resources("S3::Bucket")[name]
    policy = next(p for p in packed.resources("S3::BucketPolicy").values() if p["Bucket"] == {"Ref": name})
    denied = [statement for statement in policy["PolicyDocument"]["Statement"] if statement.get("Effect") == "Deny"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert denied[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_only_the_hall_s_own_pages_may_post_uploads(packed: Packed) -> None:
    (rule,) = packed.resources("S3::Bucket")["Uploads"]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == [{"Ref": "HallUrl"}]
    assert rule["AllowedMethods"] == ["POST"]


def test_what_was_offered_goes_soon_and_what_was_handed_in_stays_as_long_as_is_wanted(packed: Packed) -> None:
    offered, all_uploads = packed.resources("S3::Bucket")["Uploads"]["LifecycleConfiguration"]["Rules"]
    assert offered["Prefix"] == "offered/"
    assert timedelta(days=offered["ExpirationInDays"]) >= drafts.LIFE
    assert "Prefix" not in all_uploads
    assert all_uploads["ExpirationInDays"] == {"Ref": "UploadRetentionDays"}


def test_uploads_are_stored_in_one_place_and_what_the_desk_reads_in_another(packed: Packed) -> None:
    assert _may(packed, "ApiRole", "s3:PutObject") == ["${Uploads.Arn}/offered/*"]
    assert "${Uploads.Arn}/kept/*" in _may(packed, "PerformRole", "s3:PutObject")
    assert "${Uploads.Arn}/offered/*" not in _may(packed, "PerformRole", "s3:PutObject")


def test_nobody_deletes_what_was_handed_in(packed: Packed) -> None:
    for role in packed.resources("IAM::Role"):
        assert set(_may(packed, role, "s3:DeleteObject")) <= {"${Uploads.Arn}/offered/*"}


# --- malware -----------------------------------------------------------------------------------------------------


def test_guardduty_scans_every_upload_and_tags_it(packed: Packed) -> None:
    (plan,) = packed.resources("GuardDuty::MalwareProtectionPlan").values()
    assert plan["ProtectedResource"] == {"S3Bucket": {"BucketName": {"Ref": "Uploads"}, "ObjectPrefixes": ["offered/"]}}
    assert plan["Actions"] == {"Tagging": {"Status": "ENABLED"}}
    assert plan["Role"] == {"Fn::GetAtt": ["MalwareRole", "Arn"]}
    assert packed.template["Parameters"]["MalwareScan"]["Default"] == "guardduty"


def test_guardduty_may_do_no_more_than_scan_and_tag_uploads(packed: Packed) -> None:
    role = packed.resources("IAM::Role")["MalwareRole"]
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "malware-protection-plan.guardduty.amazonaws.com"}
    assert _may(packed, "MalwareRole", "s3:GetObject") == ["${Uploads.Arn}/offered/*"]
    assert _may(packed, "MalwareRole", "s3:PutObjectTagging") == ["${Uploads.Arn}/offered/*"]
    assert _may(packed, "MalwareRole", "s3:PutObject") == [
        "${Uploads.Arn}/malware-protection-resource-validation-object"
    ]
    for statement in _statements(packed, "MalwareRole"):
        for action in _listed(statement["Action"]):
            assert action.startswith(("s3:", "events:"))
            assert "*" not in action
        if any(action.startswith("events:Put") for action in _listed(statement["Action"])):
            managed = statement["Condition"]["StringLike"]["events:ManagedBy"]
            assert managed == "malware-protection-plan.guardduty.amazonaws.com"


def test_what_is_not_found_clean_is_read_by_nobody_but_those_who_look_at_it(packed: Packed) -> None:
    deny = _bucket_statement(packed, "ReadOnlyWhenFoundClean")
    assert deny["Effect"] == "Deny"
    assert deny["Resource"] == {"Fn::Sub": "${Uploads.Arn}/offered/*"}
    assert deny["Condition"]["StringNotEquals"] == {f"s3:ExistingObjectTag/{scanner.TAG}": "NO_THREATS_FOUND"}
    spared = deny["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
    assert spared == [{"Fn::GetAtt": [role, "Arn"]} for role in ("ApiRole", "PerformRole", "MalwareRole")]


def test_nobody_but_guardduty_says_what_was_found(packed: Packed) -> None:
    deny = _bucket_statement(packed, "OnlyGuardDutySaysWhatItFound")
    assert deny["Effect"] == "Deny"
    assert "s3:PutObjectTagging" in deny["Action"]
    assert deny["Condition"]["ForAnyValue:StringEquals"] == {"s3:RequestObjectTagKeys": scanner.TAG}
    assert deny["Condition"]["ArnNotEquals"] == {"aws:PrincipalArn": {"Fn::GetAtt": ["MalwareRole", "Arn"]}}


def test_what_was_found_is_told_to_the_worker_until_it_has_taken_it_down(packed: Packed) -> None:
    rule = packed.resources("Events::Rule")["ScanResults"]
    (target,) = rule["Targets"]
    dead = {"Fn::GetAtt": ["ScansDeadLetters", "Arn"]}
    assert target["Arn"] == {"Fn::GetAtt": ["Scanned", "Arn"]}
    assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
    assert target["DeadLetterConfig"] == {"Arn": dead}
    retries = packed.resources("Lambda::EventInvokeConfig")["ScannedRetries"]
    assert retries["FunctionName"] == {"Ref": "Scanned"}
    assert retries["DestinationConfig"] == {"OnFailure": {"Destination": dead}}
    assert dead in [r for s in _statements(packed, "ScannedRole") for r in _listed(s.get("Resource", []))]
    (allowed,) = packed.resources("SQS::QueuePolicy")["ScansDeadLettersPolicy"]["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["ScanResults", "Arn"]}}}


def test_the_rule_lets_through_what_scanners_tell_of_this_hall_s_uploads_alone(packed: Packed) -> None:
    pattern = packed.resources("Events::Rule")["ScanResults"]["EventPattern"]
    assert pattern["source"] == [{"Fn::If": ["ScansByGuardDuty", "aws.guardduty", scanner.SOURCE]}]
    assert pattern["detail-type"] == [scanned.KIND] == [scanner.KIND]
    thing = pattern["detail"]["s3ObjectDetails"]
    assert thing == {"bucketName": [{"Ref": "Uploads"}], "objectKey": [{"prefix": scanned.OFFERED}]}


def test_the_template_holds_no_secret(packed: Packed) -> None:
    generated = packed.resources("SecretsManager::Secret")["Secrets"]["GenerateSecretString"]
    assert generated["GenerateStringKey"] == "mac_key"
    assert all(value in ("", {}) for value in json.loads(generated["SecretStringTemplate"]).values())


def test_the_seal_is_a_p256_key(packed: Packed) -> None:
    key = packed.resources("KMS::Key")["SealKey"]
    assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")


# --- workers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mapping", "table"), [("CasesToRelay", "Cases"), ("InboxToRelay", "Inbox")])
def test_a_stream_gives_new_records_to_the_relay_and_loses_none(packed: Packed, mapping: str, table: str) -> None:
    stream = packed.resources("Lambda::EventSourceMapping")[mapping]
    assert stream["EventSourceArn"] == {"Fn::GetAtt": [table, "StreamArn"]}
    assert stream["FunctionName"] == {"Ref": "Relay"}
    assert [json.loads(f["Pattern"]) for f in stream["FilterCriteria"]["Filters"]] == [{"eventName": ["INSERT"]}]
    assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert stream["BisectBatchOnFunctionError"] is True
    assert 0 < stream["MaximumRetryAttempts"] < 100
    assert stream["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["StreamFailures", "Arn"]}


def test_a_step_is_tried_again_alone_and_ends_among_the_dead_letters(packed: Packed) -> None:
    mapping = packed.resources("Lambda::EventSourceMapping")["StepsToPerform"]
    queue = packed.resources("SQS::Queue")["Steps"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["StepsDeadLetters", "Arn"]},
        "maxReceiveCount": 5,
    }


def test_a_step_is_not_taken_twice_while_it_is_being_done(packed: Packed) -> None:
    """AWS: "at least six times the timeout of your function"."""
    queue, perform = packed.resources("SQS::Queue")["Steps"], packed.functions()["Perform"]
    assert queue["VisibilityTimeout"] >= 6 * perform["Timeout"]


def test_a_sweep_ends_before_the_next_one_begins(packed: Packed) -> None:
    rule = packed.resources("Events::Rule")["SweepSchedule"]
    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": ["Sweep", "Arn"]}
    assert packed.functions()["Sweep"]["Timeout"] < 300


def test_money_is_reconciled_every_night(packed: Packed) -> None:
    rule = packed.resources("Events::Rule")["ReconcileSchedule"]
    assert re.fullmatch(r"cron\(\d+ \d+ \* \* \? \*\)", rule["ScheduleExpression"])
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": ["Reconcile", "Arn"]}
    assert _roles_that_may(packed, "dynamodb:Scan") == {"ReconcileRole"}
    assert _may(packed, "ReconcileRole", "s3:PutObject") == ["${Files.Arn}/reports/*"]


# --- alarms ------------------------------------------------------------------------------------------------------


def test_somebody_is_told_of_everything_that_goes_wrong(packed: Packed) -> None:
    alarms = packed.resources("CloudWatch::Alarm").values()
    watched = {(alarm["MetricName"], str(_dimension(alarm))) for alarm in alarms}
    assert watched >= {("Errors", str({"Ref": function})) for function in OWN_ROLES}
    assert watched >= {
        ("ApproximateNumberOfMessagesVisible", str({"Fn::GetAtt": ["StepsDeadLetters", "QueueName"]})),
        ("ApproximateNumberOfMessagesVisible", str({"Fn::GetAtt": ["StreamFailures", "QueueName"]})),
        ("ApproximateNumberOfMessagesVisible", str({"Fn::GetAtt": ["ScansDeadLetters", "QueueName"]})),
        ("ApproximateAgeOfOldestMessage", str({"Fn::GetAtt": ["Steps", "QueueName"]})),
        ("IteratorAge", str({"Ref": "Relay"})),
        ("5XXError", str({"Fn::Sub": "doorstep-${Stage}"})),
        ("MessagesNotApplied", "None"),
        ("VendorsDown", "None"),
        ("DifferencesOfMoney", "None"),
    }
    assert all(alarm["AlarmActions"] == [{"Ref": "Alarms"}] for alarm in alarms)


def test_a_message_that_could_not_be_applied_is_counted_by_what_the_relay_logs(packed: Packed) -> None:
    pattern = packed.resources("Logs::MetricFilter")["MessagesNotApplied"]["FilterPattern"]
    assert pattern == '{ $.event = "inbox" && $.applied IS FALSE }'
    assert re.search(r"""log\.info\("inbox", extra=\{[^}]*"applied": """, inspect.getsource(relay))


def test_differences_of_money_are_counted_by_what_the_worker_logs(packed: Packed) -> None:
    counted = packed.resources("Logs::MetricFilter")["MoneyDiffers"]
    assert counted["LogGroupName"] == {"Ref": "ReconcileLog"}
    assert counted["FilterPattern"] == '{ $.event = "reconciled" && $.differences > 0 }'
    assert re.search(r"""log\.info\("reconciled", extra=\{[^}]*"differences": """, inspect.getsource(reconcile))


def test_an_outage_is_counted_by_what_the_sweep_logs(packed: Packed) -> None:
    counted = packed.resources("Logs::MetricFilter")["VendorsDown"]
    assert counted["LogGroupName"] == {"Ref": "SweepLog"}
    assert counted["FilterPattern"] == '{ $.event = "vendor down" }'
    assert 'log.warning("vendor down", ' in inspect.getsource(sweep)


def test_what_a_vendor_s_outage_needs_is_allowed(packed: Packed) -> None:
    """A case is put off by the perform worker, and the sweep counts the questions of a day."""
    for role, table in (("PerformRole", "Views"), ("SweepRole", "Lookups")):
        arn = {"Fn::GetAtt": [table, "Arn"]}
        assert any(
            "dynamodb:UpdateItem" in _listed(s["Action"]) and arn in _listed(s["Resource"])
            for s in _statements(packed, role)
        ), role


# --- helpers -----------------------------------------------------------------------------------------------------


class _Recorder(dict[str, str]):
    """An environment that has everything, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.required: list[str] = []
        self.optional: list[str] = []

    def __getitem__(self, name: str) -> str:
        self.required.append(name)
        return "x"

    def get(self, name: str, default: Any = None) -> Any:
        self.optional.append(name)
        return default


def _recorded() -> _Recorder:
    recorder = _Recorder()
    Settings.from_env(recorder)
    return recorder


def _variables(packed: Packed) -> dict[str, Any]:
    variables: dict[str, Any] = packed.template["Globals"]["Function"]["Environment"]["Variables"]
    return variables


def _statements(packed: Packed, role: str) -> Iterator[Mapping[str, Any]]:
    for policy in packed.resources("IAM::Role")[role]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def _roles_that_may(packed: Packed, action: str) -> set[str]:
    roles = packed.resources("IAM::Role")
    return {role for role in roles if any(action in _listed(s["Action"]) for s in _statements(packed, role))}


def _may(packed: Packed, role: str, action: str) -> list[str]:
    """The files of our buckets that a role may do this to, as ``${Uploads.Arn}/offered/*``."""
    allowed = [s for s in _statements(packed, role) if action in _listed(s["Action"])]
    return [str(r["Fn::Sub"]) for s in allowed for r in _listed(s["Resource"]) if "Fn::Sub" in r]


def _bucket_statement(packed: Packed, sid: str) -> Mapping[str, Any]:
    """A statement of the uploads' bucket policy that holds where GuardDuty scans."""
    statements = packed.resources("S3::BucketPolicy")["UploadsPolicy"]["PolicyDocument"]["Statement"]
    (found,) = (s["Fn::If"][1] for s in statements if "Fn::If" in s and s["Fn::If"][1]["Sid"] == sid)
    assert next(s["Fn::If"][0] for s in statements if "Fn::If" in s) == "ScansByGuardDuty"
    return dict(found)


def _is_one_of_ours(packed: Packed, resource: Mapping[str, Any]) -> bool:
    """Is it a resource of this template, one of its indexes, or its files: ``${Files.Arn}/*``, ``…/kept/*``?"""
    resources = packed.template["Resources"]
    if "Fn::Sub" in resource:
        owner, _, below = str(resource["Fn::Sub"]).removeprefix("${").partition(".Arn}/")
        return owner in resources and (
            below in {"*", "offered/*", "kept/*", "reports/*"} or (below.startswith("index/") and "*" not in below)
        )
    return (resource.get("Ref") or resource["Fn::GetAtt"][0]) in resources


def _dimension(alarm: Mapping[str, Any]) -> Any:
    return alarm["Dimensions"][0]["Value"] if "Dimensions" in alarm else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _keys(schema: Iterable[Mapping[str, object]]) -> dict[object, object]:
    return {key["KeyType"]: key["AttributeName"] for key in schema}
