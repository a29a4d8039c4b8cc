"""What a read-only user may run, decided on the syntax tree of the engine's own parser.

The session of such a user has readonly=1, which refuses writes and most table functions. Some doors stay open to it
(scalar `file`, DESCRIBE of table functions, hidden parts of SHOW, other users' query texts), so the tree that
EXPLAIN AST prints is walked as well: statements, table functions and system tables are on lists of what is allowed,
functions on a list of what is not. Names come out of the parser already unquoted, so spelling, comments and quotes
make no difference. A line break inside a quoted name can only add lines, which can only refuse more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from deploy.local.clickhouse_server.errors import ACCESS_DENIED, READONLY, QueryError

_ROOTS: Final = frozenset({
    "SelectWithUnionQuery", "SelectIntersectExceptQuery", "DescribeQuery", "Explain", "ShowTables", "ShowColumns",
    "ShowIndexes", "ShowFunctions", "ShowCreateTableQuery", "ShowCreateViewQuery", "ShowCreateDatabaseQuery",
    "ExistsTableQuery", "ExistsViewQuery", "ExistsDatabaseQuery",
})  # fmt: skip
_QUERIES: Final = _ROOTS | {"SelectQuery", "TablesInSelectQuery", "Subquery"}
# Their conditions are not part of the printed tree, so they may not have any.
_HIDDEN_CONDITIONS: Final = frozenset({"ShowTables", "ShowColumns", "ShowIndexes", "ShowFunctions"})
_CONDITION = re.compile(rb"\(|\bwhere\b", re.IGNORECASE)

_TABLE_FUNCTIONS: Final = frozenset({
    "numbers", "numbers_mt", "zeros", "zeros_mt", "generate_series", "generateseries", "primes", "values", "view",
    "null", "generaterandom",
})  # fmt: skip

# Files, network, other servers, server internals, other people's headers, burning time. By category where the engine
# has one, so that a later engine's additions are covered.
DENIED_CATEGORIES: Final = (
    "Dictionary", "Embedded Dictionary", "AI", "Introspection", "Machine Learning",
)  # fmt: skip
_DENIED_FUNCTIONS: Final = frozenset({
    "file", "filesystemavailable", "filesystemcapacity", "filesystemunreserved", "sleep", "sleepeachrow", "joinget",
    "joingetornull", "getclienthttpheader", "currentrequesturl", "currenthandler", "getserversetting", "getmacro",
    "showcertificate", "getserverport", "tcpport", "logtrace", "generateserialid", "fuzzquery", "catboostevaluate",
    "zookeepersessionuptime", "lemmatize", "stem", "synonyms", "trap", "eval", "executable",
    "structuretocapnprotoschema", "structuretoprotobufschema", "transactionid",
    "transactionlatestsnapshot", "transactionoldestsnapshot",
    "hasthreadfuzzer", "getmergetreesetting", "python",
})  # fmt: skip
_DENIED_PREFIXES: Final = ("dictget", "dicthas", "dictisin", "ai", "__", "addressto", "regionto", "regionin")

# Descriptions of the data and of the engine. Not here: whatever shows other sessions, users, files or addresses.
_SYSTEM_TABLES: Final = frozenset({
    "aggregate_function_combinators", "asynchronous_metrics", "build_options", "codecs", "collations", "columns",
    "completions", "constraints", "contributors", "data_skipping_index_types", "data_skipping_indices",
    "data_type_families", "database_engines", "databases", "detached_parts", "documentation", "events", "formats",
    "functions", "keywords", "licenses", "merge_tree_settings", "merges", "metrics", "mutations", "numbers",
    "numbers_mt", "one", "parts", "parts_columns", "primes", "projection_parts", "projection_parts_columns",
    "projections", "settings", "settings_changes", "table_engines", "table_functions", "tables", "time_zones",
    "tokenizers", "unicode", "zeros", "zeros_mt",
})  # fmt: skip

_LINE = re.compile(r"( *)([A-Za-z_:]+)(?: +(.*))?\Z", re.DOTALL)
_PATH = re.compile(r"[/\\~]")
_ANNOTATION = re.compile(r" \((?:alias .*|children \d+)\)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Known:
    """Names that only the engine can tell, in lower case."""

    table_functions: frozenset[str]
    denied_functions: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Node:
    depth: int
    kind: str
    name: str


def check(sql: bytes, tree: str, known: Known, clauses: Sequence[str] = ()) -> None:
    """Raise ACCESS_DENIED when the statement with this printed tree may not be run by a read-only user.

    `clauses` were put into its text for the output, at a place found by our own view of strings and comments. Should
    that ever differ from the parser's, they are not what the root has besides the query: then it is not run.
    """
    lines = tree.splitlines()
    nodes = [node for line in lines if (node := _node(line))]
    if not nodes or nodes[0].kind not in _ROOTS:
        raise _denied("this kind of statement")
    above = nodes[0]
    names_only = nodes[0].kind != "SelectWithUnionQuery" and nodes[0].kind != "Explain"
    for node in nodes:
        _check_node(sql, node, above, known)
        if names_only and node.kind == "Identifier" and _PATH.search(node.name):
            raise _denied("file names as tables")
        above = node
    root = f"SelectWithUnionQuery (children {1 + len(clauses)})"
    if clauses and (lines[0] != root or lines[-len(clauses) :] != [f" {clause}" for clause in clauses]):
        raise _denied("this spelling of the statement")


def check_database(name: str) -> None:
    """Refuse databases whose tables would escape the list of system tables when named without the database."""
    if name.lower() == "system":
        raise _denied("the database system as default (name its tables in full)")


def _check_node(sql: bytes, node: _Node, above: _Node, known: Known) -> None:
    if node.kind.endswith("Query") and node.kind not in _QUERIES:
        raise _denied("this kind of statement")
    if node.kind in _HIDDEN_CONDITIONS and _CONDITION.search(sql):
        raise _denied("SHOW with conditions or brackets (LIKE is allowed)")
    if node.kind == "Set":  # the engine checks those of the whole statement, but not those of a subquery
        raise QueryError(READONLY, "Cannot modify settings in a statement in readonly mode: send them in the URL.")
    if node.kind == "ColumnsApplyTransformer":
        raise _denied("APPLY")
    if node.kind == "Function":
        _check_function(node.name.lower(), above, known)
    elif node.kind in ("TableIdentifier", "Identifier"):
        _check_identifier(node)


def _check_function(name: str, above: _Node, known: Known) -> None:
    if above.kind == "TableExpression" or (name in known.table_functions and name != "format"):
        if name not in _TABLE_FUNCTIONS:
            raise _denied(f"table function {name}")
    elif name in _DENIED_FUNCTIONS or name in known.denied_functions or name.startswith(_DENIED_PREFIXES):
        raise _denied(f"function {name}")


def _check_identifier(node: _Node) -> None:
    database, dot, table = node.name.partition(".")
    if dot and database.lower() == "system" and table.lower() not in _SYSTEM_TABLES:
        raise _denied(f"{node.name}")
    # The default database of the engine also resolves file names as tables.
    if node.kind == "TableIdentifier" and (_PATH.search(node.name) or "." in table):
        raise _denied("file names as tables")
    if node.name.startswith(("/", ".", "~")) or "://" in node.name or "../" in node.name:
        raise _denied("file names as tables")


def _node(line: str) -> _Node | None:
    match = _LINE.match(line)
    if match is None:
        return None
    name = match[3] or ""
    while (shorter := _ANNOTATION.sub("", " " + name).strip()) != name.strip():
        name = shorter
    return _Node(len(match[1]), match[2], name.strip())


def _denied(what: str) -> QueryError:
    return QueryError(ACCESS_DENIED, f"A read-only user may not use {what}.")
