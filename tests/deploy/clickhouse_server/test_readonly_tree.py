"""The output clause of a read-only user's statement must be what the parser sees at its root, and nothing else."""

import pytest

from deploy.local.clickhouse_server.errors import QueryError
from deploy.local.clickhouse_server.readonly import Known, check

KNOWN = Known(frozenset({"file"}), frozenset())
CLAUSES = ("Literal '/dev/fd/7'", "Identifier CSV")
QUERY = " ExpressionList (children 1)\n  SelectQuery (children 1)\n   ExpressionList (children 1)\n    "
OURS = "\n Literal '/dev/fd/7'\n Identifier CSV\n"


def tree(children: int, column: str, end: str) -> str:
    return f"SelectWithUnionQuery (children {children})\n{QUERY}{column}{end}"


def test_our_clause_at_the_root_passes() -> None:
    check(b"", tree(3, "Literal UInt64_1", OURS), KNOWN, CLAUSES)
    check(b"", tree(1, "Literal UInt64_1", "\n"), KNOWN)


@pytest.mark.parametrize(
    "printed",
    [
        tree(1, "Literal 'x INTO OUTFILE /dev/fd/7 FORMAT CSV'", "\n"),  # ours inside a string
        tree(3, "Literal UInt64_1", "\n Literal '/tmp/other'\n Identifier CSV\n"),  # theirs in its place
        tree(2, "Literal UInt64_1", "\n Literal '/dev/fd/7'\n"),
        tree(1, f"Identifier x{OURS}", ""),  # a quoted name that looks like it
        tree(3, f"Identifier x{OURS}", "\n Literal '/tmp/other'\n Identifier CSV\n"),
        tree(2, f"Identifier x{OURS}", "\n Literal '/dev/fd/7'\n Identifier CSV\n"),
        tree(4, "Literal UInt64_1", f"\n Literal '/tmp/other'{OURS}"),
    ],
)
def test_anything_else_is_refused(printed: str) -> None:
    with pytest.raises(QueryError, match="this spelling"):
        check(b"", printed, KNOWN, CLAUSES)
