"""What stands around the model in PyTorch: batches, seeds, stopping, networks."""

import pkgutil

import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler

from shared.differences.measured import Measured


def fit_batches() -> Measured:
    """DataLoader over 64 examples."""
    loader = DataLoader(range(64))
    return Measured({"batch size": loader.batch_size, "shuffles": isinstance(loader.sampler, RandomSampler)})


def seeding() -> Measured:
    """torch.manual_seed."""
    torch.manual_seed(1)
    torch.manual_seed(0)
    return Measured({"seeds torch": torch.initial_seed() == 0})


def early_stopping() -> Measured:
    """torch has none."""
    modules = [module.name for module in pkgutil.walk_packages(torch.optim.__path__)] + dir(torch.optim)
    return Measured({"exists": any("early" in name.lower() for name in modules)})


def pretrained_networks() -> Measured:
    """torch itself has none."""
    networks = ("resnet", "efficientnet", "vit", "convnext")
    return Measured({"networks in torch itself": any(name.lower().startswith(networks) for name in dir(nn))})
