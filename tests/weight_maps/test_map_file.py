"""The file of a weight map: it says all of a map, and one message tells what is wrong with one."""

from pathlib import Path

import pytest

from twotrack import UserError, WeightRule
from twotrack.shared.weights.correspondence import map_file
from twotrack.shared.weights.correspondence.weight_map import WeightMap

MAP = WeightMap(
    {
        "norm.gamma": WeightRule(("h.ln.weight",)),
        'odd "name"\n.x': WeightRule(("é",), "o i -> i o"),
        "query.kernel": WeightRule(("qkv.weight",), "(part h d) i -> i h d", {"h": 12}, (0, 3)),
        "joined.kernel": WeightRule(("gate.weight", "up.weight"), "part o i -> i (part o)"),
        "positions": WeightRule(("positions.weight",), rows=(2, 514)),
        "scale.mean": WeightRule(constant=0.1, shape=(3,)),
        "scale.count": WeightRule(constant=0.0),
    },
    ("pooler.weight", "pooler.bias"),
    ("mask_token",),
    {"norm.gamma": "by name: values do not tell"},
)


@pytest.mark.parametrize("weight_map", [MAP, WeightMap({}), WeightMap({}, ("a",))])
def test_a_file_says_all_of_a_map(weight_map: WeightMap, tmp_path: Path) -> None:
    map_file.write(tmp_path / "x.map.toml", weight_map)
    assert map_file.read(tmp_path / "x.map.toml") == weight_map


def test_a_weight_is_a_line_that_people_can_read(tmp_path: Path) -> None:
    lines = map_file.text(MAP).splitlines()
    assert '"query.kernel" = {from = "qkv.weight", layout = "(part h d) i -> i h d", h = 12, part = "0 of 3"}' in lines
    assert 'positions = {from = "positions.weight", rows = [2, 514]}' in lines


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("weights = ", "is no TOML: "),
        ("[wieghts]\n", "'wieghts': expected the tables 'weights' and 'unused' only"),
        ("weights = 3\n", "'weights': expected a table, found 3"),
        (
            "[weights]\na = 3\n",
            "'a': expected torch's name of the weight, or a table",
        ),
        ("[weights]\na = {from = 3}\n", "'a.from': expected a name or a list of names, found 3"),
        ("[weights]\na = {from = 'b', layout = 3}\n", "'a.layout': expected a pattern such as 'o i -> i o', found 3"),
        ("[weights]\na = {from = 'b', layout = 'o i -> o'}\n", "'a': b, 'o i -> o': expected no axis on the left"),
        ("[weights]\na = {from = 'b', part = '1/3'}\n", "'a.part': expected a part such as '0 of 3', found '1/3'"),
        ("[weights]\na = {from = 'b', rows = [2]}\n", "'a.rows': expected the first row and the one behind the last"),
        ("[weights]\na = {from = 'b', h = 'x'}\n", "'a.h': expected a whole number, the size of an axis, found 'x'"),
        ("[weights]\na = {constant = nan}\n", "'a.constant': expected a number, found nan"),
        ("[weights]\na = {}\n", "'a': a rule has at least one source, or is a constant"),
        ("[unused]\ntorch = 'a'\n", "'unused.torch': expected a list of names, found 'a'"),
        ("[unused]\njax = ['a']\n", "'unused.jax': expected the lists 'torch' and 'keras' only"),
    ],
)
def test_one_message_names_file_key_and_what_was_expected(content: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "pair.PAIR.map.toml"
    file.write_text(content)
    with pytest.raises(UserError) as refused:
        map_file.read(file)
    assert str(refused.value).startswith(f"the weight map '{file}'")
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file or directory"):
        map_file.read(tmp_path / "none.map.toml")
