"""Files of requests: they come back as they were written, and a damaged one is refused."""

from pathlib import Path

import numpy as np
import pytest

from twotrack.shared.export.tf_serving import prediction_log


def test_requests_come_back_as_they_were(tmp_path: Path):
    texts = np.array([b"", b"a\0", "ü".encode()], object)
    request = prediction_log.LoggedRequest("serving_default", {"text": texts, "number": np.arange(6.0).reshape(3, 2)})

    prediction_log.write(tmp_path / "requests", "model", [request, request.first(1)])
    whole, one = prediction_log.read(tmp_path / "requests")

    assert whole.inputs["text"].tolist() == texts.tolist()
    np.testing.assert_array_equal(whole.inputs["number"], request.inputs["number"])
    assert one.inputs["text"].tolist() == [b""]


@pytest.mark.parametrize("cut", [1, 11, 15, 40, -1])
def test_a_file_of_requests_that_ends_early_is_refused(cut: int, tmp_path: Path):
    file = tmp_path / "requests"
    prediction_log.write(file, "model", [prediction_log.LoggedRequest("serving_default", {"x": np.zeros((2, 9))})])
    file.write_bytes(file.read_bytes()[:cut])

    with pytest.raises(prediction_log.DamagedLogError):
        prediction_log.read(file)
