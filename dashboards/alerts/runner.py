"""Evaluates the rules and sends notifications, in the process of the page.

Evaluating and notifying are two tasks over one state, so a slow or unreachable receiver delays no evaluation. The state
is saved after every change: the next process continues from it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from dashboards.alerts import message
from dashboards.alerts.builtin_rules import BUILTIN_RULES
from dashboards.alerts.evaluator import Entry, Evaluator
from dashboards.alerts.notifications import Intervals
from dashboards.alerts.notify import DeliveryError, Webhook
from dashboards.alerts.rule import Rule
from dashboards.alerts.rule_queries import ANSWER_SECONDS, ClickHouseUnavailableError, QueryRejectedError, RuleQueries
from dashboards.alerts.rules import RULES
from dashboards.alerts.saved_state import SavedState, dump
from dashboards.alerts.state_file import StateFile
from schemas.errors import ConfigError
from schemas.process.logs import describe, get_logger
from schemas.settings.config import Config

log = get_logger("alerts")

_NOTIFY_SECONDS: Final = 0.5  # between two checks for a due notification
_LOCK_SECONDS: Final = 5.0  # between two attempts to get the lock
_HOUR: Final = 3600.0


def enabled_rules(config: Config, rules: Sequence[Rule] = RULES) -> list[Rule]:
    """The rules that the settings do not switch off. Raises ConfigError for the id of an unknown rule."""
    known = {rule.id for rule in (*rules, *BUILTIN_RULES)}
    for name in config.alerts.disabled_rules:
        if name not in known:
            raise ConfigError(f"alerts.disabled_rules: there is no rule {name}: `ackstream alerts` lists them")
    return [rule for rule in rules if rule.id not in config.alerts.disabled_rules]


def page_url(config: Config) -> str:
    """The URL of the page for readers of notifications, with a slash at its end."""
    host = config.dashboards.host
    named = f"[{host}]" if ":" in host else host
    given = config.alerts.page_url or f"http://{named}:{config.dashboards.port}"
    return given.rstrip("/") + "/"


def evaluator_for(config: Config, state: SavedState, rules: Sequence[Rule] = RULES) -> Evaluator:
    """An evaluator of the enabled rules over a saved state."""
    settings = config.alerts
    return Evaluator(
        enabled_rules(config, rules),
        state,
        every=settings.check_seconds,
        has_receiver=settings.webhook is not None,
        disabled=frozenset(settings.disabled_rules),
    )


def _descriptions(error: BaseException) -> list[str]:
    """Type and place of an error and of those that it groups; not their texts, which may quote rows or addresses."""
    if isinstance(error, BaseExceptionGroup):
        return [description for each in error.exceptions for description in _descriptions(each)]
    return [describe(error)]


class Alerts:
    """The task of the page that evaluates the rules, and its results for the page."""

    def __init__(
        self, config: Config, *, rules: Sequence[Rule] = RULES, clock: Callable[[], float] = time.time
    ) -> None:
        """Raises ConfigError when the settings switch off an unknown rule."""
        self._config = config
        self._rules = rules
        self._clock = clock
        self._file = StateFile(config.data_dir / "state")
        self._evaluator = evaluator_for(config, SavedState(), rules)
        self._intervals = Intervals(config.alerts.group_seconds, config.alerts.repeat_hours * _HOUR)
        self._saving = asyncio.Lock()
        self._saved = True

    def states(self) -> list[Entry]:
        """One entry for each rule, or one for each of its rows that is pending or firing."""
        return self._evaluator.entries()

    async def run(self) -> None:
        """Evaluates until cancelled. While another process has the lock, shows the state that it saves."""
        while True:
            try:
                with self._file.locked() as locked:
                    self._evaluator = evaluator_for(self._config, self._file.load(), self._rules)
                    if locked:
                        await self._run_locked()
            except Exception as error:  # one failure ends neither the page nor the rules: continue from the saved state
                log.critical("alerts_failed", errors=_descriptions(error))
            await asyncio.sleep(_LOCK_SECONDS)

    async def _run_locked(self) -> None:
        self._evaluator.end_inactive(self._clock())
        queries, webhook = RuleQueries(self._config.clickhouse), Webhook(self._config.alerts)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._evaluate_forever(queries))
                if self._config.alerts.webhook is not None:
                    tasks.create_task(self._notify_forever(webhook))
        finally:
            await queries.close()
            await webhook.close()

    async def _evaluate_forever(self, queries: RuleQueries) -> None:
        due: dict[str, float] = {}
        while True:
            began = time.monotonic()
            await self._evaluate_due(queries, due)
            await self._save()
            await asyncio.sleep(max(began + self._config.alerts.check_seconds - time.monotonic(), 0.0))

    async def _evaluate_due(self, queries: RuleQueries, due: dict[str, float]) -> None:
        """Evaluates every rule whose time has come; none of them while ClickHouse is unreachable."""
        unreachable = False
        try:
            await queries.ping()
            for rule in self._evaluator.rules.values():
                if rule.sql and time.monotonic() >= due.get(rule.id, 0.0):
                    # Half a check earlier: the pause between two checks is never exact.
                    due[rule.id] = time.monotonic() + rule.every_seconds - self._config.alerts.check_seconds / 2
                    await self._evaluate(queries, rule)
        except (ClickHouseUnavailableError, QueryRejectedError):
            unreachable = True
            await queries.close()
        self._evaluator.evaluate_builtin(self._clock(), unreachable=unreachable)

    async def _evaluate(self, queries: RuleQueries, rule: Rule) -> None:
        now = self._clock()
        try:
            rows = await queries.rows(rule, now)
        except ClickHouseUnavailableError:
            await queries.close()
            await queries.ping()  # ClickHouse answers this: only the rule's query was too slow
            self._record_failure(rule, f"no answer within {ANSWER_SECONDS} s", now)
        except QueryRejectedError as error:
            self._record_failure(rule, str(error), now)
        else:
            self._evaluator.record_rows(rule, rows, now)

    def _record_failure(self, rule: Rule, error: str, now: float) -> None:
        self._evaluator.record_failure(rule, error, now)
        log.warning("alert_rule_failed", rule=rule.id, reason=error)

    async def _notify_forever(self, webhook: Webhook) -> None:
        while True:
            due = self._evaluator.next_notification(self._clock(), self._intervals)
            if due is None:
                await asyncio.sleep(_NOTIFY_SECONDS)
                continue
            key, notification = due
            rule, number = self._evaluator.rule(key[0]), self._evaluator.state.groups[key].delivered
            body = message.body(rule, key, notification, number, page_url(self._config) + rule.dashboard)
            self._evaluator.sending(key, notification)
            await self._save()
            if await self._deliver(webhook, body, rule):
                self._evaluator.delivered(key, notification, self._clock())
            else:
                self._evaluator.delivery_failed(key, self._clock())
            await self._save()

    async def _deliver(self, webhook: Webhook, body: message.Body, rule: Rule) -> bool:
        try:
            await webhook.send(body)
        except DeliveryError as error:
            log.warning("notification_failed", rule=rule.id, reason=str(error))
            return False
        log.info("notification_sent", rule=rule.id, status=body["status"], alerts=len(body["alerts"]))
        return True

    async def _save(self) -> None:
        """Saves the state. A full disk stops no notification; after a crash one may then be sent twice."""
        async with self._saving:
            try:
                await asyncio.to_thread(self._file.save, dump(self._evaluator.state))
                self._saved = True
            except OSError as error:
                if self._saved:
                    log.warning("alerts_state_not_saved", reason=error.strerror)
                self._saved = False
