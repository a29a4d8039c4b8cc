"""What a group's description says about partitions without a reader and about workers with one id."""

from streams.runtime.membership import Member, namesake, unassigned


def member(member_id: str, *partitions: tuple[str, int]) -> Member:
    return Member(member_id, f"host of {member_id}", frozenset(partitions))


def test_partitions_that_nobody_has() -> None:
    group = [member("a", ("wa.raw", 0), ("wa.raw", 1)), member("b", ("wa.raw", 2), ("wa.sent", 0))]
    assert unassigned(group, {"wa.raw": 3, "wa.sent": 1}) == {}
    assert unassigned(group, {"wa.raw": 5, "wa.sent": 1}) == {"wa.raw": [3, 4]}
    assert unassigned(group, {"wa.raw": 3, "wa.sent": 2}) == {"wa.sent": [1]}
    assert unassigned([], {"wa.raw": 2}) == {"wa.raw": [0, 1]}


def test_a_namesake_is_another_member_with_our_instance_id_while_we_are_not_in_the_group() -> None:
    ours, other, neighbour = member("load-0-aaa"), member("load-0-bbb"), member("load-10-ccc")
    assert namesake([ours, other], "load-0-aaa", "load-0") is None  # Kafka has at most one of the two
    assert namesake([other, neighbour], "load-0-aaa", "load-0") == other
    assert namesake([neighbour], "load-0-aaa", "load-1") is None
    assert namesake([], "load-0-aaa", "load-0") is None
