"""What differs between two training functions, in words: what, the line for torch, the line for Keras."""

from collections.abc import Mapping, Sequence
from math import isclose

from twotrack.shared.spec.loop import LoopNotes, OddClipping
from twotrack.shared.verify.diagnosis.rates import rates_text

Words = tuple[str, str, str]


def clears() -> Words:
    """Say that torch's function never clears gradients."""
    what = "torch adds the gradients of all batches up, as zero_grad() is missing; Keras takes those of each batch"
    return what, "optimizer.zero_grad() in front of loss.backward()", "gradients that are added up, as torch has them"


def keeps() -> Words:
    """Say that Keras' function never clears gradients."""
    what = "Keras adds the gradients of all batches up, as they are never cleared; torch takes those of each batch"
    return what, "no zero_grad()", "model.zero_grad() in front of loss.backward()"


def begins(keras: Sequence[int], torch: Sequence[int]) -> Words:
    """Say at which steps (0-based) each side makes its optimizer anew, which forgets what it remembers."""
    told = [_begun(one) for one in (keras, torch)]
    what = f"the state of the optimizer, such as momenta, begins {told[0]} in Keras and {told[1]} in torch"
    return what, f"an optimizer that is made {told[0]}", f"an optimizer that is made, or compiled, {told[1]}"


def _begun(steps: Sequence[int]) -> str:
    later = [str(step + 1) for step in steps if step]
    if not later:
        return "once"
    return f"anew at step{'s' * (len(later) > 1)} {', '.join(later[:3])}{', ...' * (len(later) > 3)}"


def rates(keras: float | Sequence[float], torch: float | Sequence[float]) -> Words:
    """Say how the learning rates of the steps differ."""
    return rates_text(keras, torch)


def setting(name: str, keras: float, torch: float) -> Words:
    """Say what a setting of the optimizer is on both sides."""
    what = f"{name} is {keras:g} in Keras and {torch:g} in torch"
    return what, f"{name}={keras:g} in torch's optimizer", f"{name}={torch:g} in Keras' optimizer"


def unclipped(limits: Mapping[str, float]) -> Words:
    """Say that torch alone clips gradients in front of its steps."""
    told = ", ".join(f"{_CLIPPED[name]} to {limit:g}" for name, limit in limits.items())
    what = f"torch clips gradients {told} in front of its steps, Keras does not, or only behind them"
    return what, "no clipping", f"clipping {told} in front of the step"


def clipped(name: str, limit: float, torch: LoopNotes) -> Words:
    """Say that Keras alone clips gradients in front of its steps, and what torch does in place of that."""
    told = f"{_CLIPPED[name]} to {limit:g}"
    own = [words for odd, words in _ODD.items() if torch.odd_clipping.get(odd) == name]
    does = "torch does not, or not with the gradients that it steps with"
    if not torch.clipped:
        does = "torch does not"
    elif own:
        does = f"torch clips {' and '.join(own)}"
    what = f"Keras clips gradients {told} in front of its steps, {does}"
    return what, f"clipping {told} between loss.backward() and optimizer.step()", "no clipping"


_ODD: Mapping[OddClipping, str] = {
    "behind": "behind them, where it does nothing",
    "each": "behind every backward(), several times for one step",
    "some": "those of some weights only",
    "norm": "by another norm than the root of the sum of squares",
}
_CLIPPED = {"global_clipnorm": "by the norm of all", "clipvalue": "by value"}


def left(keras: str, torch: str) -> Words:
    """Say which weights each side leaves at the end."""
    return f"at the end Keras has {keras}, torch {torch}", f"{keras} at the end", f"{torch} at the end"


def ends(keras: int, torch: int) -> Words:
    """Say behind which step each training function ended."""
    what = (
        f"Keras' training function ended behind step {keras}, torch's behind step {torch}, and all steps before agree: "
        "they stop by other rules, such as patience, min_delta or what counts as better"
    )
    return what, f"a rule that ends behind step {keras}", f"a rule that ends behind step {torch}"


