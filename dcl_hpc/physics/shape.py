"""Shapes of lattices to predict, which may have other edges than the observed one."""

import re

BOUNDARIES = ("periodic", "open")


class Shape(tuple):
    """Unit cells along each axis, and what the edges are like.

    Equals a plain tuple if the edges are as observed.

    Parameters
    ----------
    cells : iterable of int
    boundary : str, optional
        "periodic" or "open", along all axes; None: as observed.
    """

    def __new__(cls, cells, boundary: str | None = None):
        """The shape; raises ValueError if there is no such boundary."""
        if boundary not in (None, *BOUNDARIES):
            raise ValueError(f"boundary {boundary!r} is not known; give one of {', '.join(BOUNDARIES)}")
        self = super().__new__(cls, cells)
        self.boundary = boundary
        return self

    def __eq__(self, other):
        return super().__eq__(other) and self.boundary == getattr(other, "boundary", None)

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return hash((tuple(self), self.boundary)) if self.boundary else super().__hash__()

    def __str__(self) -> str:
        cells = "x".join(map(str, self))
        return f"{cells}-{self.boundary}" if self.boundary else cells

    def __repr__(self) -> str:
        return f"Shape({tuple(self)}, {self.boundary!r})" if self.boundary else super().__repr__()

    @classmethod
    def parse(cls, text: str) -> "Shape":
        """The shape that `str` gave, such as "16x16" or "32x32-periodic"; raises ValueError for others."""
        cells, _, boundary = text.partition("-")
        if not re.fullmatch(r"[0-9]{1,9}(x[0-9]{1,9})*", cells) or text.endswith("-"):
            raise ValueError(f"{text!r} is no shape; write it like 16x16 or 16x16-open")
        return cls(map(int, cells.split("x")), boundary or None)
