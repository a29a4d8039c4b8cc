"""Where the browser for the tests of the page is. IO: looks at PATH."""

import os
import shutil

# As in deploy/local/setup.sh, which installs the first of them where that is allowed.
NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "the tests of the page need Chromium: run `apt-get install chromium` as root, or set CHROMIUM=/path/to/chromium"
)


def chromium() -> str:
    """The path of the browser; CHROMIUM names another one. Fails with the command that installs it."""
    names = (given,) if (given := os.environ.get("CHROMIUM")) else NAMES
    found = next((path for name in names if (path := shutil.which(name))), None)
    assert found is not None, MISSING
    return found
