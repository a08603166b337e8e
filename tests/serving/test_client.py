"""`twotrack request` against the stand-in: every kind of input over both protocols, and every mistake told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.serving.standin import DIGITS, LOADING, MONTHLY, PAYMENTS, WRITTEN
from tests.support.command_line import python, twotrack
from twotrack.shared.errors import UserError
from twotrack.shared.export.serving.client import PROTOCOLS, ServedAnswer, ServingRequest, ask

LOADED = """
import json, sys
from twotrack.shared.export.serving.client import ServingRequest, ask
ask(ServingRequest(*sys.argv[1:3], sys.argv[3:4], sys.argv[4]))
print(json.dumps(sorted(sys.modules)))
"""
IMAGES = np.arange(32, dtype=np.uint8).reshape(2, 4, 4) * 8
"""(2, 4, 4); the stand-in's probability is that of the second pixel: 8 and 136."""
ROWS = [
    {"tenure": 3, "charges": 20.5, "contract": "Two year"},
    {"tenure": 70, "charges": 50.0, "contract": "Vierteljährlich"},
]
EXPECTED = [(3 + 205 + 8) / 1000, (70 + 500 + 15) / 1000]
"""By hand, from the stand-in's formula."""


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def asked(servers: dict[str, str], protocol: str) -> Any:
    def ask_it(model: str, *inputs: object, **changes: Any) -> ServedAnswer:
        return ask(ServingRequest(servers[protocol], model, list(map(str, inputs)), protocol, **changes))

    return ask_it


def probabilities(answer: ServedAnswer) -> list[float]:
    return answer.outputs["probabilities"][:, 1].tolist()


def written(file: Path, content: object) -> Path:
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_pictures_go_to_the_signature_for_encoded_images(asked: Any, tmp_path: Path):
    files = []
    for number in range(2):
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(IMAGES[number]).resize((20 + number, 9)).save(files[-1])

    answer = asked(DIGITS, *files)

    assert answer.signature.name == "encoded_image"
    assert probabilities(answer) == pytest.approx([file.stat().st_size % 100 / 100 for file in files])
    assert [name for name, _, _ in answer.classes()] == list(map(str, files))


def test_lines_of_a_file_are_texts(asked: Any, tmp_path: Path):
    """Empty lines are left out, and a mark of UTF-8 at the start is none of the text."""
    file = tmp_path / "reviews.txt"
    file.write_bytes("\ufeffGroßartig 😀\r\n\n  \nStale, bitter\n".encode())

    answer = asked(WRITTEN, file)

    assert answer.signature.name == "text"
    assert answer.names == ("line 1", "line 4")
    assert probabilities(answer) == pytest.approx([0.11, 0.13])


def test_a_pair_named_text_goes_to_the_signature_for_texts(asked: Any):
    assert probabilities(asked(WRITTEN, "text=a=b")) == pytest.approx([0.03])


@pytest.mark.parametrize(
    ("model", "content", "message"),
    [
        (DIGITS, b"a text", "takes no texts"),
        (WRITTEN, b"\xff", "expected text in UTF-8"),
        (WRITTEN, b"\n \n", "expected at least one example, found none"),
    ],
)
def test_a_file_of_texts_that_cannot_be_sent_is_told(
    asked: Any, tmp_path: Path, model: str, content: bytes, message: str
):
    file = tmp_path / "reviews.txt"
    file.write_bytes(content)

    with pytest.raises(UserError, match=message):
        asked(model, file)


@pytest.mark.parametrize("form", ["npy", "npz", "instances", "named instances", "inputs", "named inputs"])
def test_an_array_arrives_as_it_is_from_every_form(asked: Any, tmp_path: Path, form: str):
    lists = IMAGES.tolist()
    bodies = {
        "instances": {"instances": lists},
        "named instances": {"instances": [{"image": one} for one in lists]},
        "inputs": {"signature_name": "serving_default", "inputs": lists},
        "named inputs": {"inputs": {"image": lists}},
    }
    file = tmp_path / f"images.{form if form in {'npy', 'npz'} else 'json'}"
    if form == "npy":
        np.save(file, IMAGES)
    elif form == "npz":
        np.savez(file, image=IMAGES)
    else:
        written(file, bodies[form])

    answer = asked(DIGITS, file)

    assert probabilities(answer) == pytest.approx([8 / 255, 136 / 255])
    assert answer.classes() == [("1", "no", pytest.approx(247 / 255)), ("2", "yes", pytest.approx(136 / 255))]


