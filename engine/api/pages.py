"""What goes out in lists: the same shape everywhere, so that more can stand beside the entries later."""

from typing import Generic, TypeVar

from pydantic import BaseModel

_T = TypeVar("_T", bound=BaseModel)


class Listed(BaseModel, Generic[_T]):
    """All entries of a list."""

    data: list[_T]


class Done(BaseModel):
    """A command was carried out, and has nothing else to say."""

    done: bool = True
