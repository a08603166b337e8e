"""What the Python blocks of pages name without making it: code that makes it, by page."""

TWO_MODELS = """
from twotrack import Pair

def build_keras():
    import keras
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, name="head")])

def build_torch():
    from torch import nn
    return nn.Sequential()

build = before = after = build_keras
keras_loss = torch_loss = keras_losses = torch_total = lambda: None
"""
TRAINED = """
import numpy as np, torch, twotrack
from torch import nn
from torch.nn import functional
model = module = nn.Linear(3, 2)
inputs, targets, labels = torch.zeros(4, 3), torch.zeros(4, 2), torch.tensor([0, 1, 0, 1])
loss = loss_function = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
batches = [(inputs, targets)] * 3
"""
STANDALONE = """
from pathlib import Path
from twotrack.shared.recordings import standalone
Path("recorder.py").write_text(Path(standalone.__file__).read_text())
"""
BEFORE = {
    "README.md": """
import sys, types
sys.modules["my_models"] = types.SimpleNamespace(build_keras=None, build_torch=None)
""",
    "docs/guides/any-two-sides.md": TWO_MODELS,
    "docs/guides/porting.md": """
from twotrack.keras_track.models import mnist_cnn
from twotrack.shared.chapters.mnist_cnn import Config
mnist_cnn.build(Config()).save_weights("mnist_cnn.weights.h5")
""",
    "docs/guides/recordings.md": TRAINED + STANDALONE,
    "docs/guides/training-set-ups.md": TWO_MODELS,
    "docs/guides/weight-maps.md": TWO_MODELS,
    "docs/reference/backbones.md": "import numpy as np\nimages = np.zeros((1, 96, 96, 3), np.uint8)",
    "docs/reference/differences.md": """
from twotrack.shared.ledger import evidence
from twotrack.shared.ledger.spec import *
from twotrack.shared.ledger.spec import Area, Behaviour, Difference, Effect, Switch, with_layers
""",
    "docs/reference/optimizers.md": TRAINED,
    "docs/reference/statistics.md": """
import numpy as np
random = np.random.default_rng(0)
labels = random.integers(0, 2, 200)
first, second = (labels[None, :, None] + random.normal(size=(3, 200, 1)) for _ in range(2))
""",
    "docs/reference/weights.md": """
import types
from twotrack.shared.weights.bridge.layouts import heads_bias, heads_kernel
module = types.SimpleNamespace(query=types.SimpleNamespace())
""",
}
IN_KERAS = {
    "docs/guides/porting.md": BEFORE["docs/guides/porting.md"],
    "docs/reference/optimizers.md": """
import keras, numpy as np
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
batches = [(np.zeros((4, 3), "float32"), np.array([0, 1, 0, 1]))] * 2
""",
}
"""Of blocks that import Keras, or the Keras track."""
FILLED_IN = {
    "Pair(..., ": "Pair(build_keras, build_torch, (5,), ",
    "Pair(\n    ...,": "Pair(build_keras, build_torch, (5,),",
}
"""What stands for the reader's own."""
