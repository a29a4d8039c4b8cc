"""Command line of the server: `python -m deploy.local.clickhouse_server --data DIR --port N --users FILE`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import sys
from pathlib import Path

from deploy.local.clickhouse_server.auth import UsersFileError, load_users
from deploy.local.clickhouse_server.engine import DataDirBusyError
from deploy.local.clickhouse_server.errors import QueryError
from deploy.local.clickhouse_server.server import ServerConfig, serve
from schemas.process import logs


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local.clickhouse_server",
        description="ClickHouse's engine behind ClickHouse's HTTP interface.",
    )
    parser.add_argument("--data", type=Path, required=True, help="data directory; one server at a time owns it")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8123, help="port; 0 = any free one (default: 8123)")
    parser.add_argument("--users", type=Path, required=True, help="JSON file: {NAME: {password, readonly}}")
    parser.add_argument("--max-execution-time", type=float, default=300.0, metavar="S", help="of a query; 0 = no limit")
    parser.add_argument(
        "--max-memory-bytes", type=int, default=0, metavar="N", help="of a query; 0 = half of the machine"
    )
    parser.add_argument("--max-concurrent", type=int, default=32, metavar="N", help="queries at a time")
    parser.add_argument("--grace", type=float, default=30.0, metavar="S", help="wait for running queries at a stop")
    parser.add_argument(
        "--send-timeout", type=float, default=30.0, metavar="S", help="in which a client reads 256 KiB (default: 30)"
    )
    parser.add_argument("--access-log", action="store_true", help="one line a query, without its text")
    args = parser.parse_args(argv)
    if (
        args.max_concurrent < 1
        or args.send_timeout <= 0
        or min(args.max_execution_time, args.max_memory_bytes, args.grace, args.port) < 0
    ):
        parser.error("limits must not be negative, --max-concurrent must be at least 1, --send-timeout more than 0")
    return args


def main(argv: list[str] | None = None) -> int:
    """Serve until stopped; 0 after a clean stop, 1 with one sentence on stderr when it cannot start."""
    args = _arguments(argv)
    logs.configure()
    logging.getLogger("ackstream.clickhouse.access").setLevel(logging.INFO if args.access_log else logging.WARNING)
    config = ServerConfig(
        args.data,
        args.max_execution_time,
        args.max_memory_bytes,
        args.max_concurrent,
        args.grace,
        args.send_timeout,
    )
    try:
        asyncio.run(serve(config, load_users(args.users), args.host, args.port, _announce))
    except (UsersFileError, DataDirBusyError) as error:
        return _fail(str(error))
    except QueryError as error:
        return _fail(f"The engine cannot open {args.data}: {error.text}")
    except OSError as error:
        return _fail(f"Cannot serve {args.data} on {args.host}:{args.port}: {error.strerror or error}.")
    return 0


def _announce(address: str) -> None:
    sys.stdout.write(f"listening on {address}\n")
    sys.stdout.flush()


def _fail(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 1


if __name__ == "__main__":
    code = main()
    gc.collect()
    sys.stdout.flush()
    # The engine's own threads may outlive the last query by a moment; nothing is left to be saved by now.
    os._exit(code)
