"""What Schemathesis does not know by itself: lines of JSON as a body, and that nobody wants to wait for a minute."""

import schemathesis
from schemathesis import SerializationContext


@schemathesis.serializer("application/x-ndjson")
def lines(context: SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.hook
def before_call(context, case, kwargs) -> None:
    """A wait that is allowed is as good when it is short."""
    wait = (case.query or {}).get("wait")
    if str(wait).isdecimal() and 1 < int(wait) <= 60:
        case.query["wait"] = 1
