"""SQL expressions that several rules share.

A rate is compared with the same rate of the same source in the past, both at the same age, one hour after sending, so
messages that only need more time do not fire a rule. The nearest ends of the two Wilson intervals are compared, not the
rates themselves: few messages give wide intervals, and wide intervals overlap.
"""

from typing import Final

from dashboards.alerts.rule import NOW

# Messages of 6 hours against those of the 7 days before: a week contains every weekday and every hour of the day.
RECENT_HOURS: Final = 6
USUAL_DAYS: Final = 7
AGE_HOURS: Final = 1
MIN_RECENT: Final = 50  # messages; with fewer, a single quiet hour decides
MIN_USUAL: Final = 200
# Standard deviations: the interval contains 99.7 % of random variation. Sources times categories are evaluated every
# five minutes, so an interval of 95 % would raise a false alarm every day.
_Z: Final = 3


def wilson(part: str, whole: str, *, end: int) -> str:
    """SQL for the lower (`end` -1) or upper (1) end of the Wilson interval of part/whole."""
    sign = "+" if end > 0 else "-"
    spread = f"{_Z} * sqrt({part} * ({whole} - {part}) / {whole} + {_Z**2} / 4)"
    return f"({part} + {_Z**2} / 2 {sign} {spread}) / ({whole} + {_Z**2})"


# Conditions on a row of `cohorts`. A read message was delivered; the earliest of its statuses counts.
_AGE: Final = f"cohort_at + toIntervalHour({AGE_HOURS})"
_FAR_FUTURE: Final = "toDateTime64('2200-01-01 00:00:00', 3, 'UTC')"
_DELIVERED: Final = " OR ".join(
    f"ifNull({column}, {_FAR_FUTURE}) <= {_AGE}" for column in ("delivered_at", "read_at", "played_at")
)
DELIVERED: Final = f"({_DELIVERED})"
WITHOUT_STATUS: Final = f"NOT ({_DELIVERED} OR ifNull(failed_at, {_FAR_FUTURE}) <= {_AGE})"
ORPHAN: Final = "origin = 'none'"


def _before(hours: int) -> str:
    return f"{NOW} - toIntervalHour({hours})"


def recent_and_usual(by: str, **parts: str) -> str:
    """A subquery grouped by `by`: n_recent, n_usual, and for each part (a condition) NAME_recent and NAME_usual."""
    start = _before(AGE_HOURS + RECENT_HOURS + 24 * USUAL_DAYS)
    split, end = _before(AGE_HOURS + RECENT_HOURS), _before(AGE_HOURS)
    counts = [f"countIf(cohort_at >= {split}) AS n_recent", f"countIf(cohort_at < {split}) AS n_usual"]
    for name, condition in parts.items():
        counts += [
            f"countIf(cohort_at >= {split} AND ({condition})) AS {name}_recent",
            f"countIf(cohort_at < {split} AND ({condition})) AS {name}_usual",
        ]
    listed = ",\n        ".join(counts)
    return f"""(
    SELECT {by},
        {listed}
    FROM cohorts
    WHERE counted AND NOT is_group AND cohort_at >= {start} AND cohort_at < {end}
    GROUP BY {by}
    HAVING n_recent >= {MIN_RECENT} AND n_usual >= {MIN_USUAL}
)"""  # noqa: S608  (columns and conditions of this package)


def decrease(name: str) -> str:
    """SQL for the decrease of the rate NAME beyond random variation; at most 0 when there may be none."""
    return f"{wilson(f'{name}_usual', 'n_usual', end=-1)} - {wilson(f'{name}_recent', 'n_recent', end=1)}"


def increase(name: str) -> str:
    """SQL for the increase of the rate NAME beyond random variation; at most 0 when there may be none."""
    return f"{wilson(f'{name}_recent', 'n_recent', end=-1)} - {wilson(f'{name}_usual', 'n_usual', end=1)}"


def without_digits(column: str) -> str:
    """SQL for a provider's text without phone numbers: only the last four digits of a long number remain."""
    return f"replaceRegexpAll({column}, '[0-9]{{4,}}([0-9]{{4}})', '…\\\\1')"
