"""`ackstream explain`: what becomes of a webhook body; needs no services."""

import base64
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import click

from deploy.cli.explain_setup import Setups, mapping_in
from schemas.errors import ConfigError
from schemas.normalisation.explain import Setup, explain
from schemas.parsing.json_text import InvalidJSON, dumps, dumps_indented, loads
from schemas.parsing.times import parse_time


class _BadCaseError(Exception):
    """A case of `--jsonl` is malformed; the text is one sentence."""


def _headers(given: Iterable[str]) -> dict[str, str]:
    headers = {}
    for line in given:
        name, colon, value = line.partition(":")
        if not colon:
            raise click.UsageError(f"--header {name!r}: write it as 'Name: value'")
        headers[name.strip()] = value.strip()
    return headers


def _now(value: Any) -> int:
    if value is None:
        return time.time_ns() // 1_000_000
    moment = parse_time(value)
    if moment is None:
        raise _BadCaseError("now must be an ISO time such as 2026-11-20T12:00:00Z")
    return moment


def _setup(case: dict[str, Any], setups: Setups) -> tuple[str, Setup]:
    """The provider's name of a case, and its set-up."""
    mapping, source = case.get("mapping"), case.get("source")
    if mapping is not None and not isinstance(mapping, dict):
        raise _BadCaseError("mapping is an object")
    if source is None:
        name = str(case.get("provider"))
        setup = setups.of_provider(name, mapping)
    else:
        name, setup = setups.of_source(str(source))
    return name, replace(setup, address=str(case["address"])) if "address" in case else setup


def _case(line: bytes, setups: Setups) -> dict[str, Any]:
    """The answer to one line of `--jsonl`."""
    try:
        case = loads(line)
    except InvalidJSON:
        case = None
    if not isinstance(case, dict):
        raise _BadCaseError("a case is a JSON object")
    headers = case.get("headers") or {}
    if not isinstance(headers, dict):
        raise _BadCaseError("headers is an object of names and values")
    try:
        body = base64.b64decode(case.get("body_base64") or "", validate=True)
    except (ValueError, TypeError):
        raise _BadCaseError("body_base64 is not base64") from None
    try:
        secret = case.get("secret")
        query = case.get("query") or {}
        name, setup = _setup(case, setups)
        return explain(
            name,
            {str(name): str(value) for name, value in headers.items()},
            body,
            [] if not secret else secret if isinstance(secret, list) else [secret],
            case.get("url") or "",
            _now(case.get("now")),
            case.get("method") or "POST",
            dict(parse_qsl(query, keep_blank_values=True)) if isinstance(query, str) else query,
            case.get("verify_token"),
            setup,
        )
    except (ConfigError, ValueError) as error:
        raise _BadCaseError(str(error)) from None
    except (AttributeError, TypeError):
        raise _BadCaseError("secret, url, now, method, query and verify_token are texts") from None


def _each_line(source: Any, setups: Setups) -> None:
    """Prints one answer per line, in order; a malformed case is answered {"error"} and makes the exit code 2."""
    wrong = 0
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        try:
            answer = _case(line, setups)
        except _BadCaseError as error:
            wrong += 1
            answer = {"error": f"line {number}: {error}"}
        click.echo(dumps(answer))
    if wrong:
        raise click.UsageError(f"{wrong} of the cases are malformed, see their answers")


def _selected_setup(
    setups: Setups, provider: str | None, source: str | None, mapping: Path | None
) -> tuple[str, Setup]:
    """The provider's name and the set-up that the options select."""
    if source is not None:
        if provider or mapping:
            raise click.UsageError("--source has its own provider and mapping: leave --provider and --mapping out")
        return setups.of_source(source)
    if not provider:
        raise click.UsageError("give the provider with --provider, or the source that received it with --source")
    return provider, setups.of_provider(provider, None if mapping is None else mapping_in(mapping))


@click.command()
@click.option("--provider", "-p", help="The provider that sent it: meta, wasender, zapini, ...")
@click.option("--source", help="Use this source of the settings: its provider, mapping, secrets and auth.")
@click.option("--config", "settings", type=click.Path(path_type=Path), help="Settings file; default: the current one.")
@click.option("--mapping", type=click.Path(path_type=Path), help="TOML file with a mapping, for --provider generic.")
@click.option("--address", default="", metavar="IP", help="The client address, for a source that checks it.")
@click.option(
    "--header", "-H", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header of the request. Repeatable."
)
@click.option("--secret", "-s", "secrets", multiple=True, help="A secret of the source. Repeatable.")
@click.option("--url", default="", help="The URL that the provider calls.")
@click.option("--now", metavar="ISO", help="Time of arrival; default: now.")
@click.option("--method", default="POST", show_default=True, type=click.Choice(["POST", "GET"], case_sensitive=False))
@click.option("--query", default="", metavar="'A=B&C=D'", help="Query string, for a handshake.")
@click.option("--verify-token", metavar="T", help="The token that a handshake must contain.")
@click.option("--jsonl", is_flag=True, help="FILE has one case per line; print one answer per line.")
@click.argument("file", default="-", type=click.Path(path_type=Path))
def command(
    provider: str | None, source: str | None, settings: Path | None, mapping: Path | None, address: str,
    headers: tuple[str, ...], secrets: tuple[str, ...], url: str, now: str | None, method: str, query: str,
    verify_token: str | None, jsonl: bool, file: Path,
) -> None:  # fmt: skip
    """Show what becomes of a webhook body: whether it is authentic and can be parsed, and its events.

    FILE is the body as it was received (- or none: standard input). Needs no services. A case of --jsonl is
    {provider, headers, body_base64, secret, url, now, method, query, verify_token}, and may have source, mapping and
    address.
    """
    setups = Setups(settings)
    try:
        if jsonl:
            with click.open_file(str(file), "rb") as lines:
                _each_line(lines, setups)
            return
        name, setup = _selected_setup(setups, provider, source, mapping)
        handshake = method.upper() == "GET"
        body = b"" if handshake else click.open_file(str(file), "rb").read()
        answer = explain(
            name, _headers(headers), body, secrets, url, _now(now), method,
            dict(parse_qsl(query, keep_blank_values=True)), verify_token, replace(setup, address=address),
        )  # fmt: skip
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}") from None
    except (_BadCaseError, ConfigError, ValueError) as error:
        raise click.UsageError("; ".join(str(error).splitlines())) from None
    click.echo(dumps_indented(answer))
