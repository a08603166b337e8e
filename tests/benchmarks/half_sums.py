"""How far torch's gradient of a layer normalisation's offset is off in bfloat16: python -m tests.benchmarks.half_sums

Each line: rows that are added up, relative root mean square of the error, and that of one rounding of the exact sum.
"""

import torch
from torch.nn import functional

FEATURES = 32


def main() -> None:
    torch.set_num_threads(1)  # two threads halve the sums, and so the error changes
    torch.manual_seed(0)
    for rows in (16, 192, 768, 4096):
        x = torch.randn(rows, FEATURES, dtype=torch.bfloat16)
        weight, bias = torch.ones(FEATURES, dtype=torch.bfloat16), torch.zeros(FEATURES, dtype=torch.bfloat16)
        gradients = (0.1 * torch.randn(rows, FEATURES)).bfloat16()
        functional.layer_norm(x, (FEATURES,), weight, bias.requires_grad_()).backward(gradients)
        exact = gradients.double().sum(dim=0)
        errors = [found.double() - exact for found in (bias.grad, exact.bfloat16())]
        found, rounding = (float(error.square().mean().sqrt() / exact.square().mean().sqrt()) for error in errors)
        print(f"{rows:>5} rows  {found:.1e}  {rounding:.1e}")


if __name__ == "__main__":
    main()
