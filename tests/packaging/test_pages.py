"""What AWS does for the pages on their way to a browser: routes, compression, caching, headers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.local.edge import COMPRESSED_FROM
from tests.packaging.conftest import Packed
from tests.packaging.test_archives import run

# CloudFront's managed policies, by the ids that its Developer Guide lists.
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"  # compresses by gzip and by Brotli
ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


@pytest.fixture
def distribution(packed: Packed) -> dict[str, Any]:
    return packed.resources("CloudFront::Distribution")["Distribution"]["DistributionConfig"]


def test_api_gateway_compresses_pages_because_cloudfront_does_not_where_nothing_is_cached(
    packed: Packed, distribution: dict[str, Any]
) -> None:
    behaviour = distribution["DefaultCacheBehavior"]
    assert behaviour["CachePolicyId"] == CACHING_DISABLED
    assert behaviour["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST_HEADER  # Accept-Encoding among them
    assert packed.resources("Serverless::Api")["RestAPI"]["MinimumCompressionSize"] == COMPRESSED_FROM


def test_cloudfront_compresses_static_files_and_keeps_them(distribution: dict[str, Any]) -> None:
    (behaviour,) = distribution["CacheBehaviors"]
    assert behaviour["PathPattern"] == "/static/*"
    assert behaviour["CachePolicyId"] == CACHING_OPTIMIZED
    assert behaviour["Compress"] is True


def test_static_files_and_api_gateway_s_own_answers_get_security_headers(
    packed: Packed, distribution: dict[str, Any]
) -> None:
    for behaviour in (distribution["DefaultCacheBehavior"], *distribution["CacheBehaviors"]):
        assert behaviour["ResponseHeadersPolicyId"] == {"Ref": "SecurityHeaders"}
    policy = packed.resources("CloudFront::ResponseHeadersPolicy")["SecurityHeaders"]["ResponseHeadersPolicyConfig"]
    headers = policy["SecurityHeadersConfig"]
    assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31536000
    assert headers["ContentTypeOptions"]["Override"] is True
    content = headers["ContentSecurityPolicy"]
    assert content["Override"] is False  # a page's own is stricter
    assert "default-src 'self'" in content["ContentSecurityPolicy"]
    assert "unsafe" not in content["ContentSecurityPolicy"]


def test_every_address_that_is_no_route_leads_to_the_page_that_says_so(packed: Packed) -> None:
    paths = packed.resources("Serverless::Api")["RestAPI"]["DefinitionBody"]["paths"]
    assert {"get", "head"} <= paths["/{proxy+}"].keys()


def test_the_first_page_compiles_no_template(packed: Packed, unpacked: Path) -> None:
    templates = [path.name for path in (packed.project / "chalicelib/web/templates").glob("*.html")]
    code = f"""
from chalicelib.web import render
from jinja2 import Environment
def compile(*_, **__): raise AssertionError("compiled while the applicant waits")
Environment.compile = compile
render._environment().get_template("parts.html").module  # with all macros that it imports
print(*sorted(name for name in {templates!r} if render._environment().get_template(name)))
"""
    assert run(unpacked, code=code).split() == sorted(templates)
