"""The communicator of one process that has no MPI."""


class Communicator:
    """What this program asks of an MPI communicator, for one rank."""

    rank, size = 0, 1

    def bcast(self, value, root: int = 0):
        """The value itself."""
        return value

    def gather(self, value, root: int = 0) -> list:
        """The one value."""
        return [value]

    def allgather(self, value) -> list:
        """The one value."""
        return [value]

    def Barrier(self) -> None:
        """Wait for nobody."""

    def Ibarrier(self) -> "Done":
        """A request that is done."""
        return Done()

    def Split(self, color: int = 0, key: int = 0) -> "Communicator":
        """The one group."""
        return self


class Done:
    """A request that waits for nobody."""

    def Test(self) -> bool:
        """Whether it is done."""
        return True
