"""Layers without memory as PyTorch has them by default."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from twotrack.shared.bridge.layouts import dense_after_flatten
from twotrack.shared.differences import samples
from twotrack.shared.differences.measured import Measured
from twotrack.torch_track.freezing import FROZEN, train_mode
from twotrack.torch_track.layers import BatchNorm2d, activation


def _tensor(array: np.ndarray) -> Tensor:
    """Return a tensor, images (batch, height, width, channels) with their channels first."""
    return torch.from_numpy(array).permute(0, 3, 1, 2) if array.ndim == 4 else torch.from_numpy(array)


def _array(tensor: Tensor) -> np.ndarray:
    """Return an array, images with their channels last."""
    return (tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor).detach().numpy()


def _apply(layer: nn.Module, array: np.ndarray) -> np.ndarray:
    return _array(layer(_tensor(array)))


def layer_norm_epsilon() -> Measured:
    """nn.LayerNorm on small numbers."""
    layer = nn.LayerNorm(8)
    return Measured({"epsilon": layer.eps}, _apply(layer, samples.SMALL))


def group_norm_epsilon() -> Measured:
    """nn.GroupNorm on small numbers."""
    layer = nn.GroupNorm(2, 8)
    return Measured({"epsilon": layer.eps}, _apply(layer, samples.SMALL))


def batch_norm_epsilon() -> Measured:
    """nn.BatchNorm2d in training on small images."""
    layer = nn.BatchNorm2d(2)
    return Measured({"epsilon": layer.eps}, _apply(layer, samples.IMAGE * np.float32(0.03)))


def batch_norm_momentum() -> Measured:
    """Running mean of nn.BatchNorm2d after one batch."""
    layer = nn.BatchNorm2d(2)
    _apply(layer, samples.IMAGE)
    return Measured({"momentum": layer.momentum}, layer.running_mean.numpy())


def batch_norm_variance() -> Measured:
    """Running variance of nn.BatchNorm2d that keeps the last batch's alone."""
    variances = []
    for layer in (nn.BatchNorm2d(2, momentum=1.0), BatchNorm2d(2, momentum=1.0)):
        _apply(layer, samples.IMAGE)
        variances.append(layer.running_var.numpy())
    ratio = variances[0] / samples.IMAGE.var(axis=(0, 1, 2))
    return Measured({"over the biased variance, 36 values": ratio[0]}, *variances)


def frozen_batch_norm() -> Measured:
    """Running mean of a batch normalisation that takes no gradient, after one batch in training mode."""
    plain, ours = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    setattr(ours, FROZEN, True)
    plain.requires_grad_(False).train()
    train_mode(ours)
    for layer in (plain, ours):
        _apply(layer, samples.IMAGE)
    moved = bool(plain.running_mean.abs().max() > 0)
    return Measured({"statistics move": moved}, plain.running_mean.numpy(), ours.running_mean.numpy())


