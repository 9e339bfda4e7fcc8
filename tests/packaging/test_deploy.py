"""Deploying: what can be told before AWS is asked. The deployment itself is tried by the local hall."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from infra.aws import deploy
from infra.aws.package import ROOT
from tests.packaging.conftest import Packed


def test_without_credentials_it_says_what_is_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.aws.deploy", "--stage", "prod", "--parameter", "HallUrl=https://hall.example"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={
            "PATH": os.defpath, "AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "cn-north-1",
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        },
    )  # fmt: skip
    assert done.returncode == 1
    assert "AWS_PROFILE" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_first_deployment_asks_for_the_hall_s_address(packed: Packed) -> None:
    with pytest.raises(deploy.DeploymentFailed, match="--parameter HallUrl="):
        deploy.stack_parameters(packed.template, {"Stage": "prod"}, None)


def test_a_misspelled_parameter_is_refused(packed: Packed) -> None:
    with pytest.raises(deploy.DeploymentFailed, match="HallURL"):
        deploy.stack_parameters(packed.template, {"Stage": "prod", "HallURL": "https://hall.example"}, None)


def test_what_is_not_given_again_keeps_its_value(packed: Packed) -> None:
    standing = {"Parameters": [{"ParameterKey": name} for name in ("Stage", "HallUrl", "Couriers")]}
    parameters = deploy.stack_parameters(packed.template, {"Stage": "prod", "Couriers": "sf"}, standing)
    assert {"ParameterKey": "Couriers", "ParameterValue": "sf"} in parameters
    assert {"ParameterKey": "HallUrl", "UsePreviousValue": True} in parameters
    assert "EmailSender" not in {parameter["ParameterKey"] for parameter in parameters}


def test_every_local_archive_of_the_template_is_one_that_was_packed(packed: Packed) -> None:
    named = {properties[key] for properties, key in deploy.archives(packed.template)}
    assert named == {"./deployment.zip", "./certificates.zip"}
    assert all((packed.directory / name).is_file() for name in named)
