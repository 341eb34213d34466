"""What can go wrong between a registry and the members of an archive; each text is the reason in a few words."""


class PackageError(Exception):
    """A package could not be had, or is not what the manifest says."""


class Unreachable(PackageError):
    """The registry, or the way to it, does not answer: asking again, or for its other packages, is of no use."""


class ArchiveError(PackageError):
    """An archive cannot be read, or holds what no honest package holds."""
