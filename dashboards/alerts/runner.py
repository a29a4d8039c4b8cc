"""Evaluates the rules and notifies the webhook, beside the page in one process.

Looking and telling are two tasks over one state, so a receiver that is slow or away holds up no look. The state is
saved after every change: whoever starts next goes on from there.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from dashboards.alerts import message
from dashboards.alerts.groups import Pace
from dashboards.alerts.inner import INNER
from dashboards.alerts.memory import Memory, dump
from dashboards.alerts.notify import NotTakenError, Webhook
from dashboards.alerts.rule import Rule
from dashboards.alerts.rule_queries import ANSWER_SECONDS, ClickHouseUnavailableError, QueryRejectedError, RuleQueries
from dashboards.alerts.rules import RULES
from dashboards.alerts.state import State
from dashboards.alerts.state_file import Store
from schemas.errors import ConfigError
from schemas.process.logs import describe, get_logger
from schemas.settings.config import Config

log = get_logger("alerts")

_TELL_SECONDS: Final = 0.5  # between two looks for something to tell
_LOCK_SECONDS: Final = 5.0  # between two tries to become the one that judges
_HOUR: Final = 3600.0


def chosen(config: Config, rules: Sequence[Rule] = RULES) -> list[Rule]:
    """The rules that the settings leave on. Raises ConfigError for an id that no rule has."""
    known = {rule.id for rule in (*rules, *INNER)}
    for name in config.alerts.disabled_rules:
        if name not in known:
            raise ConfigError(f"alerts.disabled_rules: there is no rule {name}: `ackstream alerts` lists them")
    return [rule for rule in rules if rule.id not in config.alerts.disabled_rules]


def page_url(config: Config) -> str:
    """The page as a reader of messages reaches it, with a slash at its end."""
    host = config.dashboards.host
    named = f"[{host}]" if ":" in host else host
    given = config.alerts.page_url or f"http://{named}:{config.dashboards.port}"
    return given.rstrip("/") + "/"


def state_of(config: Config, memory: Memory, rules: Sequence[Rule] = RULES) -> State:
    """The settings' rules over a memory."""
    settings = config.alerts
    off = frozenset(settings.disabled_rules)
    return State(
        chosen(config, rules), memory, every=settings.check_seconds, tells=settings.webhook is not None, off=off
    )


def _places(error: BaseException) -> list[str]:
    """Kind and place of an error and of those that it groups; not its words, which may quote rows or addresses."""
    if isinstance(error, BaseExceptionGroup):
        return [place for each in error.exceptions for place in _places(each)]
    return [describe(error)]


class Alerts:
    """What the page runs and shows."""

    def __init__(
        self, config: Config, *, rules: Sequence[Rule] = RULES, clock: Callable[[], float] = time.time
    ) -> None:
        """Raises ConfigError for settings that name no rule."""
        self._config = config
        self._rules = rules
        self._clock = clock
        self._store = Store(config.data_dir / "state")
        self._state = state_of(config, Memory(), rules)
        self._pace = Pace(config.alerts.group_seconds, config.alerts.repeat_hours * _HOUR)
        self._saving = asyncio.Lock()
        self._saved = True

    def states(self) -> list[dict[str, Any]]:
        """For each rule one entry, or one for each of its rows that is not good.

        rule, title, severity, state (ok, pending, firing, unknown), labels, text, since, looked_at (datetimes or None),
        meaning, action, dashboard.
        """
        return self._state.shown()

    async def run(self) -> None:
        """Evaluates until cancelled. While another process of this data folder does so, shows the state of that one."""
        while True:
            try:
                with self._store.locked() as mine:
                    self._state = state_of(self._config, self._store.load(), self._rules)
                    if mine:
                        await self._lead()
            except Exception as error:  # the page goes on, and so shall the rules: from what was saved
                log.critical("alerts_interrupted", errors=_places(error))
            await asyncio.sleep(_LOCK_SECONDS)

    async def _lead(self) -> None:
        self._state.forget_others(self._clock())
        judge, webhook = RuleQueries(self._config.clickhouse), Webhook(self._config.alerts)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._look_on(judge))
                if self._config.alerts.webhook is not None:
                    tasks.create_task(self._tell_on(webhook))
        finally:
            await judge.close()
            await webhook.close()

    async def _look_on(self, judge: RuleQueries) -> None:
        due: dict[str, float] = {}
        while True:
            began = time.monotonic()
            await self._look(judge, due)
            await self._save()
            await asyncio.sleep(max(began + self._config.alerts.check_seconds - time.monotonic(), 0.0))

    async def _look(self, judge: RuleQueries, due: dict[str, float]) -> None:
        """One look at every rule whose time has come; none of them while ClickHouse is away."""
        away = False
        try:
            await judge.reach()
            for rule in self._state.rules.values():
                if rule.sql and time.monotonic() >= due.get(rule.id, 0.0):
                    # A little early: the pause between two looks is never exact.
                    due[rule.id] = time.monotonic() + rule.every_seconds - self._config.alerts.check_seconds / 2
                    await self._judge(judge, rule)
        except (ClickHouseUnavailableError, QueryRejectedError):
            away = True
            await judge.close()
        self._state.looked_inward(self._clock(), away=away)

    async def _judge(self, judge: RuleQueries, rule: Rule) -> None:
        now = self._clock()
        try:
            rows = await judge.look(rule, now)
        except ClickHouseUnavailableError:
            await judge.close()
            await judge.reach()  # it is there all the same: the question was too much for it
            self._refused(rule, f"no answer within {ANSWER_SECONDS} s", now)
        except QueryRejectedError as error:
            self._refused(rule, str(error), now)
        else:
            self._state.looked(rule, rows, now)

    def _refused(self, rule: Rule, why: str, now: float) -> None:
        self._state.refused(rule, why, now)
        log.warning("alert_rule_rejected", rule=rule.id, reason=why)

    async def _tell_on(self, webhook: Webhook) -> None:
        while True:
            due = self._state.due(self._clock(), self._pace)
            if due is None:
                await asyncio.sleep(_TELL_SECONDS)
                continue
            key, news = due
            rule, number = self._state.rule(key[0]), self._state.memory.groups[key].number
            address = page_url(self._config) + rule.dashboard
            self._state.leaves(key, news)
            await self._save()
            if await self._sent(webhook, message.body(rule, key, news, number, address), rule):
                self._state.arrived(key, news, self._clock())
            else:
                self._state.failed(key, self._clock())
            await self._save()

    async def _sent(self, webhook: Webhook, made: Mapping[str, Any], rule: Rule) -> bool:
        try:
            await webhook.send(made)
        except NotTakenError as error:
            log.warning("alert_not_sent", rule=rule.id, reason=str(error))
            return False
        log.info("alert_sent", rule=rule.id, status=made["status"], alerts=len(made["alerts"]))
        return True

    async def _save(self) -> None:
        """A full disk keeps nothing from being told: what it costs is a message told twice after a crash."""
        async with self._saving:
            try:
                await asyncio.to_thread(self._store.save, dump(self._state.memory))
                self._saved = True
            except OSError as error:
                if self._saved:
                    log.warning("alerts_state_not_saved", reason=error.strerror)
                self._saved = False