def same_padding() -> Measured:
    """nn.Conv2d with a stride of 2 and a padding of 1."""

    def convolve(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        layer = nn.Conv2d(kernel.shape[2], 1, 3, stride=2, padding=1, bias=False)
        layer.weight.data = torch.from_numpy(kernel).permute(3, 2, 0, 1)
        return _apply(layer, image)

    ones = np.ones((3, 3, 1, 1), np.float32)
    front = {size: 3 - convolve(np.ones((1, size, size, 1), np.float32), ones)[0, 0, 0, 0] ** 0.5 for size in (6, 7)}
    values = {"rows in front, even input": front[6], "rows in front, odd input": front[7]}
    return Measured(values | {"takes 'same' with a stride": _takes_same()}, convolve(samples.IMAGE, samples.KERNEL))


def _takes_same() -> bool:
    try:
        nn.Conv2d(1, 1, 3, stride=2, padding="same")
    except ValueError:
        return False
    return True


def max_pool_padding() -> Measured:
    """nn.MaxPool2d with a stride of 2 and a padding of 1, on numbers below 0."""
    layer = nn.MaxPool2d(3, stride=2, padding=1)
    rows = np.tile(np.arange(6, dtype=np.float32)[None, :, None, None], (1, 1, 6, 1))
    front = 2 - _apply(layer, rows)[0, 0, 0, 0]
    edge = _apply(layer, -np.ones((1, 6, 6, 1), np.float32))[0, 0, 0, 0]
    values = {"rows in front, even input": front, "corner of an image of -1": edge}
    return Measured(values, _apply(layer, -np.abs(samples.IMAGE)))


def average_pool_padding() -> Measured:
    """nn.AvgPool2d with a padding of 1."""
    ones = np.ones((1, 6, 6, 1), np.float32)
    default = nn.AvgPool2d(3, stride=1, padding=1)
    values = {"corner of an image of 1": _apply(default, ones)[0, 0, 0, 0]}
    aligned = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return Measured(values, _apply(default, samples.IMAGE), _apply(aligned, samples.IMAGE))


def flatten_order() -> Measured:
    """nn.Flatten, and a dense kernel of Keras behind it: as it is, then as the bridge reorders it."""
    counted = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    second = {1.0: "the next channel", 3.0: "the next column"}[float(_apply(nn.Flatten(), counted)[0, 1])]
    kernel, flat = samples.normal(72, 4), _apply(nn.Flatten(), samples.IMAGE)
    aligned = dense_after_flatten(6, 6, 2).from_canonical(kernel).T
    return Measured({"second number": second}, flat @ kernel, flat @ aligned)


def data_format() -> Measured:
    """nn.Conv2d with 4 filters."""
    return Measured({"axis of the channels": list(nn.Conv2d(2, 4, 3)(torch.zeros(1, 2, 9, 9)).shape).index(4)})


def kernel_layout() -> Measured:
    """Shapes of kernels: dense 2 to 3, convolution 3 x 3 of 2 to 4, query of attention 8 to 2 heads of 4."""
    return Measured(
        {
            "dense": samples.name_of(nn.Linear(2, 3).weight.shape),
            "convolution": samples.name_of(nn.Conv2d(2, 4, 3).weight.shape),
            "query": samples.name_of(nn.MultiheadAttention(8, 2).in_proj_weight.shape),
        }
    )


def leaky_relu_slope() -> Measured:
    """nn.LeakyReLU and its function."""
    x, one = samples.normal(8), torch.tensor(-1.0)
    values = {"layer": -nn.LeakyReLU()(one), "function": -functional.leaky_relu(one)}
    return Measured(values, _apply(nn.LeakyReLU(), x), _apply(activation("leaky_relu", 8), x))


def prelu_alpha() -> Measured:
    """nn.PReLU on 5 units."""
    x, layer = samples.normal(4, 5), nn.PReLU()
    values = {"alpha at the start": layer.weight[0], "alphas for 5 units": layer.weight.numel()}
    return Measured(values, _apply(layer, x), _apply(activation("prelu", 5), x))


def gelu() -> Measured:
    """nn.GELU."""
    return Measured({"gelu(1)": nn.GELU()(torch.tensor(1.0))}, _apply(nn.GELU(), samples.normal(8)))


def bert_gelu() -> Measured:
    """The activation that transformers' BertConfig names."""
    from transformers import BertConfig
    from transformers.activations import ACT2FN

    function = ACT2FN[BertConfig().hidden_act]
    return Measured({"gelu(1)": function(torch.tensor(1.0))}, _apply(function, samples.normal(8)))


def elu_and_hard_sigmoid() -> Measured:
    """nn.ELU and nn.Hardsigmoid."""
    x, one = samples.normal(8), torch.tensor(1.0)
    values = {"elu(-1)": nn.ELU()(-one), "hard_sigmoid(1)": nn.Hardsigmoid()(one)}
    return Measured(values, [_apply(nn.ELU(), x), _apply(nn.Hardsigmoid(), x)])


def derivative_at_zero() -> Measured:
    """Derivatives where there is none, PReLU with an alpha of 0.25."""
    return Measured({"ReLU": _derivative(nn.ReLU()), "PReLU": _derivative(nn.PReLU(init=0.25))})


def leaky_derivative_at_zero() -> Measured:
    """Derivative of a leaky ReLU with a slope of 0.01 at 0."""
    return Measured({"leaky ReLU": _derivative(nn.LeakyReLU(0.01))})


def _derivative(layer: nn.Module) -> float:
    x = torch.zeros(1, requires_grad=True)
    layer(x).backward()
    return float(x.grad)


def biases() -> Measured:
    """Whether layers have a bias."""
    return Measured({"dense": nn.Linear(2, 3).bias is not None, "convolution": nn.Conv2d(2, 4, 3).bias is not None})


def fused_activation() -> Measured:
    """nn.Linear has none."""
    return Measured({"dense layer takes an activation": hasattr(nn.Linear(1, 1), "activation")})


def attention_mask() -> Measured:
    """nn.MultiheadAttention with identities for kernels, the same mask as it is and inverted."""
    layer, x = nn.MultiheadAttention(4, 1, bias=False, batch_first=True), torch.from_numpy(samples.normal(1, 4, 4))
    layer.in_proj_weight.data, layer.out_proj.weight.data = torch.eye(4).repeat(3, 1), torch.eye(4)

    def attend(x: Tensor, mask: Tensor) -> np.ndarray:
        return layer(x, x, x, key_padding_mask=mask)[0].detach().numpy()

    mask, other = torch.from_numpy(samples.MASK), x.clone()
    other[0, 0] += 1
    attends = not np.allclose(attend(x, mask)[0, 3], attend(other, mask)[0, 3])
    return Measured({"a place with True is attended to": attends}, attend(x, mask), attend(x, ~mask))


def dropout_rate() -> Measured:
    """The rate of nn.Dropout that is told none."""
    return Measured({"default": nn.Dropout().p})


def dropout_masks() -> Measured:
    """nn.Dropout on ones, after seed 0."""
    torch.manual_seed(0)
    kept = _apply(nn.Dropout(0.5), np.ones(64, np.float32))
    return Measured({"what is kept, rate 0.5": kept.max()}, kept)


def embedding_padding() -> Measured:
    """Row 0 of nn.Embedding with padding_idx: at the start, and its gradient."""
    gradients = []
    for padding in ({"padding_idx": 0}, {}):
        layer = nn.Embedding(4, 2, **padding)
        layer(torch.tensor([[0, 1]])).sum().backward()
        gradients.append(layer.weight.grad[0].numpy())
    zero = not nn.Embedding(4, 2, padding_idx=0).weight[0].any()
    return Measured({"row 0 starts at zero": zero, "row 0 is trained": bool(gradients[0].any())}, *gradients)


def resizing() -> Measured:
    """Bilinear interpolation from 6 x 6 to 3 x 3."""
    smaller = functional.interpolate(_tensor(samples.IMAGE), size=(3, 3), mode="bilinear")
    smooth = functional.interpolate(_tensor(samples.IMAGE), size=(3, 3), mode="bilinear", antialias=True)
    return Measured({"smooths before it shrinks": torch.allclose(smaller, smooth)}, _array(smaller))


def encoder_block() -> Measured:
    """nn.TransformerEncoderLayer."""
    layer = nn.TransformerEncoderLayer(8, 2)
    return Measured(
        {
            "dropout": layer.dropout.p,
            "layer-norm epsilon": layer.norm1.eps,
            "activation": layer.activation.__name__,
            "norm first": layer.norm_first,
        }
    )


def vit_epsilon() -> Measured:
    """Layer normalisation of transformers' ViT."""
    from transformers import ViTConfig

    return Measured({"epsilon": ViTConfig().layer_norm_eps})
