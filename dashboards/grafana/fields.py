"""How a column is shown in Grafana: name, unit, texts for values, threshold colours. Needs Grafana's SDK."""

import math
from typing import Final

from grafana_foundation_sdk.models import dashboard as models

from dashboards.panel import Column, Threshold, Unit

# Grafana's names of units; "" shows the value unchanged.
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
_NEUTRAL, _RED = "text", "red"


def prop(name: str, value: object) -> models.DynamicConfigValue:
    """One property of a field."""
    return models.DynamicConfigValue(id_val=name, value=value)


def properties(column: Column, title: str = "") -> list[models.DynamicConfigValue]:
    """Name, unit and value texts of a column."""
    found = [prop("displayName", title or column.title)]
    if UNITS[column.unit]:
        found.append(prop("unit", UNITS[column.unit]))
    if column.unit in DECIMALS:
        found.append(prop("decimals", DECIMALS[column.unit]))
    if column.unit == "mark":
        found.append(prop("mappings", [_value_texts({"0": "final", "1": "provisional"})]))
    if column.name == "weekday":
        found.append(prop("mappings", [_value_texts({str(number): day for number, day in enumerate(_DAYS, 1)})]))
    return found


def _value_texts(by_value: dict[str, str]) -> models.ValueMap:
    results = {
        value: models.ValueMappingResult(text=text, index=index) for index, (value, text) in enumerate(by_value.items())
    }
    return models.ValueMap(options=results)


def threshold_steps(threshold: Threshold, unit: Unit) -> models.ThresholdsConfig:
    """Colour steps of a threshold. Grafana includes a step's value in its colour: a count "above 0" is red from 1."""
    if threshold.side == "below":
        steps = [models.Threshold(None, _RED), models.Threshold(threshold.limit, _NEUTRAL)]
    else:
        first = math.floor(threshold.limit) + 1 if unit == "count" else threshold.limit
        steps = [models.Threshold(None, _NEUTRAL), models.Threshold(first, _RED)]
    return models.ThresholdsConfig(mode=models.ThresholdsMode.ABSOLUTE, steps=steps)


def neutral_null() -> models.SpecialValueMap:
    """Shows a missing value as a dash without a colour; Grafana gives it that of the first step, which may be red."""
    result = models.ValueMappingResult(text="–", color=_NEUTRAL, index=0)
    return models.SpecialValueMap(
        options=models.DashboardSpecialValueMapOptions(match=models.SpecialValueMatch.NULL, result=result)
    )


def no_threshold() -> models.ThresholdsConfig:
    """No colour for any value; without it, Grafana uses red above 80."""
    return models.ThresholdsConfig(mode=models.ThresholdsMode.ABSOLUTE, steps=[models.Threshold(None, _NEUTRAL)])
