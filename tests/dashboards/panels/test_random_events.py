"""Every panel of Overview, Delivery and Failures over random events equals what plain Python counts."""

from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dashboards.panels import delivery, failures, overview
from tests.dashboards.panels import expected_delivery, expected_failures, expected_overview
from tests.dashboards.panels.compare import wrong
from tests.dashboards.panels.model import units
from tests.dashboards.panels.random_data import WHOLE, random_search, some_event, some_question
from tests.dashboards.panels.tables import Tables

EXPECTED = expected_overview.EXPECTED | expected_delivery.EXPECTED | expected_failures.EXPECTED
OURS = (overview.DASHBOARD, delivery.DASHBOARD, failures.DASHBOARD)


def test_the_model_knows_every_panel() -> None:
    assert EXPECTED.keys() == {panel.id for dashboard in OURS for panel in dashboard.panels}


def test_empty_tables_and_every_panel(empty_tables: Tables) -> None:
    chosen = {"start": WHOLE[0], "end": WHOLE[1]}
    assert not wrong(empty_tables, [], EXPECTED, chosen)


def test_a_crowd_and_every_panel(tables: Tables) -> None:
    by = Random(4)  # noqa: S311
    events = [some_event(by, 150) for _ in range(600)]
    tables.load(events[:250], events[250:], by.sample(events, 100))
    truth = units(events)
    questions = [{"start": WHOLE[0], "end": WHOLE[1], "zone": "Europe/Berlin"}, some_question(by), some_question(by)]
    assert not [text for chosen in questions for text in wrong(tables, truth, EXPECTED, chosen)]


# An example that fails is shown as it is: making it smaller would take many minutes.
@settings(random_search(3), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    by=st.randoms(use_true_random=False),
    size=st.integers(1, 30),
    asked=st.lists(st.sampled_from(sorted(EXPECTED)), min_size=12, max_size=12, unique=True),
)
def test_few_messages_in_two_steps(tables: Tables, by: Random, size: int, asked: list[str]) -> None:
    events = [some_event(by, 6) for _ in range(size)]
    chosen = some_question(by)
    cut = by.randrange(size)
    tables.clear()
    tables.load(events[:cut])
    tables.load(events[cut:])
    assert not wrong(tables, units(events), {identifier: EXPECTED[identifier] for identifier in asked}, chosen)
