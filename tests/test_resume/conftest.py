"""Runs that were never stopped, to compare with."""
import kills
import pytest


@pytest.fixture(scope='session')
def uninterrupted(tmp_path_factory):
    """The work directory of an epoch-based run."""
    folder = tmp_path_factory.mktemp('uninterrupted')
    kills.finish(folder, resume=False)
    return kills.left(folder)


@pytest.fixture(scope='session')
def iterations(tmp_path_factory):
    """The work directory of an iteration-based run."""
    folder = tmp_path_factory.mktemp('iterations')
    kills.finish(folder, resume=False, **kills.ITERATIONS)
    return kills.left(folder)
