"""Compressed bodies: what is inflated, what stays as it came, and what is refused."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.parsing.content_coding import MAX_PLAIN_BYTES, NotInflated, inflated

BODY = b'{"event":"message.received","data":{"message":"oi"}}'
PACKED = gzip.compress(BODY)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (BODY, ""),
        (BODY, "identity"),
        (BODY, "utf-8"),
        (BODY, "gzip"),
        (BODY, "deflate"),
        (BODY, "br"),
        (PACKED, "gzip"),
        (PACKED, " GZIP "),
        (PACKED, "x-gzip"),
        (PACKED, ""),
        (PACKED, "deflate"),
        (PACKED + b"\0\0", "gzip"),
        (gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]), "gzip"),
        (zlib.compress(BODY), "deflate"),
        (raw_deflate(BODY), "deflate"),
        (gzip.compress(zlib.compress(BODY)), "deflate, gzip"),
        (gzip.compress(PACKED), "gzip, gzip"),
    ],
)
def test_the_plain_bytes_of_every_spelling(body: bytes, encoding: str) -> None:
    assert inflated(body, encoding) == BODY


@pytest.mark.parametrize(
    ("body", "encoding", "too_large"),
    [
        (PACKED[:-9], "gzip", False),
        (PACKED[:12] + b"\xff" * 20, "gzip", False),
        (b"\xff\xfe\xfd", "deflate", False),
        (b"\x0b\x02", "br", False),
        (gzip.compress(b" " * (MAX_PLAIN_BYTES + 1)), "gzip", True),
        (zlib.compress(b" " * (MAX_PLAIN_BYTES + 1)), "deflate", True),
        (gzip.compress(b"\0" * (2 << 20)), "gzip", True),  # within the size, beyond the ratio
        (gzip.compress(b"\0" * (1 << 20)) * 2, "gzip", True),  # in two members
        (BODY, ",".join(["gzip"] * 9), False),
    ],
)
def test_what_cannot_be_inflated_is_refused(body: bytes, encoding: str, too_large: bool) -> None:
    with pytest.raises(NotInflated) as caught:
        inflated(body, encoding)
    assert caught.value.too_large is too_large


@given(st.binary(max_size=60), st.sampled_from(["", "gzip", "deflate", "br", "gzip, deflate", ","]))
def test_random_bytes_raise_nothing_else(body: bytes, encoding: str) -> None:
    for data in (body, b"\x1f\x8b" + body):
        try:
            assert isinstance(inflated(data, encoding), bytes)
        except NotInflated:
            continue
