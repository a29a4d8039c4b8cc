"""Values of options that several commands take: times, sources, names of shadows."""

import click

from schemas.parsing.times import parse_time
from schemas.settings.config import Config
from streams.replay.shadow.database import NAME

BEGINNING = "beginning"


def moment_of(option: str, text: str | None) -> int | None:
    """Milliseconds of a time; None for the beginning or no bound. Raises click.UsageError."""
    if text is None or text.strip().lower() == BEGINNING:
        return None
    moment = parse_time(text)
    if moment is None:
        raise click.UsageError(f"{option} {text!r}: give `{BEGINNING}` or a time such as 2026-11-20T12:00:00Z")
    return moment


def known_source(config: Config, source: str | None) -> None:
    """Raises click.UsageError for a source that the settings do not name."""
    if source is not None and source not in config.sources:
        raise click.UsageError(f"--source {source!r}: the settings name {', '.join(config.sources) or 'no source'}")


class ShadowName(click.ParamType):
    """The name of a shadow: a set of tables made by `replay --into NAME`."""

    name = "NAME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name. Fails for one that no shadow can have."""
        if not NAME.fullmatch(str(value)):
            self.fail(f"{value!r} names no shadow: use a-z, 0-9 and _, at most 32 characters", param, ctx)
        return str(value)
