"""The words of a run. Pure."""

from tests.faults.plan import by_kind
from tests.faults.run import Options, Result

_SHOWN = 20  # of what is wrong


def lines(options: Options, result: Result) -> list[str]:
    """The block that a run ends with; `repeat` names the run as a command."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in by_kind([done.fault for done in result.done]))
    said = [
        f"Chaos, seed {options.seed}, {options.seconds / 60:g} minutes, {options.rate:g} requests a second:",
        f"  faults            {len(result.done)}: {kinds}",
        f"  bodies answered   {result.answered:,} with 200{'' if result.posted else ', and some were not'}",
        f"  units compared    {result.units:,}",
        f"  lost              {_number(result.lost)}",
        f"  double            {_number(result.double)}",
        f"  residual          {_number(result.residual)}",
        "  longest recovery  " + _columns([f"{name} {seconds:.1f} s" for name, seconds in result.longest().items()]),
    ]
    if result.ended:
        said.append(
            "  ended, restarted  " + ", ".join(f"{part} {times}" for part, times in sorted(result.ended.items()))
        )
    said += [f"  not done: {done.fault}: {done.problem}" for done in result.done if done.problem]
    said += [f"  not recovered: {done.fault}" for done in result.done if done.recovered is None]
    said += [f"  wrong: {words}" for words in result.words[:_SHOWN]]
    if len(result.words) > _SHOWN:
        said.append(f"  and {len(result.words) - _SHOWN:,} more")
    return said


def repeat(options: Options) -> str:
    """How to have the same run again."""
    return (
        f"python -m tests.faults --seed {options.seed} --faults {options.faults} --minutes {options.seconds / 60:g} "
        f"--rate {options.rate:g}"
    )


def _number(found: int | None) -> str:
    return "not known" if found is None else f"{found:,}"


def _columns(words: list[str]) -> str:
    """Three a line."""
    rows = [words[at : at + 3] for at in range(0, len(words), 3)]
    return ("\n" + " " * 20).join(", ".join(row) for row in rows) or "none"
