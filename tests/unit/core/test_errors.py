"""Errors cross process borders whole, and say what helps."""

from __future__ import annotations

import pickle

import pytest

from sign_etl.core import errors


def all_kinds() -> list[type[errors.SignEtlError]]:
    found = [errors.SignEtlError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return [kind for kind in found if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", all_kinds(), ids=lambda kind: kind.__name__)
def test_pickle_keeps_everything(kind: type[errors.SignEtlError]) -> None:
    if kind is errors.MissingExtraError:
        error: errors.SignEtlError = errors.MissingExtraError("the Ray runner", "ray")
    else:
        error = kind("no such data set `wlas`", hint="did you mean `wlasl`?")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (copy.message, copy.hint, copy.exit_code) == (error.message, error.hint, error.exit_code)
    assert str(copy) == str(error) == error.message
    assert copy.args == error.args


def test_stopped_keeps_its_own_exit_code() -> None:
    copy = pickle.loads(pickle.dumps(errors.Stopped("stopped by Ctrl-C", exit_code=130)))
    assert copy.exit_code == 130
    assert errors.Stopped("stopped by SIGTERM").exit_code == 75


def test_attributes_added_later_survive() -> None:
    error = errors.ConfigError("bad value")
    error.path = "wlasl.yaml"  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(error)).path == "wlasl.yaml"


@pytest.mark.parametrize(
    ("kind", "exit_code"),
    [
        (errors.UsageError, 2),
        (errors.ConfigError, 2),
        (errors.AnnotationError, 2),
        (errors.AccessError, 3),
        (errors.VerifyError, 1),
        (errors.AccountingError, 1),
        (errors.DiskError, 75),
    ],
)
def test_exit_codes(kind: type[errors.SignEtlError], exit_code: int) -> None:
    assert kind("message").exit_code == exit_code


def test_missing_extra_names_the_command() -> None:
    error = errors.MissingExtraError("the Ray runner", "ray")
    assert error.exit_code == 3
    assert error.hint == "pip install 'sign-etl[ray]'"


def test_near_miss() -> None:
    known = ["wlasl", "folder", "demo"]
    assert errors.near_miss("wlsal", known) == "did you mean `wlasl`?"
    assert errors.near_miss("phoenix", known) is None
    assert errors.near_miss("wlasl", []) is None
