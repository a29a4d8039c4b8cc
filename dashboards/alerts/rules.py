"""The list of alert rules: what is watched, the thresholds, what to do.

Every threshold is defined in a rule, with its reason, and nowhere else. The page's process and Grafana use this list.
"""

from typing import Final

from dashboards.alerts import message_rules, pipeline_rules, sender_rules

RULES: Final = (*message_rules.RULES, *sender_rules.RULES, *pipeline_rules.RULES)
