"""OpenVINO as a second reader of a SavedModel: it shares no code with TensorFlow.

Its wheel is unpacked into a folder of its own: nothing is installed, and what it can send home is not there.
"""

import subprocess
import sys
import zipfile
from pathlib import Path

VERSION = "2026.4.1"
NAME, WHEEL = f"OpenVINO {VERSION}", f"openvino=={VERSION}"
READ = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
import numpy as np
import openvino
from twotrack.shared.export.tf_serving import expected, gate

version = Path(sys.argv[1])
core, asked = openvino.Core(), expected.read(version)
model = core.read_model(str(version))
compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
inputs = next(request for request in asked.requests if request.signature == "serving_default").inputs
names = {}
for port in compiled.inputs:
    known = {name.partition(":")[0].removeprefix("serving_default_") for name in port.get_names()}
    names[port] = next(name for name in inputs if name in known)
texts = {name: array.astype(np.bytes_) if array.dtype == object else array for name, array in inputs.items()}
largest = 0.0
for size in gate.BATCH_SIZES:
    wanted = asked.probabilities[:size]
    answers = compiled({port: np.ascontiguousarray(texts[name][:size]) for port, name in names.items()})
    found = next(array for array in answers.values() if np.asarray(array).shape == wanted.shape)
    largest = max(largest, float(np.abs(found - wanted).max()))
print(f"{largest:.0e}")
"""


def answers(version: Path, package: Path) -> str:
    """Return the largest difference of a probability over the gate's requests, or why there is none."""
    command = [sys.executable, "-P", "-c", READ, str(version), str(package)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (found.stdout if found.returncode == 0 else found.stderr).strip().splitlines()
    return said[-1] if said else f"the process ended with code {found.returncode}"


def unpacked(folder: Path, wheels: Path) -> Path:
    """Unpack the package into a new folder."""
    (wheel,) = wheels.glob(f"openvino-{VERSION}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "openvino_package")
    return folder / "openvino_package"