def test_rows_of_a_table_become_columns_of_the_servers_types(asked: Any, tmp_path: Path):
    lines = [
        "contract,other,tenure,charges",
        *(f"{row['contract']},x,{row['tenure']},{row['charges']}" for row in ROWS),
    ]
    answer = asked(PAYMENTS, written(tmp_path / "rows.csv", "\n".join(lines)))

    assert probabilities(answer) == pytest.approx(EXPECTED)
    assert answer.names == ("line 2", "line 3")


def test_rows_as_json_and_one_row_as_pairs_give_the_same(asked: Any, tmp_path: Path):
    answer = asked(PAYMENTS, written(tmp_path / "rows.json", {"instances": ROWS}))
    single = asked(PAYMENTS, *(f"{name}={value}" for name, value in ROWS[1].items()))

    assert probabilities(answer) == pytest.approx(EXPECTED)
    assert probabilities(single) == pytest.approx(EXPECTED[1:])


def test_months_of_a_customer_are_put_in_order_cut_to_the_last_and_padded(asked: Any, tmp_path: Path):
    lines = ["customer,month,charge", "b,7,2", "a,2,200", "a,1,100", "a,4,400", "a,3,300"]
    answer = asked(MONTHLY, written(tmp_path / "months.csv", "\n".join(lines)))

    assert answer.names == ("b", "a")
    assert probabilities(answer) == pytest.approx([0.00002, (200 + 3000 + 40000) / 100_000], rel=1e-3)


def test_both_protocols_give_the_same_document(servers: dict[str, str], tmp_path: Path):
    file = written(tmp_path / "rows.json", {"inputs": {name: [row[name] for row in ROWS] for name in ROWS[0]}})
    rest, rpc = (ask(ServingRequest(servers[one], PAYMENTS, [str(file)], one)).as_json() for one in PROTOCOLS)

    assert rest == rpc
    assert (rest["model"], rest["version"], rest["signature"]) == (PAYMENTS, 5, "serving_default")
    assert rest["outputs"]["class_name"] == ["no", "yes"]


def refused(asked: Any, model: str, *inputs: object, **changes: Any) -> str:
    with pytest.raises(UserError) as error:
        asked(model, *inputs, **changes)
    return str(error.value)


PAIRS = [f"{name}={value}" for name, value in ROWS[0].items()]


@pytest.mark.parametrize(
    ("model", "changes", "expected"),
    [
        ("nope", {}, ["has no model 'nope'", "Servable not found for request: Latest(nope)", "models.config"]),
        (DIGITS, {"version": 7}, ["has no version 7", "versions: 1 (END), 2 (AVAILABLE)"]),
        (LOADING, {}, ["no version that is ready", "1 (LOADING)"]),
        (PAYMENTS, {"signature": "serving_defaults"}, ["did you mean 'serving_default'?"]),
    ],
)
def test_what_the_server_does_not_have_is_named(asked: Any, model: str, changes: dict, expected: list[str]):
    message = refused(asked, model, *PAIRS, **changes)

    assert [text for text in expected if text not in message] == []


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        (["tenur=3", *PAIRS], "unknown input 'tenur': did you mean 'tenure'?"),
        (PAIRS[:2], "expects these inputs too: contract string (batch,)"),
        (["tenure=3.5", *PAIRS[1:]], "tenure=3.5: expected a whole number, found '3.5'"),
        (["tenure=99999999999999999999", *PAIRS[1:]], "99999999999999999999"),
        (["charges=1e39", "tenure=1", "contract=x"], "which does not fit into it"),
        (["charges=nan", "tenure=1", "contract=x"], "expected a number, found 'nan'"),
        (["tenure=-1", *PAIRS[1:]], "assertion failed: [tenure must not be negative]"),
        ([PAIRS[0], *PAIRS], "found tenure twice"),
        (["missing.json"], "missing.json: expected a file"),
        (["missing.json", *PAIRS], "missing.json: expected a file"),
    ],
)
def test_a_wrong_value_is_told(asked: Any, pairs: list[str], expected: str):
    assert expected in refused(asked, PAYMENTS, *pairs)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "expected JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[1]", "the body of a REST request"),
        ({"instances": [], "inputs": []}, "the body of a REST request"),
        ({"instances": []}, "expected a list of examples"),
        ({"instances": [[[0] * 4] * 4, [[0] * 4] * 3]}, "lists of different lengths"),
        ({"instances": [[[0] * 4] * 3]}, "expected uint8 (batch, 4, 4), found the shape (1, 3, 4)"),
        ({"inputs": [[[256] * 4] * 4]}, "expected uint8 (batch, 4, 4), found 256"),
        ({"inputs": [[[0.5] * 4] * 4]}, "expected whole numbers"),
        ({"inputs": [[["a"] * 4] * 4]}, "found texts ('a')"),
        ({"inputs": [[[None] * 4] * 4]}, "found something else (None)"),
        ({"instances": [{"image": 0}, {"picture": 0}]}, "example 2 of 2 has other inputs"),
        ({"signature_name": "encoded_image", "inputs": [{"b64": "?"}]}, "expected base64"),
        ({"signature_name": "encoded_image", "inputs": [3]}, 'expected a text or {"b64": "..."}'),
        ({"signature_name": ["x"], "inputs": [3]}, '"signature_name" as a text'),
    ],
)
def test_a_wrong_body_is_told_before_it_is_sent(
    servers: dict[str, str], tmp_path: Path, content: object, expected: str
):
    file = written(tmp_path / "body.json", content)
    with pytest.raises(UserError) as error:
        ask(ServingRequest(servers["rest"], DIGITS, [str(file)]))

    assert expected in str(error.value)
    assert str(file) in str(error.value)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (IMAGES[0], "found the shape (4, 4)"),
        (IMAGES[:0], "expected at least one example"),
        (IMAGES.astype(np.float32), "expected whole numbers"),
        (IMAGES.astype(np.int64) - 1, "found -1, which does not fit"),
        (np.array([{}], object), "Object arrays cannot be loaded"),
    ],
)
def test_a_wrong_array_is_told(servers: dict[str, str], tmp_path: Path, array: np.ndarray, expected: str):
    np.save(tmp_path / "array.npy", array, allow_pickle=True)
    with pytest.raises(UserError, match=r"array\.npy") as error:
        ask(ServingRequest(servers["rest"], DIGITS, [str(tmp_path / "array.npy")]))

    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tenure,charges\n1,2", "expected a header with these columns too: 'contract'"),
        ("tenure,charges,contract\n1,2,x\n1,,x", "line 3, column 'charges': expected a number, found ''"),
        ("tenure,charges,contract\n1,2", "expected 3 fields"),
    ],
)
def test_a_wrong_row_is_told_with_its_line(servers: dict[str, str], tmp_path: Path, text: str, expected: str):
    with pytest.raises(UserError) as error:
        ask(ServingRequest(servers["rest"], PAYMENTS, [str(written(tmp_path / "rows.csv", text))]))

    assert expected in str(error.value)


