"""`python -m tests.support.fuzz --minutes 5`: random searches with new seeds until the time is over or one fails."""

import argparse
import secrets
import signal
import subprocess
import sys
import tempfile
import time

STOP_SECONDS = 60.0


def main() -> int:
    """The exit code of pytest for the round that failed, else 0."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="length of the search (default: 5)")
    parser.add_argument("--processes", type=int, default=2, help="test processes (default: 2)")
    parser.add_argument("tests", nargs="*", default=["tests"], help="files or folders (default: all)")
    given = parser.parse_args()
    deadline = time.monotonic() + 60 * given.minutes
    rounds = 0
    while (left := deadline - time.monotonic()) > 0:
        code = search(secrets.randbelow(2**32), left, given.processes, given.tests)
        if code is None:
            break
        if code != 0:
            return code
        rounds += 1
    sys.stdout.write(f"nothing found: {rounds} whole rounds in {given.minutes:g} minutes\n")
    return 0


def search(seed: int, seconds: float, processes: int, tests: list[str]) -> int | None:
    """pytest's exit code for one round with this seed, or None when the time was over first."""
    sys.stdout.write(f"round with --hypothesis-seed={seed}\n")
    sys.stdout.flush()
    command = [sys.executable, "-m", "pytest", "-m", "hypothesis or fuzz", "--hypothesis-profile", "fuzz"]
    command += [f"--hypothesis-seed={seed}", "--timeout", "0", "--exitfirst", "-q", "-n", str(processes), *tests]
    # What an interrupted pytest says of its interruption is no finding.
    with tempfile.TemporaryFile("w+") as errors, subprocess.Popen(command, stderr=errors) as running:
        try:
            code = running.wait(seconds)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGINT)
            try:
                running.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                running.kill()
            return None
        errors.seek(0)
        sys.stderr.write(errors.read())
        return code


if __name__ == "__main__":
    sys.exit(main())
