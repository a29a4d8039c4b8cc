"""How a column of a panel looks in Grafana: name, unit, words for marks, red. Pure; needs Grafana's SDK."""

import math
from typing import Final

from grafana_foundation_sdk.models import dashboard as models

from dashboards.panel import Column, Threshold, Unit

# https://grafana.com names its units; "" shows the value as it is.
UNITS: Final[dict[Unit, str]] = {
    "count": "locale",  # 12,345
    "share": "percentunit",
    "ms": "ms",
    "seconds": "s",
    "time": "",
    "money": "locale",
    "text": "",
    "phone": "",
    "mark": "",
}
DECIMALS: Final[dict[Unit, int]] = {"count": 0, "share": 1, "money": 2}
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CALM, _RED = "text", "red"


def prop(name: str, value: object) -> models.DynamicConfigValue:
    """One property of a field."""
    return models.DynamicConfigValue(id_val=name, value=value)


def properties(column: Column, title: str = "") -> list[models.DynamicConfigValue]:
    """Name, unit and words of a column."""
    made = [prop("displayName", title or column.title)]
    if UNITS[column.unit]:
        made.append(prop("unit", UNITS[column.unit]))
    if column.unit in DECIMALS:
        made.append(prop("decimals", DECIMALS[column.unit]))
    if column.unit == "mark":
        made.append(prop("mappings", [_words({"0": "final", "1": "provisional"})]))
    if column.name == "weekday":
        made.append(prop("mappings", [_words({str(place): day for place, day in enumerate(_DAYS, 1)})]))
    return made


def _words(by_value: dict[str, str]) -> models.ValueMap:
    results = {
        value: models.ValueMappingResult(text=text, index=place) for place, (value, text) in enumerate(by_value.items())
    }
    return models.ValueMap(options=results)


def red(threshold: Threshold, unit: Unit) -> models.ThresholdsConfig:
    """Steps of colour. Grafana colours from a step's value on, so a count "above 0" is red from 1 on."""
    if threshold.side == "below":
        steps = [models.Threshold(None, _RED), models.Threshold(threshold.limit, _CALM)]
    else:
        first = math.floor(threshold.limit) + 1 if unit == "count" else threshold.limit
        steps = [models.Threshold(None, _CALM), models.Threshold(first, _RED)]
    return models.ThresholdsConfig(mode=models.ThresholdsMode.ABSOLUTE, steps=steps)


def calm() -> models.ThresholdsConfig:
    """No colour for any value; without it Grafana turns red above 80."""
    return models.ThresholdsConfig(mode=models.ThresholdsMode.ABSOLUTE, steps=[models.Threshold(None, _CALM)])
