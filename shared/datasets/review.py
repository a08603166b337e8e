"""One review: the columns of the published file and of a user's own, and what they may hold."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field


class Published(BaseModel):
    """A row of the published file; `great` means five stars."""

    review: str
    score: Literal["great", "other"]

    @property
    def text(self) -> str:
        """What the customer wrote."""
        return self.review

    @property
    def dissatisfied(self) -> bool:
        """Less than five stars."""
        return self.score == "other"


class Review(BaseModel):
    """A row of a user's own file."""

    text: Annotated[str, Field(pattern=r"\S", description="a text that is not empty")]
    label: Literal["0", "1", "satisfied", "dissatisfied"]

    @property
    def dissatisfied(self) -> bool:
        """The class with label 1."""
        return self.label in {"1", "dissatisfied"}
