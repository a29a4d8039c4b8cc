"""Twilio: form bodies, one event each, HMAC-SHA1 over the public address and the sorted fields.

The signed address is the one that Twilio called: behind a proxy, `ingest.public_url` has to name it. A JSON body is not
signed field by field; the address contains its SHA-256. Users may choose GET: the form is then in the address, and
signed with it. No message or status has a time, except in the JSON of Event Streams.
"""

import hmac
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from urllib.parse import unquote_to_bytes

from schemas.authentication.request import REJECT, UNSIGNED, Request, Verdict
from schemas.authentication.secrets import matching_secret, matching_signature, verdict_for
from schemas.parsing.bodies import Elements, elements_of, read_each
from schemas.parsing.json_values import as_list
from schemas.parsing.results import Rejected
from schemas.providers.base import Provider
from schemas.providers.twilio.events import read, read_response
from schemas.reasons import Reason

SIGNATURE = "x-twilio-signature"
SETTINGS = "x-twilio-webhooks-signature-settings"  # key=<id>,algorithm=<name>; sent when a shared key signs

_ALGORITHMS = {"": "sha1", "hmac_sha1": "sha1", "hmac_sha256": "sha256"}
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_SID = re.compile(r"(AC|SK)[0-9a-f]{32}")
_MAX_FIELDS = 1_000  # ten media with all their fields have fewer than 100


def verify(request: Request, secrets: Sequence[str]) -> Verdict:
    """The verdict on `X-Twilio-Signature` over the address, in any of its spellings, and every field as it was sent."""
    if not secrets:
        return UNSIGNED
    algorithm = _ALGORITHMS.get(_named_algorithm(request.headers.get(SETTINGS, "")).lower())
    signed = _signed_fields(request)
    if algorithm is None or signed is None:
        return REJECT
    texts = [url.encode("utf-8", "surrogatepass") + signed for url in _spellings(request.url)]
    given = request.headers.get(SIGNATURE, "").strip()
    secret = matching_signature(
        given, secrets, lambda key: (b64encode(hmac.digest(key, text, algorithm)).decode() for text in texts)
    )
    return verdict_for(f"hmac-{algorithm}", secret)


def parse(body: bytes) -> Elements:
    """The event of a form, or the events of a JSON body. Never raises."""
    if body.lstrip()[:1] in (b"{", b"["):
        yield from elements_of(body, lambda root: map(read, as_list(root)))
        return
    pairs = _form(body)
    if pairs is None:
        yield Rejected(Reason.UNKNOWN_SHAPE, f"the form has more than {_MAX_FIELDS} fields")
    elif any(pairs):
        yield read({name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in pairs})
    else:
        yield Rejected(Reason.UNKNOWN_SHAPE, "the form has no fields")


def send_response(body: bytes) -> Elements:
    """The message of a response in JSON; the older XML is not read. Never raises."""
    return read_each(body, read_response)


def _named_algorithm(settings: str) -> str:
    for part in settings.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm":
            return value.strip()
    return ""


def _signed_fields(request: Request) -> bytes | None:
    """The signed text after the address; None when the body cannot be what Twilio sent."""
    digest = _body_digest(request.url)
    if digest is not None:
        return b"" if matching_secret(digest.lower(), [sha256(request.body).hexdigest()]) is not None else None
    pairs = _form(request.body)
    return None if pairs is None else b"".join(name + value for name, value in sorted(set(pairs)))


def _body_digest(url: str) -> str | None:
    for part in url.partition("#")[0].partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        if name == "bodySHA256":
            return value
    return None


def _form(body: bytes) -> list[tuple[bytes, bytes]] | None:
    """The names and values of a form as bytes, because bytes are signed; None for more than _MAX_FIELDS."""
    if body.count(b"&") >= _MAX_FIELDS:
        return None
    parts = (part.partition(b"=") for part in body.strip().split(b"&") if part)
    return [(_decoded(name), _decoded(value)) for name, _, value in parts]


def _decoded(part: bytes) -> bytes:
    spaced = part.replace(b"+", b" ")
    return unquote_to_bytes(spaced) if b"%" in spaced else spaced


def _spellings(url: str) -> Iterator[str]:
    """The address with and without its port and its connection overrides (`#rc=5`): Twilio signs any of these."""
    yield url
    address, hash_sign, fragment = url.partition("#")
    if fragment:
        yield address
    scheme, separator, rest = address.partition("://")
    end = min((place for mark in "/?" if (place := rest.find(mark)) >= 0), default=len(rest))
    host, colon, port = rest[:end].rpartition(":")
    if colon and port.isdigit():
        other = scheme + separator + host + rest[end:]
    elif scheme.lower() in _DEFAULT_PORTS:
        other = f"{scheme}{separator}{rest[:end]}:{_DEFAULT_PORTS[scheme.lower()]}{rest[end:]}"
    else:
        return
    yield other
    if fragment:
        yield other + hash_sign + fragment


def secret_fault(secret: str) -> str | None:
    """Why the SID of an account or of an API key is no secret of signatures."""
    is_sid = _SID.fullmatch(secret)
    return "the SID of an account or an API key signs no webhooks: use the account's auth token" if is_sid else None


PROVIDER = Provider(
    name="twilio",
    verify=verify,
    parse=parse,
    proof_headers=(SIGNATURE, SETTINGS),
    send_response=send_response,
    query_form=True,
    signs_address=True,
    secret_fault=secret_fault,
)
