"""The ages of a message at which panels evaluate its outcome; the tables count in the same steps."""

from typing import Final

from schemas.topics import DAY_MS

HOUR_MS: Final = 3_600_000

# In ms since sending. The last one is the longest time to live of a message.
HORIZONS_MS: Final = (HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS)
