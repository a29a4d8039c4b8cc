"""The printed report of a chaos run."""

from tests.faults.plan import by_kind
from tests.faults.run import Options, Result

_SHOWN = 20  # problems that are printed


def lines(options: Options, result: Result) -> list[str]:
    """The report, printed at the end of a run."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in by_kind([each.fault for each in result.injected]))
    text = [
        f"Chaos, seed {options.seed}, {options.seconds / 60:g} minutes, {options.rate:g} requests a second:",
        f"  faults            {len(result.injected)}: {kinds}",
        f"  bodies answered   {result.answered:,} with 200{'' if result.posted else ', and some were not'}",
        f"  units compared    {result.units:,}",
        f"  lost              {_number(result.lost)}",
        f"  double            {_number(result.double)}",
        f"  residual          {_number(result.residual)}",
        "  longest recovery  " + _columns([f"{name} {seconds:.1f} s" for name, seconds in result.longest().items()]),
    ]
    if result.restarts:
        text.append(
            "  ended, restarted  " + ", ".join(f"{part} {times}" for part, times in sorted(result.restarts.items()))
        )
    text += [f"  not injected: {each.fault}: {each.problem}" for each in result.injected if each.problem]
    text += [f"  not recovered: {each.fault}" for each in result.injected if each.recovered is None]
    text += [f"  wrong: {problem}" for problem in result.problems[:_SHOWN]]
    if len(result.problems) > _SHOWN:
        text.append(f"  and {len(result.problems) - _SHOWN:,} more")
    return text


def repeat_command(options: Options) -> str:
    """The command of the same run."""
    return (
        f"python -m tests.faults --seed {options.seed} --faults {options.faults} --minutes {options.seconds / 60:g} "
        f"--rate {options.rate:g}"
    )


def _number(value: int | None) -> str:
    return "not known" if value is None else f"{value:,}"


def _columns(items: list[str]) -> str:
    """Three items per line."""
    rows = [items[at : at + 3] for at in range(0, len(items), 3)]
    return ("\n" + " " * 20).join(", ".join(row) for row in rows) or "none"
