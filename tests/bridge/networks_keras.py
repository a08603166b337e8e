"""The steps of drawn networks in Keras, channels last."""

from keras import layers, ops

from tests.bridge.networks import filters


class Raw(layers.Layer):
    """Weights of no layer: a factor for each feature, and a matrix."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), name="scale")
        self.matrix = self.add_weight(shape=(shape[-1], 3), name="matrix")

    def call(self, x):
        return ops.matmul(x * self.scale, self.matrix)


class Positions(layers.Layer):
    """A factor for each number of an image."""

    def build(self, shape):
        self.scale = self.add_weight(shape=shape[1:], name="scale")

    def call(self, x):
        return x * self.scale


def flat(x):
    return layers.Flatten()(x)


def conv(step, x):
    return layers.Conv2D(filters(step.number), 3, padding="same", activation="relu", name=step.name("conv"))(x)


def residual(step, x):
    grouped = layers.Conv2D(step.channels, 3, padding="same", groups=step.channels, name=step.name("conv"))
    return grouped(x) + x


def gate(step, x):
    both = ops.concatenate([ops.mean(x, -1, keepdims=True), ops.max(x, -1, keepdims=True)], -1)
    return x * ops.sigmoid(layers.Conv2D(1, 3, padding="same", name=step.name("conv"))(both))


def excite(step, x):
    scale = ops.sigmoid(layers.Dense(step.channels, name=step.name("dense"))(ops.mean(x, (1, 2))))
    return x * ops.reshape(scale, (-1, 1, 1, step.channels))


def attend(step, x):
    flattened = ops.reshape(x, (-1, step.height * step.width, step.channels))
    weights = ops.softmax(ops.einsum("bic,bjc->bij", flattened, flattened) / 4, -1)
    return x + ops.reshape(ops.matmul(weights, flattened), (-1, step.height, step.width, step.channels))


def mix(step, x):
    sizes = (-1, step.height, step.width)
    x = ops.transpose(ops.reshape(x, (*sizes, 2, step.channels // 2)), (0, 1, 2, 4, 3))
    return ops.reshape(x, (*sizes, step.channels))


def write(step, x):
    even = [1.0 - channel % 2 for channel in range(step.channels)]
    return ops.relu(x * ops.cast(even, x.dtype)) - x


def split(step, x):
    a, b = ops.split(x, 2, -1)
    return a * ops.sigmoid(b)


def shrink(step, x):
    height, width = step.height // 2, step.width // 2
    x = ops.reshape(x, (-1, height, 2, width, 2, step.channels))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, height, width, 4 * step.channels))


def enlarge(step, x):
    channels = step.channels // 4
    x = ops.reshape(x, (-1, step.height, step.width, 2, 2, channels))
    return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, 2 * step.height, 2 * step.width, channels))


def norm_dense(step, x):
    x = ops.relu(layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name=step.name("batch"))(flat(x)))
    return dense(step, layers.LayerNormalization(epsilon=1e-5, name=step.name("layer"))(x))


def dense(step, x):
    return layers.Dense(3, name=step.name("dense"))(x)


def columns(step, x):
    return dense(step, ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, x.shape[2], x.shape[1] * step.channels)))


STEPS = {
    "conv": conv,
    "join": lambda step, x: ops.concatenate([layers.Conv2D(2, 1, name=step.name("conv"))(x), x], -1),
    "residual": residual,
    "norm": lambda step, x: layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name=step.name("norm"))(x),
    "layer_norm": lambda step, x: layers.LayerNormalization(epsilon=1e-5, name=step.name("norm"))(x),
    "gate": gate,
    "excite": excite,
    "stacked": lambda step, x: x + ops.tanh(x),
    "attend": attend,
    "write": write,
    "pick": lambda step, x: ops.flip(ops.maximum(x, 0.2 * x), -1),
    "roots": lambda step, x: x / ops.sqrt(x * x + 1),
    "turn": lambda step, x: ops.flip(ops.roll(x, 1, 2), 1),
    "pad": lambda step, x: layers.ZeroPadding2D(((0, 1), (1, 0)))(x),
    "crop": lambda step, x: layers.Cropping2D(((1, 0), (0, 1)))(x),
    "pool": lambda step, x: layers.MaxPooling2D(2)(x),
    "average": lambda step, x: layers.AveragePooling2D(2)(x),
    "shrink": shrink,
    "enlarge": enlarge,
    "repeat": lambda step, x: layers.UpSampling2D(2)(x),
    "split": split,
    "mix": mix,
    "dense": lambda step, x: dense(step, flat(x)),
    "norm_dense": norm_dense,
    "table": lambda step, x, table: dense(step, ops.concatenate([table[:, :1], flat(x), table[:, 1:]], -1)),
    "columns": columns,
    "rows": lambda step, x: dense(step, ops.reshape(x, (-1, x.shape[1], x.shape[2] * step.channels))),
    "image": lambda step, x: x,
    "tokens": lambda step, x: dense(step, ops.reshape(x, (-1, x.shape[1] * x.shape[2], step.channels))),
    "patches": lambda step, x: ops.sum(dense(step, ops.reshape(x, (-1, x.shape[1] * x.shape[2], step.channels))), 1),
    "raw": lambda step, x: Raw(name=step.name("raw"))(flat(x)),
    "mean": lambda step, x: ops.mean(x, (1, 2)),
    "scaled": lambda step, x: dense(step, flat(Positions(name=step.name("positions"))(x))),
}
