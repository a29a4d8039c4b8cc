"""SQL fragments that many panels share: range, filters, time zone, mask, rates.

The fragments hold no values: everything that a user chooses is bound, see `dashboards.panel.PARAMETERS`.
"""

from typing import Final

from dashboards.panel import PARAMETERS


def placeholder(name: str) -> str:
    """The placeholder of a parameter, `{zone:String}`. KeyError when there is no such parameter."""
    return f"{{{name}:{PARAMETERS[name]}}}"


# Rollups count by quarter of an hour, the slot. A message belongs to the range in which the slot of its sending begins:
# adjacent ranges neither overlap nor leave a gap, and panels from rollups and from rows count the same messages.
_SLOT_MS: Final = 900_000
_LAST_SLOT: Final = 4_294_966_500  # the last whole quarter of an hour that a DateTime can hold, in the year 2106


def _slot_seconds(name: str) -> str:
    return f"(intDiv(toUnixTimestamp64Milli({placeholder(name)}) + {_SLOT_MS - 1}, {_SLOT_MS}) * {_SLOT_MS // 1000})"


def _datetime(seconds: str) -> str:
    return f"toDateTime(least(greatest({seconds}, 0), {_LAST_SLOT}), 'UTC')"


START: Final = _datetime(_slot_seconds("from"))  # inclusive
END: Final = _datetime(_slot_seconds("to"))  # exclusive
PREVIOUS_START: Final = _datetime(f"2 * {_slot_seconds('from')} - {_slot_seconds('to')}")  # of the previous period

# Every present time zone differs from UTC by a multiple of 15 minutes, so buckets made of slots are exact in each zone.
SLOT_SECONDS: Final = _SLOT_MS // 1000


def in_range(column: str) -> str:
    """Condition: the time `column` (a slot, or a cohort_at) lies in the range."""
    return f"{column} >= {START} AND {column} < {END}"


def in_both_periods(column: str) -> str:
    """Condition: the time lies in the range or in the previous period, which is as long and ends where it begins."""
    return f"{column} >= {PREVIOUS_START} AND {column} < {END}"


def in_current_period(column: str) -> str:
    """For rows of `in_both_periods`: 1 in the range, 0 in the previous period."""
    return f"{column} >= {START}"


def _selected(column: str, name: str) -> str:
    return f"(empty({placeholder(name)}) OR {column} IN {placeholder(name)})"


# For tables without template and campaign: inbound messages, system events, samples.
SOURCES: Final = _selected("source", "sources")
# All filters, for outbound messages.
FILTERS: Final = " AND ".join((SOURCES, _selected("template", "templates"), _selected("campaign", "campaigns")))

# Rates count one-to-one messages only: a group message is one unit for each member.
ONE_TO_ONE: Final = "NOT is_group"
GROUPS: Final = "is_group"


def bucket(column: str) -> str:
    """The start of the zone's hour, day or month that contains the time `column`, as DateTime('UTC')."""
    zone, step = placeholder("zone"), placeholder("bucket")
    # toStartOfHour is wrong on days when clocks move by half an hour (Lord Howe).
    start_of_hour = (
        f"subtractSeconds(toDateTime({column}, {zone}), toMinute({column}, {zone}) * 60 + toSecond({column}))"
    )
    start_of_month = f"toDateTime(toStartOfMonth({column}, {zone}), {zone})"
    steps = f"{step} = 'hour', {start_of_hour}, {step} = 'month', {start_of_month}, {_start_of_day(column)}"
    return f"toDateTime(multiIf({steps}), 'UTC')"


def day(column: str) -> str:
    """The start of the zone's day that contains the time `column`, as DateTime('UTC'); a day has 23 to 25 hours."""
    return f"toDateTime({_start_of_day(column)}, 'UTC')"


def _start_of_day(column: str) -> str:
    return f"toStartOfDay({column}, {placeholder('zone')})"


def weekday(column: str) -> str:
    """1 (Monday) to 7 (Sunday), in the zone."""
    return f"toDayOfWeek({column}, 0, {placeholder('zone')})"


def hour(column: str) -> str:
    """0 to 23, in the zone."""
    return f"toHour({column}, {placeholder('zone')})"


def share(numerator: str, denominator: str) -> str:
    """A share of 0..1; NULL when the denominator is 0."""
    return f"if({denominator} = 0, NULL, {numerator} / {denominator})"


# How long the provider tries to deliver a message: 10 minutes for authentication, 30 days for all others.
TIME_TO_LIVE: Final = "if(startsWith(category, 'authentication'), 600, 2592000)"
# The end of the slot plus the time to live; until then a status can still change.
SETTLED_AT: Final = f"slot + toIntervalSecond({SLOT_SECONDS} + {TIME_TO_LIVE})"
# Aggregate over `outbound`: 1 while any message is younger than its time to live, 0 when there is no message.
PROVISIONAL: Final = f"toUInt8(max({SETTLED_AT}) > now('UTC'))"

PENDING: Final = "outbound.sent - outbound.delivered - outbound.failed"

# Aggregates over `outbound` that every table of rates shows.
RATES: Final = f"""sum(outbound.sent) AS sent,
    sum(outbound.delivered) AS delivered,
    {share("delivered", "sent")} AS delivery_rate,
    sum(outbound.read) AS read,
    {share("read", "delivered")} AS read_rate,
    sum(outbound.failed) AS failed,
    sent - delivered - failed AS pending,
    {PROVISIONAL} AS provisional"""


def masked(column: str) -> str:
    """A phone number or another id of a person, its middle hidden while `mask` is set; '' stays ''."""
    short = f"if(lengthUTF8({column}) < 9, '…', concat(leftUTF8({column}, 3), '…', rightUTF8({column}, 3)))"
    return f"if({placeholder('mask')} = 1 AND {column} != '', {short}, {column})"


def masked_message_id(column: str, person: str) -> str:
    """A message id without the phone of `person` while `mask` is set; some ids hold it "
    "(`true_5511955550001@c.us_3EB0`)."""
    digits = f"extract({person}, '{_digits(6)}')"
    return f"if({placeholder('mask')} = 1 AND {digits} != '', replaceAll({column}, {digits}, '…'), {column})"


def masked_text(column: str) -> str:
    """Text of the provider that may hold a phone number, without long runs of digits while `mask` is set."""
    return f"if({placeholder('mask')} = 1, replaceRegexpAll({column}, '{_digits(8)}', '…'), {column})"


def _digits(at_least: int) -> str:
    """A regular expression without braces, which clients would read as parameters."""
    return "[0-9]" * at_least + "+"
