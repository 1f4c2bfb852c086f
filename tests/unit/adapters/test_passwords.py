"""Argon2id, beside the event loop."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from sidecar.adapters.passwords import ArgonPasswords

RIGHT = "correct horse battery"


async def test_the_right_password_fits_its_hash_and_no_other() -> None:
    passwords = ArgonPasswords()
    hashed = await passwords.hashed(RIGHT)
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hashed != await passwords.hashed(RIGHT)
    assert await passwords.check(RIGHT, hashed) == (True, None)
    assert await passwords.check(f"{RIGHT}!", hashed) == (False, None)
    assert await passwords.check(RIGHT, "no hash at all") == (False, None)


async def test_a_hash_by_older_parameters_gets_a_better_one_with_the_right_password_only() -> None:
    passwords, older = ArgonPasswords(), PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(RIGHT)
    right, better = await passwords.check(RIGHT, older)
    assert right
    assert better is not None
    assert await passwords.check(RIGHT, better) == (True, None)
    assert await passwords.check("wrong", older) == (False, None)


async def test_for_a_name_that_nobody_has_the_same_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, verified = ArgonPasswords(), list[str]()
    verify = passwords._verified

    def counted(password: str, hashed: str) -> bool:
        verified.append(hashed.partition("$m=")[2].partition("$")[0])
        return verify(password, hashed)

    monkeypatch.setattr(passwords, "_verified", counted)
    hashed = await passwords.hashed(RIGHT)
    assert await passwords.check("a password that nobody has", None) == (False, None)
    await passwords.check("wrong", hashed)
    assert verified == ["19456,t=2,p=1"] * 2
