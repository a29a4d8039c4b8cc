"""After how long panels ask what has become of a message: the tables count by the same steps. Pure."""

from typing import Final

from schemas.topics import DAY_MS

HOUR_MS: Final = 3_600_000

# In ms, of the sending; the last is the longest time to live.
HORIZONS_MS: Final = (HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS)
