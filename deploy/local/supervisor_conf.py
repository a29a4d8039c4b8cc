"""The configuration file of the supervisor."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deploy.local.layout import Layout
from deploy.local.parts import INSTANCE, STOP_SECONDS, Part
from deploy.local.supervisor_rpc import USER
from schemas.errors import Failure
from streams.runtime.heartbeat import EXIT_CIRCUIT_OPEN

# The supervisor stops in the reverse order: page, ingest, workers, then the servers that they write to.
ORDER = ("kafka", "clickhouse", "normalise", "load", "analytics", "ingest", "dashboards")
LOG_BYTES = "10MB"
LOG_COPIES = 3
# Kafka holds every segment of every partition open.
FILES = 65_536
_PROGRAM = "[program:"
# A comment in the file: the next `up` reads the ports that belong to the running part.
_LISTENS = "; Listens on: "


@dataclass(slots=True, frozen=True)
class Daemon:
    """Settings of the daemon itself; a change restarts it and all parts."""

    socket: str
    password: str
    files: int
    # The user to run as; supervisord requires it when root starts it.
    user: int | None = None


@dataclass(slots=True, frozen=True)
class Recorded:
    """A configuration file: the daemon's own sections, and the section of each part."""

    head: str
    programs: Mapping[str, str]

    def ports(self, part: str) -> set[int]:
        """The ports on which the part listens."""
        lines = self.programs.get(part, "").splitlines()
        found = next((line for line in lines if line.startswith(_LISTENS)), _LISTENS)
        return {int(word) for word in found.removeprefix(_LISTENS).split()}


def recorded(text: str) -> Recorded:
    """Reads a file that `render` made."""
    head, *sections = text.split(f"\n{_PROGRAM}")
    return Recorded(head, {name: body for name, _, body in (section.partition("]\n") for section in sections)})


def render(daemon: Daemon, layout: Layout, parts: list[Part], environment: Callable[[Part], Mapping[str, str]]) -> str:
    """The whole file; `environment` returns a part's variables. Raises Failure for text that the format cannot hold."""
    sections = [head(daemon, layout)]
    sections += [program(part, layout, environment(part)) for part in parts if part.command is not None]
    return "\n".join(sections)


def head(daemon: Daemon, layout: Layout) -> str:
    """The sections of the daemon itself."""
    return f"""\
[unix_http_server]
file={_plain(daemon.socket)}
chmod=0700
username={USER}
password={daemon.password}

[supervisord]
logfile={_plain(str(layout.log("supervisor")))}
logfile_maxbytes={LOG_BYTES}
logfile_backups={LOG_COPIES}
pidfile={_plain(str(layout.run / "supervisor.pid"))}
directory={_plain(str(layout.root))}
childlogdir={_plain(str(layout.logs))}
identifier=ackstream-{layout.key}
umask=077
minfds={daemon.files}
{"" if daemon.user is None else f"user={daemon.user}"}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""


def program(part: Part, layout: Layout, environment: Mapping[str, str]) -> str:
    """The section of one part. `up` starts each part when those that it needs are healthy."""
    assert part.command is not None  # noqa: S101  (render)
    command = " ".join(shlex.quote(word) for word in part.command)
    variables = {**environment, "PYTHONUNBUFFERED": "1", "ACKSTREAM_STAMP": part.stamp}
    return f"""\
{_PROGRAM}{part.name}]
{_LISTENS}{" ".join(str(listener.port) for listener in part.listeners)}
command={_plain(command).replace(INSTANCE, "%(process_num)d")}
process_name={part.name}-%(process_num)d
numprocs={part.count}
priority={ORDER.index(part.name) * 10 + 10}
autostart=false
; Every exit code restarts the process except the one that asks for a change first.
autorestart=unexpected
exitcodes={EXIT_CIRCUIT_OPEN}
; The pause before each restart is a second longer than the one before.
startsecs=2
startretries=1000000
stopsignal=TERM
stopwaitsecs={STOP_SECONDS[part.name]}
killasgroup=true
redirect_stderr=true
stdout_logfile={_log_name(str(layout.log(part.name, INSTANCE))).replace(INSTANCE, "%(process_num)d")}
stdout_logfile_maxbytes={LOG_BYTES}
stdout_logfile_backups={LOG_COPIES}
environment={",".join(f"{key}={_value(value)}" for key, value in variables.items())}
"""


def _plain(text: str) -> str:
    """`text` as a value: % starts a substitution, and a ; or # after a space starts a comment."""
    if any(mark in text for mark in ("\n", " ;", " #", "%(here)s")):
        raise Failure(f"{text!r} cannot be used: choose one without line breaks, ' ;', ' #' and '%(here)s'")
    return text.replace("%", "%%")


def _log_name(text: str) -> str:
    """`text` as the name of a log, in which supervisord substitutes twice."""
    return _plain(text).replace("%", "%%")


def _value(text: str) -> str:
    quote = "'" if '"' in text else '"'
    # supervisord strips every quote at both ends.
    if quote in text or text != text.strip("'\""):
        raise Failure(f"the value {text!r} has quotes that supervisord cannot pass on: use the settings file for it")
    return f"{quote}{_plain(text)}{quote}"
