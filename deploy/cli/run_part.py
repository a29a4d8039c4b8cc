"""`python -m deploy.cli.run_part FILE WORDS` starts a part with the secrets from the environment of `up`.

They are in a file that only the owner can read: neither a command line nor the environment shows them, a changed one
restarts the parts that read it and no other, and a process that comes back after a crash finds them again.
"""

import json
import os
import sys
from pathlib import Path

from deploy.cli.main import main as run_command


def main() -> None:
    """Runs `ackstream WORDS` with the variables of FILE, which win over the environment."""
    file = Path(sys.argv.pop(1))
    try:
        os.environ.update(json.loads(file.read_text()))
    except (OSError, ValueError):
        sys.exit(f"ackstream: {file} cannot be read: `make up` writes it again")
    run_command()


if __name__ == "__main__":
    main()
