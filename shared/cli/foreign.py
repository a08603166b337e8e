"""rich's console, for texts that are not one's own: their control characters are escaped, rich's own are not."""

from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from twotrack.shared.cli.screen import Screen, escaped


class ForeignConsole(Console):
    """Writes what it draws past the screen that escapes whatever else is printed."""

    @property
    def file(self) -> IO[str]:
        """The stream behind the screen."""
        file = super().file
        return file.stream if isinstance(file, Screen) and file.stream else file

    @file.setter
    def file(self, new_file: IO[str]) -> None:
        self._file = new_file

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text, escaped before it is measured."""
        return super().render_str(escaped(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Return what is drawn, every text escaped."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(escaped(segment.text), segment.style)
