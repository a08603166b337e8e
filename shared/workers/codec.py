"""Values of a type as JSON has them, and back."""

from functools import cached_property
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Value = TypeVar("Value")


class Codec(Generic[Value]):
    """What pydantic makes of a type. It is imported when the first value comes, not before."""

    def __init__(self, hint: Any):
        self._hint = hint

    def write(self, value: Value) -> Any:
        """Return a value as JSON has it, NaN and infinity included; raise TypeError if it is not of the type."""
        from pydantic_core import PydanticSerializationError

        try:
            return self._adapter.dump_python((value,), mode="json", warnings="error")[0]
        except PydanticSerializationError as error:
            raise TypeError(f"expected {self._hint}: {str(error).splitlines()[-1].strip()}") from error

    def read(self, plain: Any) -> Value:
        """Return the value that JSON has so; raise pydantic's ValidationError if it is not of the type."""
        return self._adapter.validate_python((plain,))[0]

    @cached_property
    def _adapter(self) -> "TypeAdapter[tuple[Value]]":
        from pydantic import ConfigDict, TypeAdapter

        # A tuple around the type, as what is said of infinity counts for the outermost type, and a model refuses it.
        hint: Any = GenericAlias(tuple, (self._hint,))
        return TypeAdapter(hint, config=ConfigDict(ser_json_inf_nan="constants"))
