"""Which URL parameters are settings, and which of them a read-only user may choose."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from deploy.local.clickhouse_server.errors import BAD_ARGUMENTS, NOT_IMPLEMENTED, READONLY, QueryError

# Parameters of the HTTP interface itself. Sessions are accepted and have no effect: every request has a session of
# its own, so SET and temporary tables end with the request. Roles, quotas and stages are those of a larger server.
RESERVED: Final = frozenset({
    "query", "database", "default_format", "query_id", "user", "password", "session_id", "session_timeout",
    "session_check", "quota_key", "role", "stacktrace", "client_protocol_version", "wait_end_of_query", "buffer_size",
    "compress", "decompress", "close_session", "log_comment",
})  # fmt: skip

# Settings of the transport that clients send; this server decides them itself and ignores those of read-only users.
_TRANSPORT: Final = frozenset({
    "enable_http_compression", "http_zlib_compression_level", "send_progress_in_http_headers",
    "http_headers_progress_interval_ms", "cancel_http_readonly_queries_on_client_close", "http_wait_end_of_query",
    "http_response_buffer_size", "http_write_exception_in_output_format", "add_http_cors_header", "readonly",
    "log_queries", "http_receive_timeout", "http_send_timeout", "connect_timeout", "receive_timeout", "send_timeout",
})  # fmt: skip

# Only shape, rounding and size of the answer; nothing here opens files, loosens a limit or switches a feature on.
_HARMLESS: Final = frozenset({
    "max_result_rows", "max_result_bytes", "result_overflow_mode", "max_rows_to_read", "max_bytes_to_read",
    "read_overflow_mode", "max_block_size", "limit", "offset", "extremes", "final", "join_use_nulls",
    "group_by_use_nulls", "transform_null_in", "prefer_column_name_to_alias", "session_timezone",
    "date_time_input_format", "date_time_output_format", "cast_string_to_dynamic_use_inference",
    "output_format_json_quote_64bit_integers", "output_format_json_quote_64bit_floats",
    "output_format_json_quote_denormals", "output_format_json_quote_decimals",
    "output_format_json_named_tuples_as_objects",
    "output_format_json_array_of_rows", "output_format_json_escape_forward_slashes",
    "output_format_json_validate_utf8", "output_format_write_statistics", "output_format_csv_crlf_end_of_line",
    "output_format_tsv_crlf_end_of_line", "output_format_pretty_max_rows", "output_format_pretty_color",
    "output_format_pretty_row_numbers", "output_format_pretty_max_column_pad_width",
    "output_format_pretty_max_value_width", "output_format_native_encode_types_in_binary_format",
    "output_format_native_write_json_as_string", "output_format_binary_write_json_as_string",
    "output_format_arrow_string_as_string", "output_format_arrow_compression_method",
    "output_format_parquet_compression_method", "output_format_parquet_string_as_string",
    "output_format_decimal_trailing_zeros", "bool_true_representation", "bool_false_representation",
    "format_csv_delimiter",
})  # fmt: skip

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?\Z")


def engine_settings(url: Mapping[str, str]) -> dict[str, str]:
    """The parameters that are settings of the engine for this query alone."""
    for name in ("compress", "decompress"):
        if url.get(name, "0") not in ("0", ""):
            raise QueryError(
                NOT_IMPLEMENTED, f"{name}=1 is not served: use Content-Encoding and Accept-Encoding (gzip, zstd, lz4)."
            )
    return {name: value for name, value in url.items() if name not in RESERVED and not name.startswith("param_")}


def bound_parameters(url: Mapping[str, str]) -> dict[str, str]:
    """The param_NAME values by NAME."""
    return {name[6:]: value for name, value in url.items() if name.startswith("param_")}


def readonly_settings(wanted: Mapping[str, str], max_seconds: float, max_bytes: int) -> dict[str, str]:
    """The settings that a read-only user gets: harmless ones as given, limits only tightened; READONLY for others."""
    kept: dict[str, str] = {}
    for name, value in wanted.items():
        if name in _HARMLESS:
            kept[name] = value
        elif name == "max_execution_time":
            kept[name] = f"{_tighter(name, value, max_seconds):g}"
        elif name == "max_memory_usage":
            kept[name] = str(int(_tighter(name, value, max_bytes)))
        elif name == "max_threads":
            kept[name] = str(int(_tighter(name, value, 64)))  # more threads than that only cost memory
        elif name not in _TRANSPORT:
            raise QueryError(READONLY, f"Cannot modify '{name}' setting in readonly mode.")
    return kept


def _tighter(name: str, value: str, limit: float) -> float:
    """The smaller of the requested value and the limit; 0 means no limit in either."""
    if not _NUMBER.match(value):
        raise QueryError(BAD_ARGUMENTS, f"Setting {name} needs a number that is not negative.")
    return min(float(value) or math.inf, limit or math.inf) if float(value) or limit else 0.0
