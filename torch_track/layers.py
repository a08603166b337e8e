"""Layers that PyTorch lacks, or whose definition must be Keras' for the two tracks to be one model."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose running variance averages the biased batch variance, as in Keras.

    nn.BatchNorm2d normalises with the biased variance but averages the unbiased one, n/(n-1) times
    as large (n = batch * height * width). Same parameters, buffers and inference as nn.BatchNorm2d.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x (batch, channels, height, width)."""
        if not self.training:
            return super().forward(x)
        count = x.numel() // x.shape[1]
        unbiased = torch.zeros_like(self.running_var)  # becomes momentum * unbiased batch variance
        y = functional.batch_norm(x, self.running_mean, unbiased, self.weight, self.bias, True, self.momentum, self.eps)
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_var.mul_(1 - self.momentum).add_(unbiased, alpha=(count - 1) / count)
        return y


class GlobalAveragePooling2d(nn.Module):
    """Mean over height and width."""

    def forward(self, x: Tensor) -> Tensor:
        """Map x (batch, channels, height, width) to (batch, channels)."""
        return x.mean(dim=(2, 3))
