"""Compiled code of the checkout for copies of it, whose tests need not wait for the same once more."""

import os
import shutil
from pathlib import Path

from numba.core.caching import UserProvidedCacheLocator

import edsym


def lend_compiled_code(package: Path, cache: str | Path) -> None:
    """Put what is compiled of the checkout's package where numba looks for what is compiled of a copy.

    Numba goes by the path of a module's folder and by a digest of the module: it takes no other version's.
    """
    own, name = Path(edsym.__file__).parent, UserProvidedCacheLocator.get_suitable_cache_subpath
    for module in own.rglob("*.py"):
        compiled = Path(os.environ["NUMBA_CACHE_DIR"], name(module))
        if compiled.is_dir():
            shutil.copytree(
                compiled, Path(cache, name(package / module.relative_to(own))), dirs_exist_ok=True
            )
