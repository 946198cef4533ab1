"""What schemathesis does not know by itself: which ids there are, and how Jane signs."""

import hashlib
import hmac
import json
import os
import time
import zlib

import requests
import schemathesis
from schemathesis.generation.meta import CoverageScenario

with open(os.environ["JANE_TRAITS_WORLD"], encoding="utf-8") as file:
    WORLD = json.load(file)


def number_of(case):
    """The same for the same request, so that a run with a seed can be repeated."""
    body = case.body if isinstance(case.body, (str, int, float, list, dict)) else None
    return zlib.crc32(repr((case.query, body, case.path_parameters)).encode("utf-8", "replace"))


class Signed(requests.auth.AuthBase):
    """Three of four webhooks as Jane sends them, over the very bytes that go out; the others as they were made."""

    def __init__(self, number):
        self.number = number

    def __call__(self, request):
        if self.number % 4 == 3:
            return request
        body = request.body or b""
        timestamp = str(int(time.time()))
        signed = timestamp.encode() + b":" + (body.encode() if isinstance(body, str) else body)
        secret = WORLD["signing_secret"].encode()
        request.headers["Authorization"] = "Bearer " + WORLD["bearer_token"]
        request.headers["X-Jane-Request-Timestamp"] = timestamp
        request.headers["X-Jane-Signature"] = hmac.new(secret, signed, hashlib.sha256).hexdigest()
        return request


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Bodies of lines: what a line looks like is a component that the description of the body names."""
    for path, line in (("/v1/events", "EventLine"), ("/v1/people", "PersonLine")):
        operation = raw_schema["paths"].get(path, {}).get("post")
        if operation and line in raw_schema["components"]["schemas"]:
            content = operation["requestBody"]["content"]["application/x-ndjson"]
            content["schema"] = {"type": "array", "items": {"$ref": f"#/components/schemas/{line}"}}


@schemathesis.serializer("application/x-ndjson")
def to_lines(context, value):
    if isinstance(value, bytes):
        return value
    lines = value if isinstance(value, list) else [value]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def lacks_something(case):
    """Whether it was made to lack a header: one that is put into such a case brings the missing one back."""
    data = case.meta.phase.data if case.meta else None
    return getattr(data, "scenario", None) == CoverageScenario.MISSING_PARAMETER


@schemathesis.hook
def before_call(context, case, kwargs):
    if lacks_something(case):
        return
    number = number_of(case)
    # Now and then the workspace that was made up stays.
    if number % 8 != 7:
        case.headers["X-Workspace"] = WORLD["workspace"]
    known = WORLD["ids"].get(case.operation.path)
    if not known or not case.path_parameters:
        return
    # Half of them ask for what is there; the rest for whatever was made up, or made in an earlier step.
    is_webhook = "subscription" in case.path_parameters
    if is_webhook or number % 2 == 0:
        name = "subscription" if is_webhook else "id"
        case.path_parameters[name] = known[number // 2 % len(known)]
    if is_webhook:
        kwargs["auth"] = Signed(number)
