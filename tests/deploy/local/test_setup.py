"""Makefile and set-up script on machines made of a handful of programs: no Python package exists yet there."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import browser

ROOT = Path(__file__).parents[3]
LOCKS = sorted((ROOT / "deploy").rglob("*.lock"))
TOOLS = ["sh", "make", "cat", "cksum", "tr", "grep", "sed", "tail", "rm", "mkdir", "cp", "chmod", "env", "pwd", "uname"]

PYTHON = r"""#!/bin/sh
# Stands for a Python {version}: makes environments that hold a copy of itself, and notes what pip is asked for.
case "$*" in
*version_info*) echo {version} ;;
*ensurepip*) exit {bare} ;;
"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
"-m pip"*)
    echo "$*" >>pip.log
    {pip}
    case "$*" in *--editable*)
        printf '#!/bin/sh\nfor word; do printf "<%%s>" "$word"; done\n' >.venv/bin/ackstream
        chmod +x .venv/bin/ackstream ;;
    esac ;;
esac
"""


class Machine:
    """A checkout in `folder`, and a PATH with what is put there alone."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.bin = folder / "checkout", folder / "bin"
        self.bin.mkdir()
        (self.checkout / "deploy" / "local" / "kafka").mkdir(parents=True)
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None, tool
            (self.bin / tool).symlink_to(found)
        for file in (ROOT / "Makefile", ROOT / "pyproject.toml", ROOT / "deploy" / "local" / "setup.sh", *LOCKS):
            shutil.copy(file, self.checkout / file.relative_to(ROOT))

    def python(self, name: str, version: str, *, bare: bool = False, pip: str = "") -> None:
        program = self.bin / name
        program.write_text(PYTHON.format(version=version, bare=int(bare), pip=pip))
        program.chmod(0o755)

    def make(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        clean = {"PATH": str(self.bin), "HOME": str(self.checkout), "TMPDIR": str(self.checkout), **env}
        return subprocess.run(
            ["make", *arguments], cwd=self.checkout, env=clean, capture_output=True, text=True, check=False, timeout=60
        )

    def installs(self) -> int:
        """How often pip was asked since the last call."""
        log = self.checkout / "pip.log"
        count = len(log.read_text().splitlines()) if log.exists() else 0
        log.unlink(missing_ok=True)
        return count


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_set_up_is_done_once_and_again_when_a_lock_file_changes(machine: Machine) -> None:
    machine.python("python3", "3.12")
    assert machine.make("up").stdout.endswith("<up>")
    assert machine.installs() == 2
    for file in machine.checkout.rglob("*"):
        os.utime(file)
    assert machine.make("up").stdout == "<up>"
    assert machine.installs() == 0
    lock = machine.checkout / "deploy" / "requirements.lock"
    lock.write_text(lock.read_text() + "# changed\n")
    assert machine.make("down").stdout.endswith("<down>")
    assert machine.installs() == 2


def test_an_environment_whose_python_is_gone_is_made_anew(machine: Machine) -> None:
    machine.python("python3", "3.13")
    machine.make("up")
    machine.installs()
    (machine.checkout / ".venv" / "bin" / "python").unlink()
    assert machine.make("up").returncode == 0
    assert machine.installs() == 2


def test_what_only_tests_need_is_installed_for_tests_only(machine: Machine) -> None:
    machine.python("python3", "3.11")
    machine.make("up")
    assert "requirements-dev.lock" not in (machine.checkout / "pip.log").read_text()
    machine.make("test")
    assert "requirements-dev.lock" in (machine.checkout / "pip.log").read_text()


def test_text_in_variables_reaches_the_command_as_it_was_typed(machine: Machine) -> None:
    machine.python("python3", "3.11")
    machine.make("setup")
    sql = """SELECT 'it''s', "x" || '$HOME $$ $(shell date) `id` %d \\n #' -- ü"""
    assert machine.make("query", f"SQL={sql}", "FORMAT=json").stdout == f"<query><--format><json><--><{sql}>"
    assert machine.make("query", SQL=sql).stdout == f"<query><--><{sql}>"
    assert machine.make("query").stdout == "<query><-->"
    assert machine.make("clean", "YES=1").stdout == "<clean><--yes>"
    assert machine.make("demo", "MESSAGES=5").stdout == "<demo><--messages><5>"


def test_make_alone_lists_the_targets(machine: Machine) -> None:
    done = machine.make()
    listed = {line.split()[0] for line in done.stdout.splitlines()}
    assert {"setup", "up", "status", "down", "clean", "demo", "query", "message", "replay", "test", "lint"} <= listed
    assert not (machine.checkout / ".venv").exists()


@pytest.mark.parametrize(
    ("pythons", "says"),
    [
        ({}, "none was found"),
        ({"python3": "3.9"}, "only 3.9 was found"),
        ({"python3": "3.14"}, "only 3.14 was found"),
    ],
)
def test_a_missing_or_old_python_is_one_sentence(machine: Machine, pythons: dict[str, str], says: str) -> None:
    for name, version in pythons.items():
        machine.python(name, version)
    done = machine.make("up")
    assert done.returncode != 0
    [line] = [line for line in done.stderr.splitlines() if not line.startswith("make:")]
    assert line.startswith("ackstream: Python 3.11, 3.12 or 3.13 is needed")
    assert says in line
    assert "apt-get install" in line


def test_a_newer_python_is_preferred_and_a_shim_without_python_passed_over(machine: Machine) -> None:
    machine.python("python3", "3.9")
    machine.python("python3.12", "3.12")
    (machine.bin / "python3.13").write_text("#!/bin/sh\nexit 127\n")
    (machine.bin / "python3.13").chmod(0o755)
    assert machine.make("up").returncode == 0
    assert "3.12" in (machine.checkout / ".venv" / "bin" / "python").read_text()


def test_a_python_without_venv_says_which_package_brings_it(machine: Machine) -> None:
    machine.python("python3", "3.11", bare=True)
    done = machine.make("up")
    assert done.returncode != 0
    assert "apt-get install python3-venv" in done.stderr


def test_a_failed_install_gives_pips_reason_and_is_tried_again(machine: Machine) -> None:
    machine.python("python3", "3.11", pip="echo 'ERROR: No space left on device' >&2; exit 1")
    done = machine.make("up")
    assert done.returncode != 0
    assert "No space left on device (all of it is in .venv/setup.log)" in done.stderr
    assert machine.installs() == 1
    assert machine.make("up").returncode != 0
    assert machine.installs() == 1


def test_an_index_that_does_not_answer_is_one_short_sentence(machine: Machine) -> None:
    lines = "WARNING: Retrying after NewConnectionError(1)\nERROR: No matching distribution found for aiohttp==1"
    machine.python("python3", "3.11", pip=f"printf '{lines}\n' >&2; exit 1")
    [line] = [line for line in machine.make("up").stderr.splitlines() if not line.startswith("make:")]
    assert "the package index does not answer; check the network" in line


APT = """#!/bin/sh
# Stands for apt-get: notes what it is asked for, and brings each package as an empty program.
echo "$*" >>apt.log
for word; do
    case $word in
    python3-venv) mv "$(dirname "$0")/fresh-python" "$(dirname "$0")/python3" ;;
    maven) name=mvn ;;
    *jre*) name=java ;;
    *) name=$word ;;
    esac
    case $word in
    maven | chromium) printf '#!/bin/sh\n' >"$(dirname "$0")/$name" ;;
    *jre*) printf '#!/bin/sh\necho "openjdk version \\"17.0.1\\"" >&2\n' >"$(dirname "$0")/$name" ;;
    *) continue ;;
    esac
    chmod +x "$(dirname "$0")/$name"
done
"""
FAILING_APT = "#!/bin/sh\necho 'E: Unable to fetch some archives' >&2\nexit 100\n"


def program(machine: Machine, name: str, text: str) -> None:
    file = machine.bin / name
    file.write_text(text)
    file.chmod(0o755)


def root(machine: Machine, apt: str = APT) -> None:
    program(machine, "id", "#!/bin/sh\necho 0\n")
    program(machine, "apt-get", apt)
    program(machine, "apt-cache", "#!/bin/sh\n")
    for tool in ("dirname", "mv"):
        (machine.bin / tool).symlink_to(str(shutil.which(tool)))


def apt_calls(machine: Machine) -> list[str]:
    log = machine.checkout / "apt.log"
    return log.read_text().splitlines() if log.exists() else []


def test_root_gets_every_missing_package_in_one_installation(machine: Machine) -> None:
    machine.python("python3", "3.11", bare=True)
    machine.python("fresh-python", "3.11")
    root(machine)
    done = machine.make("test")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == (
        "installing system packages (once): python3-venv openjdk-17-jre-headless maven chromium"
    )
    wanted = "install -y -qq --no-install-recommends python3-venv openjdk-17-jre-headless maven chromium"
    assert apt_calls(machine) == ["update -qq", wanted]
    assert machine.make("test").returncode == 0
    assert machine.make("up").returncode == 0
    assert len(apt_calls(machine)) == 2


def test_another_java_is_taken_where_the_release_has_no_17(machine: Machine) -> None:
    machine.python("python3", "3.11")
    root(machine)
    program(machine, "apt-cache", "#!/bin/sh\nexit 100\n")
    assert machine.make("up").returncode == 0
    assert apt_calls(machine)[1].endswith(" default-jre-headless maven")


def test_a_user_who_may_install_nothing_reads_one_command_for_all_packages(machine: Machine) -> None:
    machine.python("python3", "3.11", bare=True)
    program(machine, "id", "#!/bin/sh\necho 1000\n")
    program(machine, "apt-get", APT)
    done = machine.make("up")
    assert done.returncode != 0
    assert "run `apt-get install python3-venv openjdk-17-jre-headless maven` as root" in done.stderr
    assert apt_calls(machine) == []


@pytest.mark.parametrize(("user", "apt"), [(1000, APT), (0, None), (0, FAILING_APT)])
def test_a_missing_browser_is_named_and_stops_no_other_test(machine: Machine, user: int, apt: str | None) -> None:
    machine.python("python3", "3.11")
    program(machine, "id", f"#!/bin/sh\necho {user}\n")
    if apt is not None:
        program(machine, "apt-get", apt)
    done = machine.make("test")
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    assert "run `apt-get install openjdk-17-jre-headless maven chromium` as root" in line
    assert ("E: Unable to fetch some archives" in line) == (apt is FAILING_APT)


def test_only_the_tests_of_the_page_ask_for_a_browser(machine: Machine) -> None:
    machine.python("python3", "3.11")
    for arguments, asked in (("tests/schemas", False), ("tests/dashboards/page -k bar", True)):
        assert ("chromium" in machine.make("test", f"ARGS={arguments}").stderr) == asked


def test_a_browser_that_is_named_is_taken(machine: Machine) -> None:
    machine.python("python3", "3.11")
    program(machine, "my-chrome", "#!/bin/sh\n")
    assert machine.make("test", CHROMIUM=str(machine.bin / "my-chrome")).stderr == ""


def test_set_up_and_tests_look_for_the_same_browsers() -> None:
    script = (ROOT / "deploy" / "local" / "setup.sh").read_text()
    assert f"${{CHROMIUM:-{' '.join(browser.NAMES)}}}" in script


@pytest.mark.parametrize("target", ["up", "test"])
def test_an_installation_that_was_killed_starts_again_from_nothing(machine: Machine, target: str) -> None:
    machine.python("python3", "3.11")
    machine.make("up")
    machine.python("python3", "3.11", pip="kill -9 $PPID")
    (machine.checkout / ".venv" / "bin" / "python").unlink()
    assert machine.make(target).returncode != 0
    half = machine.checkout / ".venv" / "half"
    half.write_text("")
    machine.python("python3", "3.11")
    machine.installs()
    assert machine.make(target).returncode == 0
    assert not half.exists()
    assert machine.installs() == {"up": 2, "test": 3}[target]


def test_an_environment_without_pip_is_made_again(machine: Machine) -> None:
    """As `python -m venv` leaves it when the disk is full."""
    machine.python("python3", "3.11")
    (machine.checkout / ".venv" / "bin").mkdir(parents=True)
    broken = machine.checkout / ".venv" / "bin" / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert machine.make("up").returncode == 0


def test_lock_files_pin_every_version_with_hashes_and_name_no_host() -> None:
    assert len(LOCKS) == 3
    for lock in LOCKS:
        text = lock.read_text()
        assert not re.search(r"://|--index-url|--extra-index|--find-links|--trusted-host", text), lock
        for block in re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip()):
            assert re.match(r"[a-z0-9][a-z0-9._-]*==\S+ \\\n    --hash=sha256:", block), block[:80]


def test_the_locks_of_tests_and_of_the_runtime_agree() -> None:
    pinned = [dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", lock.read_text(), re.MULTILINE)) for lock in LOCKS]
    for one in pinned:
        for other in pinned:
            assert {name: one[name] for name in one.keys() & other} == {
                name: other[name] for name in one.keys() & other
            }
