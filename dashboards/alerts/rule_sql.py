"""Pieces of SQL that several rules share. Pure: text without values.

A share is compared with the same share of the same source's own past, both at the same age, one hour after sending:
so a message that simply needs longer is no news. Not the shares are compared but the ends of their Wilson intervals
that are nearest to each other: few messages make wide intervals, and these overlap.
"""

from typing import Final

from dashboards.alerts.rule import NOW

# Messages of 6 hours against those of the 7 days before: a week has every weekday and hour of the day in it.
RECENT_HOURS: Final = 6
USUAL_DAYS: Final = 7
AGE_HOURS: Final = 1
RECENT_LEAST: Final = 50  # messages; below, one quiet hour decides
USUAL_LEAST: Final = 200
# Of the normal distribution: 99.7 % of all chance is inside the interval. Some sources times some categories are asked
# every five minutes, so 95 % would cry wolf daily.
_Z: Final = 3


def wilson(part: str, whole: str, *, end: int) -> str:
    """The lower (`end` -1) or upper (1) end of the Wilson interval of part/whole."""
    sign = "+" if end > 0 else "-"
    spread = f"{_Z} * sqrt({part} * ({whole} - {part}) / {whole} + {_Z**2} / 4)"
    return f"({part} + {_Z**2} / 2 {sign} {spread}) / ({whole} + {_Z**2})"


# Of a row of `cohorts`. A read message was delivered; the earliest word of it counts.
_AGE: Final = f"cohort_at + toIntervalHour({AGE_HOURS})"
_FAR: Final = "toDateTime64('2200-01-01 00:00:00', 3, 'UTC')"
_REACHED: Final = " OR ".join(
    f"ifNull({column}, {_FAR}) <= {_AGE}" for column in ("delivered_at", "read_at", "played_at")
)
ARRIVED: Final = f"({_REACHED})"
SILENT: Final = f"NOT ({_REACHED} OR ifNull(failed_at, {_FAR}) <= {_AGE})"
ORPHAN: Final = "origin = 'none'"


def _before(hours: int) -> str:
    return f"{NOW} - toIntervalHour({hours})"


def recent_and_usual(by: str, **parts: str) -> str:
    """By the columns `by`: n_recent, n_usual, and of each part (a condition) NAME_recent, NAME_usual."""
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
    HAVING n_recent >= {RECENT_LEAST} AND n_usual >= {USUAL_LEAST}
)"""  # noqa: S608  (columns and conditions of this package)


def fall(name: str) -> str:
    """How far the share NAME has certainly fallen; negative or 0 when it may not have."""
    return f"{wilson(f'{name}_usual', 'n_usual', end=-1)} - {wilson(f'{name}_recent', 'n_recent', end=1)}"


def rise(name: str) -> str:
    """How far it has certainly risen."""
    return f"{wilson(f'{name}_recent', 'n_recent', end=-1)} - {wilson(f'{name}_usual', 'n_usual', end=1)}"


def without_digits(column: str) -> str:
    """A provider's word without what may be a phone number in it: all but the last digits of long runs are left out."""
    return f"replaceRegexpAll({column}, '[0-9]{{4,}}([0-9]{{4}})', '…\\\\1')"
