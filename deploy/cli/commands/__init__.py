"""One file per command: each defines `command`, a click command; `deploy/cli/main.py` finds it by the file's name."""
