"""The table of the demonstration, the tools that read it, the count and the script."""

import csv
import json
import runpy
from decimal import Decimal
from pathlib import Path

import pytest

from journeyman import Agent, CallerError, ModelRetry, ScriptedModel
from journeyman.apps.demo import ORDERS, QUESTION, Count, count, make_orders, order_tools, script
from journeyman.data import Message, ModelRequest, ToolCall, ToolResult

ROWS = list(csv.DictReader(ORDERS.read_text(encoding="utf-8").splitlines()))
SMALL = """order_id,date,region,product,quantity,unit_price,status
1,2025-01-05,North,desk,2,10.50,delivered
2,2025-01-06,South,lamp,10,2.00,delivered
3,2025-02-01,South,desk,1,10.50,delivered
4,2025-02-02,North,desk,9,10.00,returned
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.csv"
    path.write_text(SMALL)
    return path


@pytest.fixture
def tools(small):
    return {tool.name: tool for tool in order_tools(small)}


def test_the_committed_table_is_what_the_generator_makes(tmp_path):
    """The file in the package is that of the script in the package, byte for byte."""
    make_orders.write(tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == ORDERS.read_bytes()


def test_the_generator_is_a_script(monkeypatch):
    """Run as a script, it writes the table beside itself; here it writes what is there already."""
    before = ORDERS.read_bytes()
    written = []
    monkeypatch.setattr(Path, "write_text", lambda self, text, **_: written.append((self, text)))
    runpy.run_path(make_orders.__file__, run_name="__main__")
    assert written == [(ORDERS, before.decode())]


def test_the_table_is_that_of_a_plausible_shop():
    """4,000 orders of 2025 in order of their days, and the last ten days are mostly not delivered yet."""
    assert len(ROWS) == make_orders.ROWS
    assert list(ROWS[0]) == list(make_orders.COLUMNS)
    days = [row["date"] for row in ROWS]
    assert days == sorted(days)
    assert all(day.startswith("2025-") for day in days)
    assert all(int(row["quantity"]) > 0 and Decimal(row["unit_price"]) > 0 for row in ROWS)
    assert {row["date"] for row in ROWS if row["status"] == "open"} <= {f"2025-12-{day}" for day in range(22, 32)}


def test_describing_gives_columns_with_their_values(tools):
    """Few values are listed, many are a range."""
    found = tools["describe_table"]()
    assert (found["table"], found["rows"]) == ("small.csv", 4)
    assert found["columns"]["region"] == ["North", "South"]
    big = {tool.name: tool for tool in order_tools()}["describe_table"]()
    assert big["columns"]["order_id"] == {"different": 4000, "from": "10000", "to": "13999"}


def test_totals_are_exact_and_the_largest_comes_first(tools):
    """Revenue is quantity times price, added up in decimals, of the rows that fit."""
    assert tools["total_by"]("region", {"status": "delivered"}) == [
        {"region": "South", "orders": 2, "quantity": 11, "revenue": "30.50"},
        {"region": "North", "orders": 1, "quantity": 2, "revenue": "21.00"},
    ]
    assert tools["total_by"]("product", {"date": "2025-01"})[0]["revenue"] == "21.00"
    assert tools["total_by"]("product", {"region": "East"}) == []


@pytest.mark.parametrize(
    ("sort_by", "order"),
    [("revenue", ["4", "1", "2", "3"]), ("quantity", ["2", "4", "1", "3"]), ("date", ["4", "3", "2", "1"])],
)
def test_rows_are_found_and_sorted(tools, sort_by, order):
    """What is shown is sorted as asked, and how many were found is said in any case."""
    found = tools["find_rows"](sort_by=sort_by)
    assert [row["order_id"] for row in found["rows"]] == order
    assert tools["find_rows"](limit=1)["found"] == 4
    assert tools["find_rows"](limit=-5)["rows"] == []


def test_an_unknown_column_goes_back_to_the_model(tools):
    """The model is asked to try again, with the columns that there are."""
    for call in (lambda: tools["total_by"]("country"), lambda: tools["find_rows"]({"colour": "red"})):
        with pytest.raises(ModelRetry, match="order_id, date, region"):
            call()


def test_a_missing_table_is_told(tmp_path):
    """A file that cannot be opened is the caller's to mend."""
    with pytest.raises(CallerError, match="cannot be read"):
        order_tools(tmp_path / "none.csv")[0]()


def test_the_count_is_right(small):
    """By hand: South sold 20.00 of lamps and 10.50 of desks, North 21.00 of desks and a return."""
    counted = count(small)
    assert (counted.region, counted.cents, counted.product, counted.dollars) == ("South", 3050, "lamp", "30.50")


async def test_the_script_is_right_whatever_the_table_holds(small):
    """Its figures are those that the tools gave: with another table the same words give another right answer."""
    agent = Agent(ScriptedModel(script()), tools=order_tools(small))
    answer = (await agent.run(QUESTION)).output
    assert answer.startswith("South earned the most from delivered orders: $30.50.")
    assert "the lamp, with $20.00 from 1 orders" in answer
    assert "number 2 of 2025-01-06, came to $20.00" in answer
    assert count(small).agrees_with(answer)


@pytest.mark.parametrize(
    "results",
    [[], [Message("tool", (ToolResult("look", "no such file", is_error=True),))]],
)
def test_the_script_does_not_make_figures_up(results):
    """Without the results of its tools it cannot go on, and says so."""
    line = script()[1]
    assert callable(line)
    with pytest.raises(CallerError, match="cannot go on"):
        line(ModelRequest("m", (Message.user("?"), *results)))


def test_the_script_asks_for_what_it_was_shown():
    """The second call names the region that came first in the real result."""
    line = script()[2]
    assert callable(line)
    shown = ToolResult("regions", json.dumps([{"region": "Moon"}, {"region": "Mars"}]))
    parts = line(ModelRequest("m", (Message.user("?"), Message("tool", (shown,)))))
    calls = [json.loads(part.arguments) for part in parts if isinstance(part, ToolCall)]
    assert [call["where"]["region"] for call in calls] == ["Moon", "Moon"]


RIGHT = Count("East", 17272450, "office chair", frozenset({"East", "West"}), frozenset({"office chair", "oak desk"}))


@pytest.mark.parametrize(
    ("answer", "agrees"),
    [
        ("East, $172,724.50, mostly office chairs", True),
        ("In the east it was 172724.5 dollars; best was the Office Chair, then the oak desk.", True),
        ("East, about $172,724, office chair", False),
        ("East, $172,724.51, office chair", False),
        ("West lost to East with $172,724.50, office chair", False),
        ("East, $172,724.50, oak desk before office chair", False),
        ("East, $172,724.50", False),
        ("", False),
    ],
)
def test_an_answer_agrees_only_if_all_of_it_is_right(answer, agrees):
    """Region and product have to be named first, the sum to the cent, in whatever spelling."""
    assert RIGHT.agrees_with(answer) is agrees


def test_a_whole_sum_needs_no_cents():
    """$12 and $12.00 are the same."""
    right = Count("East", 1200, "desk", frozenset({"East"}), frozenset({"desk"}))
    assert right.agrees_with("East: $12. It was the desk")
    assert right.agrees_with("East: $12.00, desk")
    assert not right.agrees_with("East: $120, desk")