def test_a_gap_between_months_is_told(servers: dict[str, str], tmp_path: Path):
    file = written(tmp_path / "months.csv", "customer,month,charge\na,1,1\na,3,1")
    with pytest.raises(UserError, match=r"line 3, column 'month': .* found 3 after 1"):
        ask(ServingRequest(servers["rest"], MONTHLY, [str(file)]))


@pytest.mark.parametrize(
    "address", ["localhost", ":8501", "http://localhost:8501", "localhost:0", "localhost:99999", ""]
)
def test_an_address_that_is_none_is_refused(address: str):
    with pytest.raises(UserError, match="expected HOST:PORT"):
        ask(ServingRequest(address, DIGITS, ["a=1"]))


@pytest.mark.parametrize(("protocol", "other"), [PROTOCOLS, PROTOCOLS[::-1]])
def test_the_port_of_the_other_protocol_is_recognised(servers: dict[str, str], protocol: str, other: str):
    with pytest.raises(UserError, match=f"say --protocol {other}") as error:
        ask(ServingRequest(servers[other], DIGITS, ["image=1"], protocol))

    assert str(error.value).isprintable()


def test_neither_protocol_imports_tensorflow(servers: dict[str, str], tmp_path: Path, protocol: str):
    file = written(tmp_path / "rows.json", {"instances": ROWS})
    done = python(LOADED, servers[protocol], PAYMENTS, file, protocol, folder=tmp_path)

    loaded = set(json.loads(done.stdout))
    assert {"tensorflow", "tensorflow.python", "keras", "torch"} & loaded == set()
    assert ("tensorflow_serving" in loaded) == (protocol == "grpc")


def test_the_command_prints_a_table_or_the_whole_answer(servers: dict[str, str], tmp_path: Path):
    file = written(tmp_path / "rows.json", {"instances": ROWS})
    shown = twotrack("request", servers["rest"], PAYMENTS, file, folder=tmp_path).stdout
    document = twotrack("request", servers["rest"], PAYMENTS, file, "--json", folder=tmp_path).json()

    lines = [line.split() for line in shown.splitlines()]
    assert ["1", "no", "0.7840"] in lines
    assert ["2", "yes", "0.5850"] in lines
    assert np.array(document["outputs"]["probabilities"])[:, 1] == pytest.approx(EXPECTED)


def test_the_command_ends_with_code_2_and_one_line(servers: dict[str, str], tmp_path: Path):
    done = twotrack("request", servers["rest"], "nope", "a=1", folder=tmp_path, check=False)

    assert done.code == 2
    assert "has no model 'nope'" in done.error_line
