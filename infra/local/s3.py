"""``python -m infra.local.s3``: the S3 that browsers and functions of the local hall see, in front of the emulated one.

The emulator holds a presigned GET to its signature, and a presigned POST to its policy: size, type, fields, expiry.
What it leaves out is made good here: a policy counts only with its signature, what follows the file is not seen,
nothing is stored or read without a signature, and other pages' scripts are answered by the bucket's own CORS rules.
"""

from __future__ import annotations

import argparse
import fnmatch
import hmac
from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

import httpx2
import uvicorn
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from infra.local import cloud
from infra.local.layout import LOOPBACK, Layout

TIMEOUT_S = 300  # a busy machine stores large files slowly
_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]
_OF_THE_CONNECTION = frozenset({"connection", "expect", "keep-alive", "te", "transfer-encoding", "upgrade"})
_FORM = "multipart/form-data"

Headers = Mapping[str, str]


class Refused(Exception):
    """What S3 answers instead: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message

    def answer(self) -> Response:
        body = f"<Error><Code>{self.code}</Code><Message>{escape(self.message)}</Message></Error>"
        return Response('<?xml version="1.0" encoding="UTF-8"?>\n' + body, self.status, media_type="application/xml")


class Front:
    """``s3`` is a boto3 client of the emulated S3, ``store`` reaches it by plain HTTP."""

    def __init__(
        self, s3: Any, store: httpx2.AsyncClient, credentials: Credentials, region: str = cloud.REGION
    ) -> None:
        self._s3 = s3
        self._store = store
        self._credentials = credentials
        self._region = region

    async def serve(self, request: Request) -> Response:
        """Answer a request as S3 would."""
        rules = await run_in_threadpool(self._cors_rules, _bucket(request)) if "origin" in request.headers else []
        if request.method == "OPTIONS":
            return preflight(rules, request.headers)
        try:
            await self._check(request)
            answer = await self._hand_on(request)
        except Refused as refused:
            answer = refused.answer()
        answer.headers.update(allowed(rules, request.headers.get("origin", ""), request.method))
        return answer

    async def _check(self, request: Request) -> None:
        """Raises Refused for what nobody has signed."""
        if request.method == "POST" and request.headers.get("content-type", "").startswith(_FORM):
            await request.body()  # kept, to be handed on
            async with request.form() as form:
                check_form(before_the_file(form.multi_items()), self._credentials, self._region)
        elif "authorization" not in request.headers and "X-Amz-Signature" not in request.query_params:
            raise Refused(403, "AccessDenied", "Access Denied")

    async def _hand_on(self, request: Request) -> Response:
        # The host goes along as it is: it is part of what was signed.
        headers = [(name, value) for name, value in request.headers.items() if name not in _OF_THE_CONNECTION]
        target = request.scope["raw_path"].partition(b"?")[0]
        query = request.scope["query_string"]
        url = self._store.base_url.copy_with(raw_path=target + b"?" + query if query else target)
        asked = self._store.build_request(request.method, url, headers=headers, content=await request.body())
        answer = await self._store.send(asked, stream=True)
        passed = StreamingResponse(answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose))
        passed.raw_headers = [
            (name.lower(), value)
            for name, value in answer.headers.raw
            if name.lower().decode() not in _OF_THE_CONNECTION | {"date"}
            and not name.lower().startswith(b"access-control-")
        ]
        return passed

    def _cors_rules(self, bucket: str) -> list[Mapping[str, Any]]:
        try:
            rules: list[Mapping[str, Any]] = self._s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
        except ClientError:
            return []  # no such configuration, or no such bucket
        return rules


def _bucket(request: Request) -> str:
    return request.url.path.strip("/").partition("/")[0]


# --- forms -------------------------------------------------------------------------------------------------------


def before_the_file(items: Iterable[tuple[str, UploadFile | str]]) -> dict[str, str]:
    """The fields of a form, by their names in lower case. S3 reads none that comes after the file."""
    fields: dict[str, str] = {}
    for name, value in items:
        if name.lower() == "file":
            break
        if isinstance(value, str):
            fields[name.lower()] = value
    return fields


def check_form(fields: Mapping[str, str], credentials: Credentials, region: str) -> None:
    """Raises Refused unless the form's policy is signed with these credentials.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html
    """
    if "key" not in fields:
        raise Refused(400, "InvalidArgument", "Bucket POST must contain a field named 'key'.")
    if not {"policy", "x-amz-credential", "x-amz-date", "x-amz-signature"} <= fields.keys():
        raise Refused(403, "AccessDenied", "Access Denied")
    day = fields["x-amz-date"][:8]
    if fields["x-amz-credential"] != f"{credentials.access_key}/{day}/{region}/s3/aws4_request":
        raise Refused(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    request = AWSRequest()
    request.context["timestamp"] = fields["x-amz-date"]
    expected = SigV4Auth(credentials, "s3", region).signature(fields["policy"], request)
    if not hmac.compare_digest(expected.encode(), fields["x-amz-signature"].encode()):
        message = "The request signature we calculated does not match the signature you provided."
        raise Refused(403, "SignatureDoesNotMatch", message)


# --- other pages' scripts ----------------------------------------------------------------------------------------


def preflight(rules: Iterable[Mapping[str, Any]], headers: Headers) -> Response:
    """What S3 says before a script of another page may ask.

    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html
    """
    method, wanted = headers.get("access-control-request-method", ""), _listed(headers)
    answer = allowed(rules, headers.get("origin", ""), method, wanted)
    if not answer:
        return Refused(403, "AccessForbidden", "CORSResponse: This CORS request is not allowed.").answer()
    return Response(status_code=200, headers=answer)


def allowed(rules: Iterable[Mapping[str, Any]], origin: str, method: str, wanted: Iterable[str] = ()) -> dict[str, str]:
    """The headers by which a browser lets a page of this origin see the answer; none when no rule allows it."""
    for rule in rules:
        fits = _fits(origin, rule["AllowedOrigins"]) and method in rule["AllowedMethods"]
        if fits and all(_fits(name, rule.get("AllowedHeaders", ())) for name in wanted):
            everybody = "*" in rule["AllowedOrigins"]
            answer = {
                "Access-Control-Allow-Origin": "*" if everybody else origin,
                "Access-Control-Allow-Methods": ", ".join(rule["AllowedMethods"]),
                "Access-Control-Allow-Headers": ", ".join(wanted),
                "Access-Control-Expose-Headers": ", ".join(rule.get("ExposeHeaders", ())),
                "Access-Control-Max-Age": str(rule.get("MaxAgeSeconds", "")),
                "Access-Control-Allow-Credentials": "" if everybody else "true",
                "Vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
            }
            return {name: value for name, value in answer.items() if value}
    return {}


def _listed(headers: Headers) -> list[str]:
    names = headers.get("access-control-request-headers", "").split(",")
    return [name.strip().lower() for name in names if name.strip()]


def _fits(value: str, patterns: Iterable[str]) -> bool:
    """S3's patterns have at most one ``*``."""
    return any(fnmatch.fnmatchcase(value.lower(), pattern.lower().replace("[", "[[]")) for pattern in patterns)


# --- the process -------------------------------------------------------------------------------------------------


def build(layout: Layout) -> Starlette:
    """The front as an application."""
    store = httpx2.AsyncClient(base_url=layout.cloud_url, trust_env=False, timeout=TIMEOUT_S)
    front = Front(cloud.client(layout, "s3"), store, Credentials(cloud.ACCOUNT, cloud.SIGNING_KEY))
    return Starlette(
        routes=[Route("/{path:path}", front.serve, methods=_METHODS)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", LOOPBACK])],
    )


def main() -> None:
    """Serve until told to stop. Ports and state directory come from the environment, as for ``make run``."""
    argparse.ArgumentParser(prog="s3", description="The S3 of the local hall.").parse_args()
    layout = Layout.from_env()
    uvicorn.run(
        build(layout), host=LOOPBACK, port=layout.s3_port, log_level="warning", access_log=False, server_header=False,
        timeout_keep_alive=75, timeout_graceful_shutdown=5,
    )  # fmt: skip


if __name__ == "__main__":
    main()
