"""python -m docs.notebooks FOLDER writes the notebook of every lesson; `make docs` puts them beside the pages.

A page of docs/chapters is the only source. Of what stands at its left edge
- a block with a file's name becomes a cell that writes the file,
- a block of `twotrack compare` and `twotrack verify` becomes a cell with the same calls, where the Python API has them,
- a block that shows a file of the repository is named only: a notebook holds no copy of the library,
- everything else is text. Behind each exercise that judges itself stands a cell for the answer.

Notebooks are built, not kept in the repository: they would double every change of a page, and only a build knows
under which address the repository is (GITHUB_REPOSITORY, as GitHub's own builds set it), which Colab needs.
"""

import base64
import os
import re
import shlex
import sys
from inspect import signature
from pathlib import Path
from textwrap import dedent

import jupytext
import nbformat
from nbformat import NotebookNode

import twotrack
from twotrack.shared.exercises import EXERCISES
from twotrack.shared.exercises.spec import FRAMEWORKS, Exercise, Model

CHAPTERS = Path(__file__).parent / "chapters"
REPOSITORY = os.environ.get("GITHUB_REPOSITORY", "")
"""OWNER/NAME on GitHub; empty where the build does not know it."""
PUBLISHED = "gh-pages"
"""The branch that holds the built site."""
EXTRAS = {"review_bert": "bert,torch,tensorflow", "shop_transfer": "vision,torch,tensorflow"}

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<code>.*?)^```\n", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="([^"]+)"')
FRAME = re.compile(r"^</?(?:div|details)\b[^>]*>\n|^<summary>.*</summary>\n", re.MULTILINE)
ANSWER = re.compile(r'^    \?\?\? success "Answer"\n\n((?:^(?: {8}.*)?\n)+)', re.MULTILINE)
ATTACHED = re.compile(r"\]\(attachment:([\w-]+\.svg)\)")
ITEM = re.compile(r"(?=^\d+\. \*\*)", re.MULTILINE)


def notebook(lesson: str) -> NotebookNode:
    """Return the notebook of a lesson, without outputs."""
    made = jupytext.reads(markdown(lesson), fmt="md")
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, cell in enumerate(made.cells):
        cell.id = f"{lesson}-{number}"  # the same in every build
        if attachments := {name: _attached(name) for name in ATTACHED.findall(cell.source)}:
            cell.attachments = attachments
    return made


def markdown(lesson: str) -> str:
    """Return a lesson's page as jupytext reads it: a block of plain `python` at the left edge is a cell."""
    page = FRAME.sub("", (CHAPTERS / f"{lesson}.md").read_text())
    title, rest = page.split("\n", 1)
    lesson_proper, behind = FENCE.sub(_fence, rest).split("\n## Exercises\n", 1)
    items, end = behind.split("\n## Summary\n", 1)
    links = " · ".join(f"[{text}]({address})" for text, address in badges(lesson).items())
    head = f"{title}\n\n{links}\n\n{_cell(preparation(lesson))}"
    return _as_notebooks_write(f"{head}{lesson_proper}\n## Exercises\n{_exercises(lesson, items)}\n## Summary\n{end}")


def badges(lesson: str) -> dict[str, str]:
    """Return by their text the addresses of a lesson's notebook: here, and on Colab where that can find it."""
    found = {f"Notebook: jupyter lab {lesson}.ipynb": f"{lesson}.ipynb"}
    if REPOSITORY:
        path = f"{REPOSITORY}/blob/{PUBLISHED}/chapters/{lesson}.ipynb"
        found["Open in Colab"] = f"https://colab.research.google.com/github/{path}"
    return found


def preparation(lesson: str) -> str:
    """Return the first cell: on Colab it installs twotrack, everywhere it imports it."""
    place = f"git+https://github.com/{REPOSITORY}" if REPOSITORY else "file:///content/twotrack"
    return dedent(f"""\
        import sys

        if "google.colab" in sys.modules:
            %pip install --quiet "twotrack[{EXTRAS.get(lesson, "torch,tensorflow")}] @ {place}"

        import twotrack""")


API = {"compare": twotrack.compare, "verify": twotrack.verify}
SHOWN = {"compare": "verdict", "verify": "passed"}
"""What of an answer a cell prints."""


def calls(commands: str) -> str:
    """Return a block of `twotrack compare` and `verify` as calls of the Python API; empty for any other block."""
    made = [_call(shlex.split(line, comments=True)) for line in commands.strip().splitlines()]
    return "\n".join(f"print({call})" for call in made) if all(made) else ""


def _call(words: list[str]) -> str:
    if words[0] != "twotrack" or words[1] not in API:
        return ""
    options: dict[str, str] = {}
    settings: dict[str, str] = {}
    for name, value in zip(words[3::2], words[4::2], strict=True):
        if name == "--set":
            key, _, settings[key] = value.partition("=")
        else:
            options[name.removeprefix("--")] = _value(name, value)
    if settings:
        options["settings"] = str(settings)
    if not set(options) <= set(signature(API[words[1]]).parameters):
        return ""
    told = ", ".join([repr(words[2]), *(f"{name}={value}" for name, value in options.items())])
    return f"twotrack.{words[1]}({told}).{SHOWN[words[1]]}"


def _value(name: str, text: str) -> str:
    if name == "--tracks":
        return repr(text.split(","))
    return text if re.fullmatch(r"[\d.]+", text) else repr(text)


def _cell(code: str) -> str:
    return f"```python\n{code.rstrip()}\n```\n"


def _fence(block: re.Match[str]) -> str:
    """Return what stands for a block at the left edge."""
    title, code = TITLE.search(block["info"]), block["code"]
    if title and "--8<--" in code:
        return f"`{title[1]}` in the repository.\n"
    if title:
        return _cell(f"%%writefile {title[1]}\n{code}")
    return _cell(made) if not block["info"] and (made := calls(code)) else block[0]


def _as_notebooks_write(text: str) -> str:
    """Return a text with equations, folded answers, links and pictures as a notebook shows them."""
    text = re.sub(r"\\\[(.*?)\\\]", r"$$\1$$", text, flags=re.DOTALL)
    text = re.sub(r"\\\((.*?)\\\)", r"$\1$", text)
    text = ANSWER.sub(
        lambda found: f"    <details><summary>Answer</summary>\n\n{_out(found[1])}\n    </details>\n\n", text
    )
    text = re.sub(r"(\]\([\w./-]+)\.md([#)])", r"\1.html\2", text)
    return re.sub(r"\]\(figures/([\w-]+\.svg)\)", r"](attachment:\1)", text)


def _out(body: str) -> str:
    """Return an answer one level further out, its code as notebooks mark it."""
    return re.sub(r"^    ", "", re.sub(r"```\{\.python[^\n]*", "```python", body), flags=re.MULTILINE).rstrip()


def _attached(name: str) -> dict[str, str]:
    return {"image/svg+xml": base64.b64encode((CHAPTERS / "figures" / name).read_bytes()).decode()}


def _exercises(lesson: str, text: str) -> str:
    heading, *items = ITEM.split(text)
    told = [
        f"{item.rstrip()}\n\n{_cell(answer_cell(lesson, number, exercise)) if exercise.answer else ''}"
        for number, (item, exercise) in enumerate(zip(items, EXERCISES[lesson], strict=True), start=1)
    ]
    return "\n".join([heading, *told])


def answer_cell(lesson: str, number: int, exercise: Exercise) -> str:
    """Return the cell for an answer: it says nothing until there is one."""
    asked = exercise.answer
    if isinstance(asked, Model) and not asked.optimizer:
        return dedent(f"""\
            def build():
                ...  # your model in {FRAMEWORKS[asked.write]}

            if build() is not None:
                print(twotrack.check_exercise("{lesson}", {number}, build))""")
    return dedent(f"""\
        answer = ...  # {"the name of your file" if isinstance(asked, Model) else exercise.give}
        if answer is not ...:
            print(twotrack.check_exercise("{lesson}", {number}, answer))""")


def write(folder: Path) -> list[Path]:
    """Write the notebook of every lesson into a folder; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for lesson in EXERCISES:
        files.append(folder / f"{lesson}.ipynb")
        nbformat.write(notebook(lesson), files[-1])
    return files


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("expected one folder: python -m docs.notebooks FOLDER")
    print(*write(Path(sys.argv[1])), sep="\n")
