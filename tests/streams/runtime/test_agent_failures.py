"""A worker whose agent ends in any unexpected way ends its process, with the reason in its heartbeat."""

import json
import subprocess
import sys
from pathlib import Path

from schemas.process.tasks import EXIT_BROKEN
from tests.streams.runtime.failing_agent import CASES

ROOT = Path(__file__).parents[3]
REASONS = {
    "start": "an agent failed: KeyError at failing_agent.py:",
    "work": "an agent failed: KeyError at failing_agent.py:",
    "effects": "an effect of a batch failed: KeyError at failing_agent.py:",
    "cancelled_effects": "an effect of a batch failed: CancelledError at failing_agent.py:",
    "acknowledge": "an effect of a batch failed: KeyError at failing_agent.py:",
    "cancelled_agent": "an agent failed: CancelledError at ",
    "end_of_stream": "the stream of an agent ended",
}


def test_no_end_of_an_agent_or_of_its_batches_is_silent(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.streams.runtime.failing_agent", str(tmp_path), *CASES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=True)
    found = json.loads(done.stdout)
    assert {case: code for case, (code, _) in found.items()} == dict.fromkeys(CASES, EXIT_BROKEN), done.stderr
    for case, (_, reason) in found.items():
        assert reason.startswith(REASONS[case]), (case, reason)
    assert done.stderr.count('"message":"fail_stop"') == len(CASES)
