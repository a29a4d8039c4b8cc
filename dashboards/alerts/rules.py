"""The list of alert rules: what is watched, when it is bad, what to do. Pure.

Numbers that say "bad" stand in the rules, with their reason, and nowhere else; the page's process and Grafana take them
from here.
"""

from typing import Final

from dashboards.alerts import message_rules, pipeline_rules, sender_rules

RULES: Final = (*message_rules.RULES, *sender_rules.RULES, *pipeline_rules.RULES)