def weighed(keras: str, torch: str) -> Words:
    """Say how each side weighs the parts of a batch."""
    what = f"of the parts of a batch Keras takes the losses {keras}, torch {torch}"
    return what, f"each part's loss weighed {keras}, in front of its backward()", f"the parts weighed {torch}"


def mode(is_training: bool) -> Words:
    """Say that Keras trains in another mode."""
    own, other = ("training", "evaluation") if is_training else ("evaluation", "training")
    what = f"Keras trains in {own} mode, torch in {other} mode"
    keras = {True: "training=True", False: "training=False"}
    return (
        what,
        f"model.{'train' if is_training else 'eval'}() in front of every step, behind every look at validation data",
        f"{keras[not is_training]} in the call of Keras' model",
    )


def given() -> Words:
    """Say that torch's function alone changes its inputs."""
    what = (
        "torch's function makes something else of a batch's inputs in front of the model, Keras gives them as they come"
    )
    return what, "the inputs as they come", "the same made of the inputs in front of the model"


def steps(batches: float, torch: LoopNotes) -> Words:
    """Say when Keras' optimizer steps, 0 for behind every part of a batch."""
    line = "zero_grad(), backward() and step() in this order, for each batch"
    if not torch.rates:
        return "torch's function never steps: no weight moves", line, "no step in Keras"
    if torch.empty_steps == len(torch.rates):
        what = "torch clears the gradients between backward() and step(): there is nothing to step with"
        return what, line, "no step in Keras"
    if batches > 1 and len(torch.rates) * batches == torch.batches:
        what = (
            f"both update every {batches:g} batches, Keras by the gradients of all of them, torch by those of the last "
            "alone"
        )
        return what, f"zero_grad() in front of every {batches:g} batches only", "an update by the last batch alone"
    often = "behind every part of a batch" if not batches else f"every {batches:g} batches" if batches > 1 else ""
    told = often or "once for each batch"
    what = f"Keras updates the weights {told}, torch does not"
    return what, f"optimizer.step() and zero_grad() {told}", "as often as torch's function steps"


def summed(factor: float, torch: LoopNotes, batch_size: int) -> Words:
    """Say that one side adds the gradients of several batches up where the other takes their mean."""
    number = round(max(factor, 1 / factor))
    summing, other = ("Keras", "torch") if factor > 1 else ("torch", "Keras")
    if factor < 1 and torch.parts == [batch_size] * number:
        what = f"torch calls backward() {number} times on the loss of each batch, and its gradients add up"
        return what, "backward() once for each batch", f"the loss times {number}"
    what = (
        f"the gradients of an update are {number} times as large in {summing}: the sum over {number} batches or "
        f"examples, of which {other} takes the mean"
    )
    line = f"the loss divided by {number} in front of backward()"
    return (what, f"the loss times {number}", line) if factor > 1 else (what, line, f"the loss times {number}")


def multiplied(factor: float) -> Words:
    """Say by how much the first update is larger, and all with it."""
    what = f"every gradient that goes into an update, or its learning rate, is {factor:g} times as large in Keras"
    return what, f"the loss, or the learning rate, times {factor:g}", f"the same times {1 / factor:g}"


def loss(factor: float, batch_size: int) -> Words:
    """Say by how much the loss is larger, gradients too."""
    what = f"Keras' loss is torch's times {_told(factor)}, and so are its gradients"
    if isclose(max(factor, 1 / factor), batch_size, rel_tol=1e-9):
        what += f": {'Keras' if factor > 1 else 'torch'} sums over the {batch_size} examples of a batch"
    return what, f"the loss times {_told(factor)}", f"the loss times {_told(1 / factor)}"


def recorded(factor: float) -> Words:
    """Say by how much what is recorded as loss is larger, while gradients agree."""
    what = f"what Keras records as the loss is what torch records times {_told(factor)}; no gradient is another"
    return what, f"record(loss * {_told(factor)})", f"record(loss * {_told(1 / factor)})"


def _told(factor: float) -> str:
    number = round(1 / factor) if 0 < factor < 1 else 0
    return f"1/{number}" if number > 1 and isclose(factor, 1 / number, rel_tol=1e-9) else f"{factor:g}"
