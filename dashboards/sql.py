"""Pieces of SQL that many panels share, so that a range, a filter, a zone or a mask means the same everywhere. Pure.

Everything here is text without values: what a user chooses arrives bound, see `dashboards.panel.PARAMETERS`.
"""

from typing import Final

from dashboards.panel import PARAMETERS


def bound(name: str) -> str:
    """The placeholder of a parameter, `{zone:String}`. KeyError when there is no such parameter."""
    return f"{{{name}:{PARAMETERS[name]}}}"


# A rollup knows quarters of an hour. So a message belongs to the range in which the quarter of its sending begins:
# ranges that touch share nothing and leave nothing out, and panels from rollups and from rows count the same messages.
_SLOT_MS: Final = 900_000
_LAST_SLOT: Final = 4_294_966_500  # the last whole quarter that a DateTime holds, in the year 2106


def _slot_seconds(name: str) -> str:
    return f"(intDiv(toUnixTimestamp64Milli({bound(name)}) + {_SLOT_MS - 1}, {_SLOT_MS}) * {_SLOT_MS // 1000})"


def _moment(seconds: str) -> str:
    return f"toDateTime(least(greatest({seconds}, 0), {_LAST_SLOT}), 'UTC')"


START: Final = _moment(_slot_seconds("from"))  # inclusive
END: Final = _moment(_slot_seconds("to"))  # exclusive
BEFORE: Final = _moment(f"2 * {_slot_seconds('from')} - {_slot_seconds('to')}")  # start of the period before

# Every present time zone is a multiple of a quarter from UTC, so buckets made of slots are exact in all of them.
SLOT_SECONDS: Final = _SLOT_MS // 1000


def in_range(column: str) -> str:
    """Condition: the moment `column` (a slot, or a cohort_at) lies in the range."""
    return f"{column} >= {START} AND {column} < {END}"


def in_both_periods(column: str) -> str:
    """Condition: it lies in the range or in the period of the same length before it; `is_now` tells which."""
    return f"{column} >= {BEFORE} AND {column} < {END}"


def is_now(column: str) -> str:
    """Of `in_both_periods`: 1 in the range, 0 before it."""
    return f"{column} >= {START}"


def _chosen(column: str, name: str) -> str:
    return f"(empty({bound(name)}) OR {column} IN {bound(name)})"


SOURCES: Final = _chosen("source", "sources")  # for tables that know no template: inbound, system events, samples
FILTERS: Final = " AND ".join(
    (SOURCES, _chosen("template", "templates"), _chosen("campaign", "campaigns"))
)  # everything that a user can choose, for outbound messages

# Rates are those of one-to-one messages: in a group one message is as many units as it has members.
ONE_TO_ONE: Final = "NOT is_group"
GROUPS: Final = "is_group"


def bucket(column: str) -> str:
    """The start of the hour, day or month of the zone in which the moment `column` lies, as DateTime('UTC')."""
    zone, step = bound("zone"), bound("bucket")
    # Not toStartOfHour, which is off for a day where clocks move by half an hour (Lord Howe).
    hour = f"subtractSeconds(toDateTime({column}, {zone}), toMinute({column}, {zone}) * 60 + toSecond({column}))"
    month = f"toDateTime(toStartOfMonth({column}, {zone}), {zone})"
    return f"toDateTime(multiIf({step} = 'hour', {hour}, {step} = 'month', {month}, {_day(column)}), 'UTC')"


def day(column: str) -> str:
    """The start of the zone's day of the moment `column`, as DateTime('UTC'); some days last 23 or 25 hours."""
    return f"toDateTime({_day(column)}, 'UTC')"


def _day(column: str) -> str:
    return f"toStartOfDay({column}, {bound('zone')})"


def weekday(column: str) -> str:
    """1 Monday to 7 Sunday, in the zone."""
    return f"toDayOfWeek({column}, 0, {bound('zone')})"


def hour(column: str) -> str:
    """0 to 23, in the zone."""
    return f"toHour({column}, {bound('zone')})"


def share(numerator: str, denominator: str) -> str:
    """A share of 0..1, NULL where there is nothing to divide by."""
    return f"if({denominator} = 0, NULL, {numerator} / {denominator})"


# How long the provider tries to deliver a message: 10 minutes for authentication, 30 days for the rest.
TIME_TO_LIVE: Final = "if(startsWith(category, 'authentication'), 600, 2592000)"
# The end of the quarter plus the time to live; what is younger can still change its status.
SETTLED_AT: Final = f"slot + toIntervalSecond({SLOT_SECONDS} + {TIME_TO_LIVE})"
# Aggregate over `outbound`: 1 while any of its messages is younger than its time to live. 0 where there is none.
PROVISIONAL: Final = f"toUInt8(max({SETTLED_AT}) > now('UTC'))"

# What every table of outbound numbers shows, from `outbound`, one row a group.
RATES: Final = f"""sum(outbound.sent) AS sent,
    sum(outbound.delivered) AS delivered,
    {share("delivered", "sent")} AS delivery_rate,
    sum(outbound.read) AS read,
    {share("read", "delivered")} AS read_rate,
    sum(outbound.failed) AS failed,
    sent - delivered - failed AS pending,
    {PROVISIONAL} AS provisional"""


def masked(column: str) -> str:
    """A phone number or another id of a person: its middle left out while `mask` is set; '' stays ''."""
    short = f"if(lengthUTF8({column}) < 9, '…', concat(leftUTF8({column}, 3), '…', rightUTF8({column}, 3)))"
    return f"if({bound('mask')} = 1 AND {column} != '', {short}, {column})"


def masked_in(column: str, person: str) -> str:
    """An id in which some providers spell the person's phone (`true_5511955550001@c.us_3EB0`): the same without it."""
    digits = f"extract({person}, '{_digits(6)}')"
    return f"if({bound('mask')} = 1 AND {digits} != '', replaceAll({column}, {digits}, '…'), {column})"


def masked_digits(column: str) -> str:
    """A word of the provider in which a phone number may stand: long runs of digits left out while `mask` is set."""
    return f"if({bound('mask')} = 1, replaceRegexpAll({column}, '{_digits(8)}', '…'), {column})"


def _digits(at_least: int) -> str:
    """A pattern without braces, which clients take for parameters."""
    return "[0-9]" * at_least + "+"
