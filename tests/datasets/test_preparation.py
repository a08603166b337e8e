"""What a data set's preparation says of stored examples: to a client, and to a reader."""

import numpy as np
import pytest

from twotrack.shared import chapters, datasets
from twotrack.shared.datasets.preparation import Plain
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.spec.inputs import ONLY


def loaded(name: str) -> Dataset:
    return datasets.load(name, datasets.embedded_source(name))


def test_a_function_is_a_preparation_whose_client_sends_model_inputs():
    halved = Plain(lambda inputs: {name: values / 2 for name, values in inputs.items()})

    assert halved.client_inputs({"a": np.array([2.0])})["a"].tolist() == [1.0]
    assert halved.show({"a": np.array([2.0, 3.0]), "b": np.float64(1.5)}) == {"a": "[2.0, 3.0]", "b": "1.5"}


@pytest.mark.parametrize("name", ["mnist", "shop"])
def test_pictures_are_sent_and_shown_as_they_are_stored(name: str):
    data = loaded(name)

    np.testing.assert_array_equal(
        data.preparation.client_inputs(data.test.first(2).inputs)["image"], data.test.first(2).inputs[ONLY]
    )
    np.testing.assert_array_equal(data.preparation.show(data.test.take(5).inputs), data.test.inputs[ONLY][5])


def test_of_a_table_with_some_columns_left_a_client_sends_those():
    narrow = datasets.load("telco", datasets.embedded_source("telco"), ("tenure", "monthly_charges"))

    sent = narrow.preparation.client_inputs(narrow.test.first(3).inputs)

    assert {name: values.dtype for name, values in sent.items()} == {"tenure": np.int64, "monthly_charges": np.float32}
    np.testing.assert_allclose(np.stack(list(sent.values()), axis=1), narrow.test.inputs[ONLY][:3], rtol=1e-6)
    assert list(narrow.preparation.show(narrow.test.take(0).inputs)) == ["tenure", "monthly_charges"]


def test_of_months_the_last_real_one_is_shown():
    data = loaded("telco_monthly")
    short = int(np.flatnonzero(data.test.inputs["mask"].sum(axis=1) == 3)[0])

    shown = data.preparation.show(data.test.take(short).inputs)

    assert shown["months"] == "3"
    assert float(shown["tenure"]) == data.test.inputs["months"][short, 2, 0]


def test_a_long_review_is_shown_without_markup_and_cut():
    shown = chapters.get("review_bert").variant().data().preparation.show({ONLY: "<br />good " * 200})

    assert shown["text"].startswith("good good")
    assert shown["text"].endswith("good ...")
    assert len(shown["text"]) <= 600
