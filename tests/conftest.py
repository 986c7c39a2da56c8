"""What several test files share: where data lies, the large data that is not kept here included."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No time limits: a busy machine is no fault of what is tested. `pytest --hypothesis-profile=dev`
# does the same as the variable.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", unhurried, max_examples=100)
settings.register_profile("dev", unhurried, max_examples=10)
settings.register_profile("long", unhurried, max_examples=400)
_PROFILE = "HYPOTHESIS_PROFILE"
settings.load_profile(os.environ.get(_PROFILE, "ci"))

_NOT_QUICK = ("thorough", "slow", "browser", "service", "cluster")
_WHOLE_COMMANDS = ("cases", "hostile", "pipeline")
"""Folders of tests that start commands; quick are those that say so."""


def pytest_configure(config: pytest.Config) -> None:
    """`-m quick` draws few examples, unless another profile is asked for."""
    asked = _PROFILE in os.environ or config.getoption("--hypothesis-profile")
    if config.option.markexpr == "quick" and not asked:
        settings.load_profile("dev")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as `quick` what nothing says takes long; fork and thread stand for all starts."""
    for item in items:
        if item.get_closest_marker("quick"):
            continue
        if item.path.parent.name in _WHOLE_COMMANDS and not any(
            map(item.get_closest_marker, _NOT_QUICK)
        ):
            item.add_marker("thorough")
        call = getattr(item, "callspec", None)
        given = {*map(str, call.params.values())} if call is not None else set()
        starts_anew = not given.isdisjoint(("spawn", "forkserver"))
        if not starts_anew and not any(map(item.get_closest_marker, _NOT_QUICK)):
            item.add_marker("quick")


POOLS = ("execute", "limits")
"""Folders whose tests look at what a pool does to the objects of its process."""
_unfreeze = gc.unfreeze
_is_of_pools = _is_frozen = False
_n_kept = 0
MOST_KEPT = 50
"""Pools whose objects stay frozen before it is looked whether some of them are garbage."""


def _unfreeze_where_it_is_tested() -> None:
    global _is_frozen, _n_kept
    if _is_of_pools:
        _unfreeze()
        _is_frozen = False
    _n_kept += 1


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tells tests of pools from others."""
    global _is_of_pools
    _is_of_pools = item.path.parent.name in POOLS


def pytest_collection_finish() -> None:
    """Thousands of tests are no garbage: each run in this process would look through them again.

    A pool of forks gives all objects back to the collections when it is closed. Not here: a
    collection over all tests takes 0.1 seconds, and a run has several.
    """
    global _is_frozen
    gc.collect()
    gc.freeze()
    _is_frozen = True
    gc.unfreeze = _unfreeze_where_it_is_tested


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Freezes what pools gave back; what they kept is looked at behind the tests of a file."""
    global _is_frozen, _n_kept
    if _n_kept > MOST_KEPT and (nextitem is None or nextitem.path != item.path):
        _n_kept = 0
        _unfreeze()
        gc.collect()
    elif _is_frozen:
        return
    gc.freeze()
    _is_frozen = True


@pytest.fixture(scope="session", autouse=True)
def only_what_tests_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No settings of the user reach a test, no answers of older probes, no other runs' plans."""
    with pytest.MonkeyPatch.context() as environment:
        for name in os.environ:
            if name.startswith("PFF_STREAM_") and name != "PFF_STREAM_SHARED_DATA":
                environment.delenv(name)
        for name in ("XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
            environment.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real graphs and rules that is kept with the tests."""
    return Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def example() -> Path:
    """The folder of the example for newcomers."""
    return Path(__file__).parent.parent / "docs" / "example"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of large data (fb15k237, wn18rr); tests that need it are skipped without it."""
    folder = os.environ.get("PFF_STREAM_SHARED_DATA")
    if not folder:
        pytest.skip("large data: PFF_STREAM_SHARED_DATA is not set")
    if not Path(folder, "fb15k237").is_dir():
        pytest.fail(f"PFF_STREAM_SHARED_DATA={folder}: there is no folder fb15k237")
    return Path(folder)
