"""Start of ``agentctl.pyz``: finds its modules inside the file and runs the program.

Python's own finder reads and compiles each module of a zip twice (``zipimport`` does it once
more to learn the file's name), which is half of a one-shot's time. Written so that a Python
that is too old can read it, too, and be told so.
"""

# ruff: noqa: UP031, UP036, RUF005
import sys

if sys.version_info < (3, 9):
    # argv[0] is the file, whoever has renamed it.
    sys.stderr.write(
        "agentctl: this needs Python 3.9 or later, and %s is %d.%d; run it with another, as in: "
        "python3.9 %s\n" % ((sys.executable,) + tuple(sys.version_info[:2]) + (sys.argv[0],))
    )
    sys.exit(2)

import os
from importlib.machinery import ModuleSpec, SourceFileLoader

ARCHIVE = __spec__.loader  # of this file: a zipimporter
PACKAGE = "/__init__.py"


class ArchiveLoader(SourceFileLoader):
    """A module out of the archive; nothing compiled is written anywhere."""

    archive = ARCHIVE.archive

    def get_data(self, path):
        return ARCHIVE.get_data(path)


class ArchiveFinder:
    """Knows the archive's modules by name."""

    def __init__(self, files):
        self._files = {
            name[: -len(PACKAGE if name.endswith(PACKAGE) else ".py")].replace("/", "."): name
            for name in files
        }

    def find_spec(self, fullname, path=None, target=None):
        name = self._files.get(fullname)
        if name is None:
            return None
        where = ARCHIVE.archive + os.sep + name.replace("/", os.sep)
        loader = ArchiveLoader(fullname, where)
        spec = ModuleSpec(fullname, loader, origin=where, is_package=name.endswith(PACKAGE))
        spec.has_location = True
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(os.path.dirname(where))
        return spec


sys.meta_path.insert(0, ArchiveFinder(ARCHIVE.get_data("modules.txt").decode("utf-8").split()))

from agentctl.cli import entry  # noqa: E402

# Under kubectl's names for a plugin it is one.
{
    "kubectl-agentctl": entry.kubectl_entry,
    "kubectl_complete-agentctl": entry.kubectl_complete_entry,
}.get(os.path.basename(sys.argv[0]), entry.entry)()
